"""A strategy's cohorts, routers and sums by account as shards of its state: each below 512 KiB.

routers/<chunk> (what they said last), past/<generation>/<bucket>, phase/<variant>/<bucket> (what
the judge weighs), active/<variant>/<bucket> (who traded), sums/<time>/<revision> (a cohort that is
not mature, whole but for its accounts), cohort/<time>/<revision>/<variant>/<chunk> (those). A
bucket changes when one of its accounts does; a cohort's sums only until its last order is reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice

from pydantic import TypeAdapter

from tradecanary.processors.decision.account_totals import AccountTotals
from tradecanary.processors.decision.cohorts import Cohort
from tradecanary.processors.decision.judges.accounts.state import AccountsState
from tradecanary.processors.decision.keyed import Keyed
from tradecanary.processors.decision.model import Rollout, RouterSeen, StrategyState

CHUNK = 1_000
"""Accounts of a cohort in one shard: about 300 bytes each."""
ROUTERS = 50
"""Routers in one shard: about 200 bytes for each revision they routed under."""
_ROWS = TypeAdapter(dict[str, AccountTotals])
_NAMES = TypeAdapter(dict[str, None])
_COHORT = TypeAdapter(Cohort)
_ROUTERS = TypeAdapter(dict[str, RouterSeen])

Rows = Mapping[str, AccountTotals | None] | Mapping[str, RouterSeen]
Shard = tuple[object, Rows | Cohort]
"""What the shard was made of, by identity, and its rows; of a cohort the cohort itself."""


def of(strategy: StrategyState) -> dict[str, Shard]:
    """Return all shards by name."""
    return dict(_shards(strategy))


def without(strategy: StrategyState) -> StrategyState:
    """Return the strategy without what lies in shards."""
    past = replace(strategy.accounts, newer={}, older={})
    strategy = replace(strategy, accounts=past, routers={})
    rollout = strategy.rollout
    if rollout is None:
        return strategy
    rollout = replace(rollout, pending={}, phase=replace(rollout.phase, accounts={}))
    return replace(strategy, rollout=_with_totals(rollout, {}))


def dumped(name: str, rows: Rows | Cohort) -> bytes:
    """Return the shard as the bytes of its record."""
    if isinstance(rows, Cohort):
        return _COHORT.dump_json(replace(rows, accounts={}))
    if name.startswith("routers/"):
        return _ROUTERS.dump_json(dict(rows))  # type: ignore[arg-type] # of that name
    return (_NAMES if name.startswith("active/") else _ROWS).dump_json(dict(rows))  # type: ignore[arg-type]


def joined(strategy: StrategyState, payloads: Mapping[str, bytes]) -> StrategyState:
    """Return the strategy with its shards put back; ValueError or KeyError when they do not fit."""
    keyed: dict[str, Keyed[AccountTotals]] = {}
    names: dict[str, Keyed[None]] = {}
    found_pending: list[Cohort] = []
    for name, payload in payloads.items():
        place, _, index = name.rpartition("/")
        if name.startswith("routers/"):
            seen = strategy.routers | _ROUTERS.validate_json(payload)
            strategy = replace(strategy, routers=seen)
        elif name.startswith("sums/"):
            found_pending.append(_COHORT.validate_json(payload))
        elif name.startswith("active/"):
            names.setdefault(place, {})[int(index)] = _NAMES.validate_json(payload)
        else:
            keyed.setdefault(place, {})[int(index)] = _ROWS.validate_json(payload)
    newer, older = (keyed.pop(f"past/{generation}", {}) for generation in ("newer", "older"))
    strategy = replace(strategy, accounts=replace(strategy.accounts, newer=newer, older=older))
    rollout = strategy.rollout
    if rollout is None:
        return strategy
    active = {place.partition("/")[2]: found for place, found in names.items()}
    rollout = replace(rollout, phase=replace(rollout.phase, accounts=active))
    totals: dict[str, Keyed[AccountTotals]] = {}
    # versions of before kept cohorts in the strategy's own part
    pending = rollout.pending | {cohort.key: cohort for cohort in found_pending}
    for place, found in keyed.items():
        kind, *where = place.split("/")
        if kind == "phase":
            totals[where[0]] = found
            continue
        key, variant = "/".join(where[:-1]), where[-1]
        book = {account: one for index in sorted(found) for account, one in found[index].items()}
        pending[key] = replace(pending[key], accounts=pending[key].accounts | {variant: book})
    return replace(strategy, rollout=_with_totals(replace(rollout, pending=pending), totals))


def _with_totals(rollout: Rollout, totals: dict[str, Keyed[AccountTotals]]) -> Rollout:
    state = rollout.judge_state
    if not isinstance(state, AccountsState):
        return rollout
    return replace(rollout, judge_state=replace(state, totals=totals))


def _shards(strategy: StrategyState) -> Iterator[tuple[str, Shard]]:
    seen = iter(strategy.routers.items())
    for index in range(0, len(strategy.routers), ROUTERS):
        yield f"routers/{index // ROUTERS}", (strategy.routers, dict(islice(seen, ROUTERS)))
    yield from _buckets("past/newer", strategy.accounts.newer)
    yield from _buckets("past/older", strategy.accounts.older)
    rollout = strategy.rollout
    if rollout is None:
        return
    for variant, names in rollout.phase.accounts.items():
        yield from _buckets(f"active/{variant}", names)
    if isinstance(rollout.judge_state, AccountsState):
        for variant, totals in rollout.judge_state.totals.items():
            yield from _buckets(f"phase/{variant}", totals)
    for key, cohort in rollout.pending.items():
        yield f"sums/{key}", (cohort, cohort)
        for variant, book in cohort.accounts.items():
            rest = iter(book.items())
            for index in range(0, len(book), CHUNK):
                chunk = book if len(book) <= CHUNK else dict(islice(rest, CHUNK))
                yield f"cohort/{key}/{variant}/{index // CHUNK}", (book, chunk)


def _buckets(place: str, known: Keyed[AccountTotals] | Keyed[None]) -> Iterator[tuple[str, Shard]]:
    for bucket, rows in known.items():
        yield f"{place}/{bucket}", (rows, rows)
