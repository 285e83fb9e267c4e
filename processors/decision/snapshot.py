"""The decider's state to bytes and back: one part a strategy, and `*` for the partition's own.

All parts of one snapshot carry the number of the look they were taken at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from pydantic import TypeAdapter

from tradecanary.processors.decision.model import PartitionState, StrategyState
from tradecanary.schemas.codec import ContractViolation
from tradecanary.schemas.decisions import DecisionSnapshot, Position
from tradecanary.schemas.routing import EVERYWHERE

_PARTITION = TypeAdapter(PartitionState)
_STRATEGY = TypeAdapter(StrategyState)


def key_of(snapshot: DecisionSnapshot) -> bytes:
    """Return the record's key: compaction keeps the newest of each part."""
    return f"{snapshot.partition}/{snapshot.part}".encode()


def snapshots(state: PartitionState, positions: Mapping[str, int]) -> tuple[DecisionSnapshot, ...]:
    """Return the parts of `state`; `positions` say where each topic goes on after this look."""
    offsets = tuple(Position(topic, offset) for topic, offset in sorted(positions.items()))
    own = _PARTITION.dump_json(replace(state, strategies={}))
    parts = [(EVERYWHERE, own)]
    parts += [(name, _STRATEGY.dump_json(one)) for name, one in sorted(state.strategies.items())]
    return tuple(
        DecisionSnapshot(state.partition, part, state.look, offsets, payload)
        for part, payload in parts
    )


def restore(
    parts: Iterable[DecisionSnapshot],
) -> tuple[PartitionState, dict[str, int]] | None:
    """Return the state and positions of the newest parts, or None when there are none.

    Raises ContractViolation when a payload is not of this version's form.
    """
    newest = {snapshot.part: snapshot for snapshot in parts}
    own = newest.pop(EVERYWHERE, None)
    if own is None:
        return None
    try:
        state = _PARTITION.validate_json(own.payload)
        strategies = {
            name: _STRATEGY.validate_json(part.payload) for name, part in sorted(newest.items())
        }
    except ValueError as broken:
        text = f"decision-state of partition {own.partition} does not fit this version: {broken}"
        raise ContractViolation(text) from broken
    positions = {position.topic: position.offset for position in own.positions}
    return replace(state, strategies=strategies), positions
