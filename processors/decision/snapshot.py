"""The decider's state to bytes and back, in parts: a snapshot writes only those that changed.

Parts are the partition's own (`*`), one a strategy (its name, quoted), and a strategy's cohorts,
routers and sums by account in parts of their own (`shards`). All that one snapshot writes,
tombstones of parts that are gone too, lies in one transaction; what it does not write is the same
as before. So the newest record of every key, tombstones included, is the state as of the newest
look among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote

from pydantic import TypeAdapter

from tradecanary.processors.decision import shards
from tradecanary.processors.decision.model import PartitionState, StrategyState
from tradecanary.schemas.codec import ContractViolation
from tradecanary.schemas.decisions import DecisionSnapshot, Position
from tradecanary.schemas.routing import EVERYWHERE

_PARTITION = TypeAdapter(PartitionState)
_STRATEGY = TypeAdapter(StrategyState)


Written = Mapping[str, object]
"""The parts that lie in the log, each with the value it was made of (None: another decider's)."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`changed`: what is to be written; `gone`: parts to be tombstoned; `written`: all that is."""

    changed: tuple[DecisionSnapshot, ...]
    gone: tuple[str, ...]
    written: Written


def key_of(partition: int, part: str) -> bytes:
    """Return the record's key: compaction keeps the newest of each part."""
    return f"{partition}/{part}".encode()


def snapshot(
    state: PartitionState, positions: Mapping[str, int], before: Written | None = None
) -> Snapshot:
    """Return what must be written so that the log holds `state`, `before` being there.

    `positions` say where each topic goes on after this look.
    """
    before = before or {}
    offsets = tuple(Position(topic, offset) for topic, offset in sorted(positions.items()))
    changed: list[tuple[str, bytes]] = []
    written: dict[str, object] = {EVERYWHERE: None}
    changed.append((EVERYWHERE, _PARTITION.dump_json(replace(state, strategies={}))))
    for name, strategy in sorted(state.strategies.items()):
        part = quote(name, safe="")
        written[part] = strategy
        if before.get(part) is not strategy:
            changed.append((part, _STRATEGY.dump_json(shards.without(strategy))))
        for shard, (source, rows) in shards.of(strategy).items():
            where = f"{part}/{shard}"
            written[where] = source
            if before.get(where) is not source:
                changed.append((where, shards.dumped(shard, rows)))
    return Snapshot(
        changed=tuple(
            DecisionSnapshot(state.partition, part, state.look, offsets, payload)
            for part, payload in changed
        ),
        gone=tuple(sorted(before.keys() - written.keys())),
        written=written,
    )


def restore(
    parts: Iterable[DecisionSnapshot],
) -> tuple[PartitionState, dict[str, int]] | None:
    """Return the state and positions of the newest parts, or None when there are none.

    `parts`: the newest of every key that is not tombstoned. Raises ContractViolation when a payload
    is not of this version's form.
    """
    newest = {snapshot.part: snapshot for snapshot in parts}
    own = newest.pop(EVERYWHERE, None)
    if own is None:
        return None
    try:
        state = _PARTITION.validate_json(own.payload)
        strategies = {
            unquote(name): _STRATEGY.validate_json(part.payload)
            for name, part in sorted(newest.items())
            if "/" not in name
        }
        rows: dict[str, dict[str, bytes]] = {}
        for name, part in newest.items():
            strategy, _, shard = name.partition("/")
            if shard:
                rows.setdefault(unquote(strategy), {})[shard] = part.payload
        for name, payloads in rows.items():
            strategies[name] = shards.joined(strategies[name], payloads)
    except (KeyError, ValueError) as broken:
        text = f"decision-state of partition {own.partition} does not fit this version: {broken}"
        raise ContractViolation(text) from broken
    positions = {position.topic: position.offset for position in own.positions}
    return replace(state, strategies=strategies), positions
