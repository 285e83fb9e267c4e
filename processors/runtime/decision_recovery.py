"""The decider's state from the log: newest snapshot, then the recorded looks after it.

Recovery, `status` and replays read the same way; nothing is written here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from tradecanary.processors.decision.model import PartitionState
from tradecanary.processors.decision.replay import ManifestName, Parts, fold, name_of
from tradecanary.processors.decision.snapshot import restore
from tradecanary.processors.decision.step import initial
from tradecanary.processors.decision.texts import LONGEST_NAME
from tradecanary.processors.runtime.log import Log
from tradecanary.processors.stage import Emit, LogRecord, TopicPartition
from tradecanary.schemas.codec import ContractViolation, decode, older_header
from tradecanary.schemas.decisions import Decision, DecisionSnapshot, Look
from tradecanary.schemas.metrics import MetricsBatch
from tradecanary.schemas.partitioning import partition_of
from tradecanary.schemas.routing import EVERYWHERE, Command
from tradecanary.schemas.topics import COMMANDS, DECISION_INPUTS, DECISION_STATE, DECISIONS, METRICS


@dataclass(frozen=True, slots=True)
class Recovered:
    """The state as of the last recorded look, and what that look's decider had written.

    `parts`: of state that lie in the log; whoever goes on must write them anew or tombstone them.
    """

    state: PartitionState
    effects: tuple[Emit, ...]
    parts: frozenset[str] = frozenset()


def manifests_from(log: Log, partition: int, start: int) -> dict[ManifestName, MetricsBatch]:
    """Return the whole manifests of a metrics partition from offset `start`, by name."""
    parts = Parts()
    found: dict[ManifestName, MetricsBatch] = {}
    for record in log.read(TopicPartition(METRICS.name, partition), start):
        try:
            whole = parts.add(decode(MetricsBatch, record.value))
        except ContractViolation:
            continue  # the live decider sent it to dead letters
        if whole is not None:
            found[name_of(whole)] = whole
    return found


def check_place(log: Log, place: TopicPartition, strategy: str) -> None:
    """Raise ContractViolation where another decider decides on `strategy`; `*` is no strategy."""
    count = log.partitions(place.topic)
    right = partition_of(strategy.encode(), count)
    if right != place.partition:
        raise ContractViolation(f"strategy {strategy!r} belongs on partition {right} of {count}")
    _check_length("strategy", strategy)
    if strategy == EVERYWHERE:
        raise ContractViolation("strategy was '*', which is no strategy's name")


def command_of(log: Log, partition: int, value: bytes | None) -> Command:
    """Return the command in a record; raise ContractViolation where the decider heard none."""
    command = decode(Command, value)
    check_place(log, TopicPartition(COMMANDS.name, partition), command.strategy)
    _check_length("id", command.id)
    return command


def _check_length(what: str, name: str) -> None:
    if len(name) > LONGEST_NAME:
        text = f"{what} was {len(name)} characters long, at most {LONGEST_NAME} are read"
        raise ContractViolation(text)


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
    manifests = manifests_from(log, partition, start(METRICS.name))
    commands = commands_from(log, partition, start(COMMANDS.name))
    decisions = log.read(TopicPartition(DECISIONS.name, partition), start(DECISIONS.name))
    kept: list[Emit] = []
    for after, effects in fold(state, looks, manifests, commands, headers_of(decisions)):
        state = after
        if from_start:
            kept += effects
        else:
            kept = list(effects)
    return Recovered(state, tuple(kept), frozenset(parts))
