"""A small task for tests of the runner on both logs: it copies and counts what it reads.

Per transaction and source partition it writes what it saw into `dead-letters`, and its counts into
`aggregation-state`. A repeated or a lost record shows in either.
"""

from __future__ import annotations

# ruff: noqa: ARG002 - it has no use for the time
import json
from collections.abc import Callable, Mapping, Sequence

from tradecanary.processors.runtime.log import Log
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.processors.runtime.runner import CrashPoint, Runner
from tradecanary.processors.stage import Emit, LogRecord, Polled, TopicPartition
from tradecanary.schemas.codec import decode
from tradecanary.schemas.decisions import DeadLetter
from tradecanary.schemas.topics import AGGREGATION_STATE, DEAD_LETTERS, EXECUTIONS, KILL_SWITCH

STATE = TopicPartition(AGGREGATION_STATE.name, 0)
OUTPUT = TopicPartition(DEAD_LETTERS.name, 0)


class Counting:
    """A Task. `idle_flush` writes also when nothing came, as the aggregator does."""

    name = "counting"
    inputs = (EXECUTIONS.name,)
    side_inputs = (KILL_SWITCH.name,)

    def __init__(self, commit_interval_us: int = 0, *, idle_flush: bool = False) -> None:
        self.commit_interval_us = commit_interval_us
        self.counts: dict[TopicPartition, int] = {}
        self.switches: dict[bytes | None, bytes | None] = {}
        self.side_at_end = False
        self.recoveries = 0
        self.ended: frozenset[TopicPartition] = frozenset()
        self._idle_flush = idle_flush
        self._next: dict[TopicPartition, int] = {}
        self._seen: dict[TopicPartition, list[str]] = {}

    def recover(
        self,
        assigned: frozenset[TopicPartition],
        committed: Mapping[TopicPartition, int],
        log: Log,
        now_us: int,
    ) -> Mapping[TopicPartition, int]:
        """Read the counts as of the committed positions; start at the beginning without any."""
        self.recoveries += 1
        self.counts = {}
        self._seen = {place: [] for place in assigned}
        self._next = {place: committed.get(place, log.start_offset(place)) for place in assigned}
        for record in log.read(STATE):
            state = decode(DeadLetter, record.value)
            place = TopicPartition(state.topic, state.partition)
            if place in assigned:
                self.counts[place] = int(state.reason)
                assert state.offset <= self._next[place]
        return dict(self._next)

    def absorb(self, polled: Polled, now_us: int) -> None:
        """Note the values."""
        self.ended = polled.ends
        for batch in polled.batches:
            assert batch.first_offset >= self._next[batch.partition]
            self._seen[batch.partition] += [(value or b"null").decode() for value in batch.values]
            self._next[batch.partition] = batch.last_offset + 1

    def absorb_side(self, records: Sequence[LogRecord], at_end: bool, now_us: int) -> None:
        """Keep the last value of each key."""
        self.side_at_end = at_end
        self.switches |= {record.key: record.value for record in records}

    def flush(self, now_us: int) -> Sequence[Emit]:
        """Write what was seen, and the new counts."""
        effects = []
        for place, values in self._seen.items():
            if values or self._idle_flush:
                self.counts[place] = self.counts.get(place, 0) + len(values)
                effects.append(self._emit(OUTPUT.topic, place, values))
                effects.append(self._emit(STATE.topic, place, []))
                self._seen[place] = []
        return effects

    def positions(self) -> Mapping[TopicPartition, int]:
        """Return where reading goes on."""
        return dict(self._next)

    def _emit(self, topic: str, place: TopicPartition, values: list[str]) -> Emit:
        record = DeadLetter(
            stage=self.name,
            topic=place.topic,
            partition=place.partition,
            offset=self._next[place],
            reason=str(self.counts[place]),
            key=None,
            value=json.dumps(values).encode(),
            value_length=0,
        )
        return Emit(topic, f"{place.topic}/{place.partition}".encode(), record, partition=0)


def copied(log: Log) -> dict[int, list[str]]:
    """Return what the task wrote, by source partition, in the order of the output."""
    values: dict[int, list[str]] = {}
    for record in log.read(OUTPUT):
        output = decode(DeadLetter, record.value)
        assert output.value is not None
        values.setdefault(output.partition, []).extend(json.loads(output.value))
        assert len(values[output.partition]) == int(output.reason), "counts and copies differ"
    return values


def produced(log: Log) -> dict[int, list[str]]:
    """Return what a plain reading of the input gives, by partition."""
    values = {
        partition: [
            (record.value or b"null").decode()
            for record in log.read(TopicPartition(EXECUTIONS.name, partition))
        ]
        for partition in range(log.partitions(EXECUTIONS.name))
    }
    return {partition: found for partition, found in values.items() if found}


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.us = 1_700_000_000_000_000

    def __call__(self) -> int:
        return self.us


class Crash(BaseException):
    """The process is gone: nothing of it is closed or finished."""


def crash_at(point: CrashPoint, visit: int = 1) -> Callable[[CrashPoint], None]:
    """Return what ends a runner when it comes to `point` for the `visit`th time."""
    visits = 0

    def crash_point(reached: CrashPoint) -> None:
        nonlocal visits
        visits += reached == point
        if reached == point and visits == visit:
            raise Crash

    return crash_point


def new_runner(log: Log, clock: Clock, task: Counting | None = None, **settings: object) -> Runner:
    """Return a runner of the task in small steps."""
    return Runner(task or Counting(), log, clock, limit=7, **settings)  # type: ignore[arg-type]


def settle(runner: Runner, *, steps: int = 60) -> None:
    """Step until all is done, and more."""
    runner.run(lambda: False, max_steps=steps)


def fill(log: MemoryLog, count: int, start: int = 0) -> None:
    """Append `count` records to the input."""
    for number in range(start, start + count):
        log.append(EXECUTIONS.name, f"key-{number}".encode(), f"value-{number}".encode())
