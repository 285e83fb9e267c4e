"""Records from the topics of a run: `executions`, and what was decided on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tradecanary.backtesting.record import Reading, Refused
from tradecanary.processors.runtime.log import Log
from tradecanary.processors.stage import TopicPartition
from tradecanary.schemas.codec import decode
from tradecanary.schemas.decisions import Decision
from tradecanary.schemas.partitioning import partition_of
from tradecanary.schemas.topics import DECISIONS, EXECUTIONS


@dataclass(frozen=True, slots=True)
class Decided:
    """A strategy's recorded decisions, and their bytes as they lie in the topic."""

    strategy: str
    decisions: tuple[Decision, ...]
    values: list[bytes]


def live_decisions(log: Log, strategy: str | None) -> Decided:
    """Return the decisions of `strategy`, or of the only one that has any; raise Refused.

    Where nothing was ever decided the strategy is empty.
    """
    count = log.partitions(DECISIONS.name)
    places = range(count) if strategy is None else [partition_of(strategy.encode(), count)]
    found: dict[str, list[tuple[Decision, bytes]]] = {}
    for number in places:
        place = TopicPartition(DECISIONS.name, number)
        for record in log.read(place, log.start_offset(place)):
            if record.value is not None:
                decision = decode(Decision, record.value)
                found.setdefault(decision.strategy, []).append((decision, record.value))
    if strategy is None and len(found) > 1:
        raise Refused(f"{len(found)} strategies were decided on; name one: {', '.join(found)}")
    name = strategy or next(iter(found), "")
    pairs = found.get(name, [])
    return Decided(name, tuple(one for one, _ in pairs), [value for _, value in pairs])


def read_topic(
    log: Log, first_us: int, last_us: int, progress: Callable[[str, int, int], None]
) -> Reading:
    """Return what `executions` holds now, events between the two times to be kept."""
    places = [
        TopicPartition(EXECUTIONS.name, number) for number in range(log.partitions(EXECUTIONS.name))
    ]
    starts = {place: log.start_offset(place) for place in places}
    total = sum(log.end_offset(place) - start for place, start in starts.items())
    reading = Reading(
        numbered=True,
        from_start=not any(starts.values()),
        first_us=first_us,
        last_us=last_us,
    )
    for place, start in starts.items():
        for batch in log.batches(place, start):
            reading.add(
                batch.values,
                _Places(place, batch.offset),
                partition=place.partition,
                times_ms=batch.timestamps_ms,
            )
            progress("reading executions", reading.counts.read, total)
    return reading


@dataclass(frozen=True, slots=True)
class _Places:
    """Names records by partition and offset, when somebody asks."""

    place: TopicPartition
    offset: Callable[[int], int]

    def __getitem__(self, index: int) -> str:
        return f"partition {self.place.partition}, offset {self.offset(index)}"
