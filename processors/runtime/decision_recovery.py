"""The decider's state from the log: newest snapshot, then the recorded looks after it.

Recovery, `status` and replays read the same way; nothing is written here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from tradecanary.processors.decision.model import PartitionState
from tradecanary.processors.decision.replay import fold
from tradecanary.processors.decision.snapshot import restore
from tradecanary.processors.decision.step import initial
from tradecanary.processors.runtime.decision_reading import Commands, Manifests, command_of
from tradecanary.processors.runtime.log import Log
from tradecanary.processors.stage import Emit, LogRecord, TopicPartition
from tradecanary.schemas.codec import ContractViolation, decode, older_header
from tradecanary.schemas.decisions import Decision, DecisionSnapshot, Look
from tradecanary.schemas.routing import Command
from tradecanary.schemas.topics import COMMANDS, DECISION_INPUTS, DECISION_STATE, DECISIONS, METRICS


@dataclass(frozen=True, slots=True)
class Recovered:
    """The state as of the last recorded look, and what that look's decider had written.

    `parts`: of state that lie in the log; whoever goes on must write them anew or tombstone them.
    """

    state: PartitionState
    effects: tuple[Emit, ...]
    parts: frozenset[str] = frozenset()


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
        return positions.get(topic, log.start_offset(TopicPartition(topic, partition)))

    # the end first: what a look names was written before it, and a live decider goes on
    end = log.end_offset(TopicPartition(DECISION_INPUTS.name, partition))
    looks = looks_from(log, partition, start(DECISION_INPUTS.name), end)
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
    return Recovered(state, tuple(kept), frozenset(parts))
