"""What looks name, read forward from the log as they name it: memory does not grow with the topics.

A decider takes records in the order of the log, so whoever goes through its looks finds them in
about that order; what it read twice (it crashed between) lies a few records back. What no look
names yet, as all that was written since a decider went away, is not read.
"""

from __future__ import annotations

from collections.abc import Iterator

from tradecanary.processors.decision.replay import ManifestName, Parts, name_of
from tradecanary.processors.decision.texts import LONGEST_NAME
from tradecanary.processors.runtime.log import Log
from tradecanary.processors.stage import LogRecord, TopicPartition
from tradecanary.schemas.codec import ContractViolation, decode
from tradecanary.schemas.metrics import MetricsBatch
from tradecanary.schemas.partitioning import partition_of
from tradecanary.schemas.routing import EVERYWHERE, Command
from tradecanary.schemas.topics import COMMANDS, METRICS

_MANIFESTS_KEPT = 256
_COMMANDS_KEPT = 1_000


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


class _Forward:
    """One partition, read on as far as is asked: after an outage it goes on where it was."""

    def __init__(self, log: Log, place: TopicPartition, start: int | None) -> None:
        self._log = log
        self._place = place
        self._records: Iterator[LogRecord] | None = None
        self.position = log.start_offset(place) if start is None else start

    def next(self) -> LogRecord | None:
        """Return the next record; None when it was the last of those that are there now."""
        is_fresh = False
        while True:
            if self._records is None:
                self._records, is_fresh = self._log.read(self._place, self.position), True
            record = next(self._records, None)
            if record is not None:
                self.position = record.offset + 1
                return record
            self._records = None
            if is_fresh:  # else what was opened ended where the log ended then
                return None

    def pause(self) -> None:
        self._records = None


class Manifests:
    """The manifests of a metrics partition by name (`ByName`)."""

    def __init__(self, log: Log, partition: int, start: int | None = None) -> None:
        """Read nothing yet; begin at offset `start`, or at the first kept record."""
        self._records = _Forward(log, TopicPartition(METRICS.name, partition), start)
        self._parts = Parts()
        self._part_offsets: dict[ManifestName, int] = {}
        self._kept: dict[ManifestName, MetricsBatch] = {}
        self._newest: dict[str, ManifestName] = {}

    @property
    def position(self) -> int:
        """Where to go on behind the ones asked for; never past one that still misses parts."""
        return min((self._records.position, *self._part_offsets.values()))

    def __len__(self) -> int:
        """Return how many are held in memory."""
        return len(self._kept)

    def __getitem__(self, name: ManifestName, /) -> MetricsBatch:
        """Return the manifest; raise KeyError when it is not there.

        A slot numbers its manifests, so what lies behind the newest read of its slot is not there,
        and the rest need not be read to know it.
        """
        while name not in self._kept:
            if self._newest.get(name[0], name) > name:
                raise KeyError(name)
            whole = self._next()
            if whole is None:
                raise KeyError(name)
            read = name_of(whole)
            self._newest[whole.slot] = max(self._newest.get(whole.slot, read), read)
            self._kept[read] = whole
            if len(self._kept) > _MANIFESTS_KEPT:
                del self._kept[next(iter(self._kept))]
        return self._kept[name]

    def forget(self) -> None:
        """Drop what was read: later looks name what lies behind it."""
        self._kept.clear()

    def pause(self) -> None:
        """Let go of what reading holds (a client, on Kafka) until something is asked for."""
        self._records.pause()

    def _next(self) -> MetricsBatch | None:
        while (record := self._records.next()) is not None:
            try:
                part = decode(MetricsBatch, record.value)
            except ContractViolation:
                continue  # the live decider sent it to dead letters
            whole = self._parts.add(part)
            if whole is None:
                self._part_offsets.setdefault(name_of(part), record.offset)
            waiting = self._parts.waiting
            self._part_offsets = {n: at for n, at in self._part_offsets.items() if n in waiting}
            if whole is not None:
                return whole
        return None


class Commands:
    """The commands of a partition by id (`ByName`); of two with one id the first was obeyed."""

    def __init__(self, log: Log, partition: int, start: int | None = None) -> None:
        """Read nothing yet; begin at offset `start`, or at the first kept record."""
        self._log = log
        self._partition = partition
        self._records = _Forward(log, TopicPartition(COMMANDS.name, partition), start)
        self._kept: dict[str, Command] = {}

    @property
    def position(self) -> int:
        """Where to go on behind the ones asked for."""
        return self._records.position

    def __getitem__(self, name: str, /) -> Command:
        """Return the command; raise KeyError when it is not there."""
        while name not in self._kept:
            command = self._next()
            if command is None:
                raise KeyError(name)
            self._kept.setdefault(command.id, command)
            if len(self._kept) > _COMMANDS_KEPT:
                del self._kept[next(iter(self._kept))]
        return self._kept[name]

    def forget(self) -> None:
        """Drop what was read: later looks name what lies behind it."""
        self._kept.clear()

    def pause(self) -> None:
        """Let go of what reading holds (a client, on Kafka) until something is asked for."""
        self._records.pause()

    def _next(self) -> Command | None:
        while (record := self._records.next()) is not None:
            try:
                return command_of(self._log, self._partition, record.value)
            except ContractViolation:
                continue  # the live decider sent it to dead letters
        return None
