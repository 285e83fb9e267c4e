"""Logs in memory that go wrong as planned: commits, applied or not, and reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from typing_extensions import override

from tests.counting import Clock
from tradecanary.processors.runtime.log import Unavailable
from tradecanary.processors.runtime.memory_log import MemoryLog, MemoryProducer
from tradecanary.processors.stage import LogRecord, TopicPartition


class _Unlucky(MemoryProducer):
    """Its commits end in the errors given, applied or not, as a network may have it."""

    troubles: list[tuple[Exception, bool]]
    waits: Callable[[], None]

    @override
    def commit(self) -> None:
        if not self.troubles:
            super().commit()
            return
        error, applied = self.troubles.pop(0)
        self.waits()
        super().commit() if applied else super().abort()
        raise error


class UnluckyLog(MemoryLog):
    """`troubles`: how the next commits end, and whether they are applied nevertheless.

    `outage_us`: how long each of them takes.
    """

    troubles: list[tuple[Exception, bool]]
    producers = 0
    outage_us = 0

    def __init__(self, clock: Clock, *, executions: int = 3, control: int = 1) -> None:
        super().__init__(clock, executions=executions, control=control)
        self._moving = clock
        self.troubles = []

    def _wait(self) -> None:
        self._moving.us += self.outage_us

    @override
    def producer(self, transactional_id: str) -> MemoryProducer:
        self.producers += 1
        producer = _Unlucky(self._broker, transactional_id)
        producer.troubles = self.troubles
        producer.waits = self._wait
        return producer


class FarLog(MemoryLog):
    """The log of `near` as somebody reads it whom it does not answer while it is `away`."""

    _away: Callable[[], bool]

    def __init__(self, near: MemoryLog, away: Callable[[], bool]) -> None:
        self.__dict__ = near.__dict__ | {"_away": away}

    @override
    def read(
        self, partition: TopicPartition, start: int = 0, end: int | None = None
    ) -> Iterator[LogRecord]:
        if self._away():
            raise Unavailable("no answer in 5 s")
        return super().read(partition, start, end)
