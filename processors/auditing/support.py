"""Whether decisions are what their inputs give: what was made again against what is recorded.

Number and hashes are the chain's business (`chain.py`) and not compared, so that one removed or
changed decision is not found again in all that follow it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, fields

from tradecanary.processors.auditing.chain import vector_text
from tradecanary.processors.auditing.findings import Finding, What
from tradecanary.processors.stage import LogRecord
from tradecanary.schemas.codec import decode, encode, encode_as
from tradecanary.schemas.decisions import Decision, Evidence, Vector

Facts = dict[str, str]
"""A decision's fields as texts; what is long is a digest, with a few words before it."""
ALWAYS = -(1 << 63)
"""`Support.since_all` where the past is known from the first look on: no look lies before it."""
_CHAINED = frozenset({"number", "previous_hash", "hash"})


def as_written(decision: Decision, header: bytes) -> Decision:
    """Return `decision` without what an older contract cannot carry; no `header`: as it is."""
    return decode(Decision, encode_as(decision, header)) if header else decision


def facts_of(decision: Decision) -> Facts:
    """Return what is compared of a decision: equal facts mean equal decisions but for the chain."""
    decision = decode(Decision, encode(decision))  # what a topic tells: 3 is 3.0 there
    names = [each.name for each in fields(decision) if each.name not in _CHAINED]
    return {name: _text(getattr(decision, name)) for name in names}


def _text(value: object) -> str:
    match value:
        case Vector():
            return vector_text(value) + f", baseline {value.baseline}"
        case Evidence():
            digest = hashlib.sha256(repr(value).encode()).hexdigest()[:16]
            counted = ", ".join(f"{one.variant} {one.orders:,} orders" for one in value.variants)
            return f"{value.phase_name or '-'}: {counted or 'no orders'} (digest {digest})"
        case _:
            return str(value)


@dataclass(frozen=True, slots=True)
class Made:
    """A decision that a look gave when it was taken again; `offset` is that look's."""

    offset: int
    facts: Facts


@dataclass(slots=True)
class Support:
    """What the looks of one control partition give.

    `until`: the last look whose decisions must be there (they are written with it, but a log tells
    of topics one after the other). `since`: from which look on a strategy's past is known.
    """

    partition: int
    made: dict[tuple[str, int], list[Made]] = field(default_factory=dict)
    since: dict[str, int] = field(default_factory=dict)
    since_all: int | None = None
    until: int = 0
    last: int = 0

    def covers(self, decision: Decision) -> bool:
        """Return whether `decision` belongs to a look that was taken again with a known past."""
        since = self.since.get(decision.strategy, self.since_all)
        return since is not None and since <= decision.look <= self.last

    def take(self, decision: Decision) -> Facts | None:
        """Return the facts that `decision` must have, None when its look gives no decision.

        Of several at one look the equal one, else the first: a reordered pair is the chain's.
        """
        waiting = self.made.get((decision.strategy, decision.look), [])
        if not waiting:
            return None
        wanted = facts_of(decision)
        index = next((n for n, one in enumerate(waiting) if one.facts == wanted), 0)
        return waiting.pop(index).facts


def check(support: Support, record: LogRecord, decision: Decision) -> tuple[Finding, ...]:
    """Return what is wrong with a recorded decision that `support` covers."""
    expected = support.take(decision)
    found = facts_of(decision)
    if expected == found:
        return ()
    if expected is None:
        texts = (f"no decision at look {decision.look}", _brief(found))
    else:
        names = [name for name in found if found[name] != expected[name]]
        texts = (_differing(expected, names), _differing(found, names))
    place = (record.topic, record.partition, record.offset)
    return (Finding(What.UNSUPPORTED, *place, decision.strategy, *texts),)


def unwritten(support: Support, topic: str, kept_from: int) -> Iterable[Finding]:
    """Yield the decisions that looks give and nobody wrote; `topic` is that of the looks.

    What a look before `kept_from` gave may have been deleted with the beginning of `decisions`.
    """
    for (strategy, look), waiting in sorted(support.made.items()):
        since = support.since.get(strategy, support.since_all)
        if since is None or not max(since, kept_from) <= look <= support.until:
            continue
        for one in waiting:
            yield Finding(
                What.UNWRITTEN,
                topic,
                support.partition,
                one.offset,
                strategy,
                _brief(one.facts),
                f"no such decision of look {look}",
            )


def _brief(facts: Facts) -> str:
    return f"{facts['kind']} to {facts['status']}: {facts['reason']}"


def _differing(facts: Facts, names: Iterable[str]) -> str:
    return "; ".join(f"{name} {facts[name]}" for name in names)
