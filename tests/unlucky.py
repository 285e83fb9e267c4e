"""A log in memory whose commits go wrong as planned, applied or not."""

from __future__ import annotations

from typing_extensions import override

from tradecanary.processors.runtime.memory_log import MemoryLog, MemoryProducer


class _Unlucky(MemoryProducer):
    """Its commits end in the errors given, applied or not, as a network may have it."""

    troubles: list[tuple[Exception, bool]]

    @override
    def commit(self) -> None:
        if not self.troubles:
            super().commit()
            return
        error, applied = self.troubles.pop(0)
        super().commit() if applied else super().abort()
        raise error


class UnluckyLog(MemoryLog):
    """`troubles`: how the next commits end, and whether they are applied nevertheless."""

    troubles: list[tuple[Exception, bool]]
    producers = 0

    @override
    def producer(self, transactional_id: str) -> MemoryProducer:
        self.producers += 1
        producer = _Unlucky(self._broker, transactional_id)
        producer.troubles = self.troubles
        return producer
