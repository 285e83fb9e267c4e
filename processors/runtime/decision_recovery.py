"""The decider's state from the log: newest snapshot, then the recorded looks after it.

Recovery, `status` and replays read the same way; nothing is written here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain

from tradecanary.processors.decision.model import PartitionState
from tradecanary.processors.decision.replay import fold
from tradecanary.processors.decision.snapshot import restore
from tradecanary.processors.decision.step import initial
from tradecanary.processors.runtime.decision_reading import Commands, Manifests, command_of
from tradecanary.processors.runtime.log import Log, OffsetLost
from tradecanary.processors.stage import Emit, LogRecord, TopicPartition
from tradecanary.schemas.codec import ContractViolation, decode, older_header
from tradecanary.schemas.decisions import Decision, DecisionSnapshot, Look
from tradecanary.schemas.routing import Command
from tradecanary.schemas.topics import (
    COMMANDS,
    DECISION_INPUTS,
    DECISION_STATE,
    DECISIONS,
    METRICS,
    ROUTER_STATUS,
)


@dataclass(frozen=True, slots=True)
class Recovered:
    """The state as of the last recorded look, and what that look's decider had written.

    `parts`: of state that lie in the log; whoever goes on must write them anew or tombstone them.
    `positions`: by input, up to where its looks have taken all (of `router-status` its snapshot,
    for a status says all that an older one said). `lost`: why they may be wrong; else empty.
    """

    state: PartitionState
    effects: tuple[Emit, ...]
    parts: frozenset[str] = frozenset()
    positions: Mapping[str, int] = field(default_factory=dict)
    lost: str = ""


def commands_from(log: Log, partition: int, start: int) -> dict[str, Command]:
    """Return the commands of a partition from offset `start`, by id: the first one is obeyed."""
    found: dict[str, Command] = {}
    for record in log.read(TopicPartition(COMMANDS.name, partition), start):
        try:
            command = command_of(log, partition, record.value)
        except ContractViolation:
            continue  # the live decider sent it to dead letters
        found.setdefault(command.id, command)
    return found


def headers_of(decisions: Iterable[LogRecord]) -> dict[int, bytes]:
    """Return the header of every look whose decisions an older release wrote (`LookEvent`)."""
    found: dict[int, bytes] = {}
    for record in decisions:
        header = older_header(Decision, record.value)
        if header:
            with suppress(ContractViolation):  # who audits finds it
                found[decode(Decision, record.value).look] = header
    return found


def looks_from(log: Log, partition: int, start: int, end: int) -> Iterator[Look]:
    """Yield the recorded looks of a partition from offset `start` up to `end`."""
    for record in log.read(TopicPartition(DECISION_INPUTS.name, partition), start, end):
        yield decode(Look, record.value)


def parts_from(log: Log, partition: int) -> dict[str, DecisionSnapshot]:
    """Return the newest record of every part of state: a tombstone ends all before it."""
    where = TopicPartition(DECISION_STATE.name, partition)
    newest: dict[bytes | None, bytes] = {}
    for record in log.read(where, log.start_offset(where)):
        if record.value is None:
            newest.pop(record.key, None)
        else:
            newest[record.key] = record.value
    parts = (decode(DecisionSnapshot, value) for value in newest.values())
    return {part.part: part for part in parts}


def recover(log: Log, partition: int, *, from_start: bool = False) -> Recovered:
    """Return the state of `partition` after its last recorded look.

    Of `metrics` and `commands` it reads what those looks name, and nothing behind it: however much
    was written while no decider was there, the way back takes no longer.

    `from_start`: fold all looks ever recorded instead of starting at the newest snapshot, and
    return every effect: a replay.
    """
    parts = {} if from_start else parts_from(log, partition)
    state, positions = restore(parts.values()) or (initial(partition), {})

    def start(topic: str) -> int:
        known = positions.get(topic)
        return log.start_offset(TopicPartition(topic, partition)) if known is None else known

    # the end first: what a look names was written before it, and a live decider goes on
    end = log.end_offset(TopicPartition(DECISION_INPUTS.name, partition))
    looks, lost = _checked(looks_from(log, partition, start(DECISION_INPUTS.name), end), state)
    manifests = Manifests(log, partition, start(METRICS.name))
    commands = Commands(log, partition, start(COMMANDS.name))
    decisions = log.read(TopicPartition(DECISIONS.name, partition), start(DECISIONS.name))
    kept: list[Emit] = []
    for after, effects in fold(state, looks, manifests, commands, headers_of(decisions)):
        state = after
        if from_start:
            kept += effects
        else:
            kept = list(effects)
    reached = {
        METRICS.name: manifests.position,
        COMMANDS.name: commands.position,
        ROUTER_STATUS.name: start(ROUTER_STATUS.name),
    }
    return Recovered(state, tuple(kept), frozenset(parts), reached, lost)


def _checked(looks: Iterator[Look], state: PartitionState) -> tuple[Iterator[Look], str]:
    """Return the looks, and why they are not all that came after `state`; else an empty text.

    The look of a snapshot lies where its positions say. Where it does not, they are of another
    log (a copy has other offsets), or retention has taken looks.
    """
    first = next(looks, None)
    if first is None:
        missing = f"look {state.look} of the snapshot" if state.look else ""
    else:
        looks = chain((first,), looks)
        is_there = first.number <= max(state.look, 1)
        missing = "" if is_there else f"look {first.number - 1}"
    return looks, f"{missing} is not in {DECISION_INPUTS.name}" if missing else ""


def begin_at(
    log: Log, partition: int, committed: Mapping[TopicPartition, int], found: Recovered
) -> dict[str, int]:
    """Return by topic where the decider of `partition` goes on reading.

    That is behind all that its looks took, whatever the group's offsets say: a command obeyed
    before is not obeyed again when the brokers have forgotten them, or somebody has reset them.
    Ahead of that, the committed offset holds. Raises OffsetLost where neither can be trusted, or
    what follows is not kept any more.
    """
    return {
        topic: _begin(log, TopicPartition(topic, partition), committed, found)
        for topic in found.positions
    }


def _begin(
    log: Log, place: TopicPartition, committed: Mapping[TopicPartition, int], found: Recovered
) -> int:
    taken, offset, lost = found.positions[place.topic], committed.get(place), found.lost
    first, end = log.start_offset(place), log.end_offset(place)
    if taken > end:
        lost = lost or f"the topic ends at {end}"
    if place.topic == ROUTER_STATUS.name and lost:
        taken = first
    elif lost and offset is None:
        raise OffsetLost(
            f"group 'decision' has no committed offset on {place.topic} partition "
            f"{place.partition}, and up to where it was read cannot be told: by the snapshot and "
            f"the looks after it, up to {taken}, but {lost}. Were the topics copied, or cut? "
            f"Commit offset {taken} for the group (kafka-consumer-groups.sh --reset-offsets), in a "
            "copy that of the first record that was not decided on: what is read again is obeyed "
            "again."
        )
    at = offset if offset is not None and (lost or offset > taken) else taken
    if place.topic == ROUTER_STATUS.name:
        return max(at, first)  # counts are sums: of what is gone nothing is missed
    if at < first:
        raise OffsetLost(
            f"{place.topic} partition {place.partition} is to be read from offset {at} on, but the "
            f"first record still kept is {first}: what lies between was never decided on. To go "
            f"on without it, commit offset {first} for the group 'decision' "
            "(kafka-consumer-groups.sh --reset-offsets)."
        )
    return at
