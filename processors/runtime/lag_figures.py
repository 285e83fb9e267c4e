"""How far behind a process is, from what it polled and from what its client says."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Gauge

from tradecanary.processors.runtime.figures import Figures
from tradecanary.processors.runtime.kafka_statistics import PartitionOffsets
from tradecanary.processors.stage import Polled, TopicPartition


class LagFigures:
    """How far behind each owned partition is, and whether a transaction holds its readers up."""

    def __init__(self, made: Figures) -> None:
        self._owned: frozenset[TopicPartition] = frozenset()
        self._newest_us: dict[TopicPartition, int] = {}
        self._stood: dict[TopicPartition, tuple[int, int]] = {}
        self._seconds = made.gauge(
            "lag_seconds",
            "Now less the log's time of the newest record read; 0 at the end",
            "topic",
            "partition",
        )
        self._records = made.gauge(
            "lag_records", "Committed records that wait to be read", "topic", "partition"
        )
        self._open = made.gauge(
            "open_transaction_seconds",
            "For how long one open transaction has hidden newer records; 0 when none does",
            "topic",
            "partition",
        )

    def polled(self, polled: Polled, now_us: int) -> None:
        """Take in what came, and what was read to its end."""
        for batch in polled.batches:
            newest_us = batch.timestamps_ms[-1] * 1000
            self._newest_us[batch.partition] = newest_us
            _of(self._seconds, batch.partition).set(max(now_us - newest_us, 0) / 1e6)
        for place in polled.ends:
            self._newest_us.pop(place, None)
            _of(self._seconds, place).set(0)
            _of(self._records, place).set(0)

    def positions(self, found: Iterable[PartitionOffsets], now_us: int) -> None:
        """Measure again: a reader that gets nothing falls behind all the same."""
        for known in found:
            place = known.place
            if place not in self._owned:
                continue  # from before a rebalance
            newest_us = self._newest_us.get(place)
            if newest_us is not None:  # not at its end
                _of(self._seconds, place).set(max(now_us - newest_us, 0) / 1e6)
                waiting = max(known.last_stable - known.position, 0)
                _of(self._records, place).set(waiting)
            self._measure_open(known, now_us)

    def keep(self, owned: frozenset[TopicPartition]) -> None:
        """Forget the partitions that went to another member."""
        for place in self._owned - owned:
            self._newest_us.pop(place, None)
            self._stood.pop(place, None)
            for gauge in (self._seconds, self._records, self._open):
                gauge.remove(place.topic, str(place.partition))
        self._owned = owned
        for place in owned:
            for gauge in (self._seconds, self._records, self._open):
                _of(gauge, place)

    def _measure_open(self, known: PartitionOffsets, now_us: int) -> None:
        if known.last_stable >= known.high_watermark:
            self._stood.pop(known.place, None)
            _of(self._open, known.place).set(0)
            return
        offset, since_us = self._stood.get(known.place, (-1, now_us))
        if offset != known.last_stable:
            since_us = now_us
        self._stood[known.place] = known.last_stable, since_us
        _of(self._open, known.place).set((now_us - since_us) / 1e6)


def _of(gauge: Gauge, place: TopicPartition) -> Gauge:
    return gauge.labels(topic=place.topic, partition=str(place.partition))
