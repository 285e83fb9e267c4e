"""The topics of a run that can be tampered with: records in, changed records out, a log again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar

from tradecanary.auditing.verification import Verified, verify
from tradecanary.processors.auditing.findings import Finding
from tradecanary.processors.decision.chain import hash_of
from tradecanary.processors.runtime.log import Log
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.processors.stage import LogRecord, TopicPartition
from tradecanary.schemas.codec import decode, encode
from tradecanary.schemas.decisions import Decision
from tradecanary.schemas.topics import DECISIONS, TOPICS

_Record = TypeVar("_Record")


class Tape:
    """All records of a log by partition; `log()` gives a log that holds them as they are now."""

    def __init__(self, log: Log) -> None:
        self.places: dict[TopicPartition, list[LogRecord]] = {}
        self._starts: dict[TopicPartition, int] = {}
        for topic in TOPICS:
            for number in range(log.partitions(topic.name)):
                place = TopicPartition(topic.name, number)
                self.places[place] = list(log.read(place, log.start_offset(place)))
        self._executions = log.partitions("executions")
        self._control = log.partitions("commands")

    def log(self) -> MemoryLog:
        """Return a log with these records at these offsets."""
        made = MemoryLog(lambda: 0, executions=self._executions, control=self._control)
        made.load((one for found in self.places.values() for one in found), self._starts)
        return made

    def at(self, topic: str, index: int, partition: int = 0) -> LogRecord:
        """Return a record by its index in its partition; negative ones count from the end."""
        return self.places[TopicPartition(topic, partition)][index]

    def put(self, record: LogRecord, contents: object) -> None:
        """Put other contents where `record` lies."""
        value = contents if isinstance(contents, bytes) else encode(contents)
        found = self.places[TopicPartition(record.topic, record.partition)]
        index = [one.offset for one in found].index(record.offset)
        found[index] = replace(found[index], value=value)

    def remove(self, record: LogRecord) -> None:
        """Take a record out: its offset becomes a hole."""
        self.places[TopicPartition(record.topic, record.partition)].remove(record)

    def swap(self, one: LogRecord, other: LogRecord) -> None:
        """Let two records change places."""
        for record, contents in ((one, other), (other, one)):
            assert contents.value is not None
            self.put(record, contents.value)

    def cut(self, topic: str, offset: int, partition: int = 0) -> None:
        """Let retention delete what lies before `offset`."""
        place = TopicPartition(topic, partition)
        self._starts[place] = offset
        self.places[place] = [one for one in self.places[place] if one.offset >= offset]

    def every(self, topic: str, contract: type[_Record]) -> list[tuple[LogRecord, _Record]]:
        """Return the records of a topic with their contents."""
        return [
            (record, decode(contract, record.value))
            for place, found in self.places.items()
            if place.topic == topic
            for record in found
        ]

    def rewrite(self, change: Callable[[Decision], Decision | None]) -> None:
        """Forge the whole chain: change decisions (None: leave out) and make every hash anew."""
        place = TopicPartition(DECISIONS.name, 0)
        links: dict[str, tuple[int, str]] = {}
        forged = []
        for record, decision in self.every(DECISIONS.name, Decision):
            made = change(decision)
            if made is None:
                continue
            number, last = links.get(made.strategy, (0, ""))
            made = replace(made, number=number + 1, previous_hash=last, hash="")
            made = replace(made, hash=hash_of(made))
            links[made.strategy] = made.number, made.hash
            forged.append(replace(record, value=encode(made)))
        self.places[place] = forged


def offsets(findings: Iterable[Any]) -> list[tuple[str, str, int, int]]:
    """Return what was found, and where."""
    return [(one.what.value, one.topic, one.partition, one.offset) for one in findings]


def _unseen(what: str, done: int, total: int) -> None:
    """Show nobody."""


def audited(
    log: Log, *, strategy: str | None = None, executions: bool = True
) -> tuple[Verified, list[Finding]]:
    """Return what an audit of `log` verified, and what it found."""
    told: list[Finding] = []
    found = verify(
        log,
        strategy=strategy,
        executions=executions,
        tell=told.append,
        progress=_unseen,
    )
    assert found.findings.total() == len(told)
    return found, told
