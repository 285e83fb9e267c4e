"""The one runner of all stages.

A step is, in this order, with the crash point behind each part:

1. poll a batch                     AFTER_POLL
2. check the membership: when it changed, or the last transaction failed, drop everything, rebuild
   the state from the log, and end the step                     AFTER_RECOVER
3. absorb the batch and the new records of the side inputs      AFTER_ABSORB
4. when a commit is due, ask the task what to write             AFTER_FLUSH
5. begin a transaction              AFTER_BEGIN
6. encode and send                  AFTER_SEND
7. send the positions with the group metadata of now            AFTER_SEND_OFFSETS
8. commit                           AFTER_COMMIT

Tests crash between any two of them: all that survives is in the log, and recovery (2) is the only
way back. A task that has nothing to write commits nothing: its positions move with its state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Protocol

from tradecanary.processors.runtime.log import (
    Aborted,
    Doubt,
    Log,
    TransactionalProducer,
    Unavailable,
)
from tradecanary.processors.runtime.task import Task
from tradecanary.processors.stage import Emit, LogRecord, Polled, TopicPartition
from tradecanary.schemas.codec import encode

DEADLINE_US = 60_000_000
"""How long a process goes on without a transaction that succeeds."""


class CrashPoint(StrEnum):
    """Where a test may stop the process: after which step."""

    AFTER_POLL = "after_poll"
    AFTER_RECOVER = "after_recover"
    AFTER_ABSORB = "after_absorb"
    AFTER_FLUSH = "after_flush"
    AFTER_BEGIN = "after_begin"
    AFTER_SEND = "after_send"
    AFTER_SEND_OFFSETS = "after_send_offsets"
    AFTER_COMMIT = "after_commit"


class Watcher(Protocol):
    """What the runner tells whoever watches it (telemetry); times in microseconds."""

    def polled(self, polled: Polled, now_us: int) -> None:
        """One poll came back."""

    def committed(self, effects: Sequence[Emit], took_us: int, now_us: int) -> None:
        """One transaction with these effects was committed."""

    def recovered(self, assigned: frozenset[TopicPartition], took_us: int, now_us: int) -> None:
        """The state was rebuilt for `assigned`."""

    def failed(self, problem: Exception, now_us: int) -> None:
        """A transaction failed; recovery follows."""


class Unwatched:
    """A watcher that keeps nothing."""

    def polled(self, polled: Polled, now_us: int) -> None:
        """Ignore."""

    def committed(self, effects: Sequence[Emit], took_us: int, now_us: int) -> None:
        """Ignore."""

    def recovered(self, assigned: frozenset[TopicPartition], took_us: int, now_us: int) -> None:
        """Ignore."""

    def failed(self, problem: Exception, now_us: int) -> None:
        """Ignore."""


class Stuck(RuntimeError):
    """Recovery did not help within the deadline: exit, and let the next process try."""


def go_on(_: CrashPoint) -> None:
    """Do not crash."""


class Runner:
    """Drives one task on one log. `now_us` is the clock; all else comes from the log.

    `slot` names this process among those of the task: with it goes the transactional id, so a
    restart in the same slot fences its predecessor. Raises Fenced, Stuck and OffsetLost: exit.
    """

    def __init__(
        self,
        task: Task,
        log: Log,
        now_us: Callable[[], int],
        *,
        slot: str = "0",
        crash_point: Callable[[CrashPoint], None] = go_on,
        watcher: Watcher | None = None,
        limit: int = 2000,
        timeout_s: float = 0.1,
        deadline_us: int = DEADLINE_US,
    ) -> None:
        self._task = task
        self._log = log
        self._now_us = now_us
        self._transactional_id = f"{task.name}-{slot}"
        self._crash_point = crash_point
        self._watcher = watcher or Unwatched()
        self._limit = limit
        self._timeout_s = timeout_s
        self._deadline_us = deadline_us
        self._assigned: frozenset[TopicPartition] = frozenset()
        self._must_recover = False
        self._must_rebuild = False
        self._due_us = 0
        self._trouble: tuple[int, int] | None = None
        self._producer: TransactionalProducer = log.producer(self._transactional_id)
        self._consumer = log.consumer(task.name, task.inputs)
        self._tail = log.tail(task.side_inputs) if task.side_inputs else None

    @property
    def assigned(self) -> frozenset[TopicPartition]:
        """The partitions this process owns now."""
        return self._assigned

    def run(self, stopping: Callable[[], bool], max_steps: int | None = None) -> int:
        """Step until `stopping()` or `max_steps`, then commit what is absorbed; return steps."""
        steps = 0
        while not stopping() and (max_steps is None or steps < max_steps):
            self.step()
            steps += 1
        self.finish()
        return steps

    def step(self) -> bool:
        """Do one step; return whether anything was read or written."""
        began_us = self._now_us()
        try:
            return self._step()
        except (Aborted, Doubt, Unavailable) as problem:
            self._fail(problem, began_us)
            return True

    def finish(self) -> None:
        """Write what is absorbed in one last transaction, unless it fails: then it never was."""
        if not self._assigned or self._must_recover:
            return
        began_us = self._now_us()
        try:
            self._transact()
        except (Aborted, Doubt, Unavailable) as problem:
            self._fail(problem, began_us)

    def close(self) -> None:
        """Leave the group and release the clients."""
        if self._tail is not None:
            self._tail.close()
        self._consumer.close()
        self._producer.close()

    def _step(self) -> bool:
        if self._must_rebuild:
            self._producer.close()
            self._producer = self._log.producer(self._transactional_id)
            self._must_rebuild = False
        polled = self._consumer.poll(self._limit, self._wait_s())  # 1
        self._crash_point(CrashPoint.AFTER_POLL)
        if polled.assignment is not None or self._must_recover:  # 2
            self._recover(self._assigned if polled.assignment is None else polled.assignment)
            return True
        now_us = self._now_us()
        self._watcher.polled(polled, now_us)
        read = self._absorb(polled, now_us)  # 3
        self._crash_point(CrashPoint.AFTER_ABSORB)
        if not self._assigned or now_us < self._due_us:
            return read
        self._due_us = now_us + self._task.commit_interval_us
        return self._transact() or read

    def _wait_s(self) -> float:
        if self._must_recover:
            return 0.0
        until_due_s = (self._due_us - self._now_us()) / 1e6
        return min(max(until_due_s, 0.0), self._timeout_s) if self._assigned else self._timeout_s

    def _absorb(self, polled: Polled, now_us: int) -> bool:
        if not self._assigned:
            return False
        side: tuple[LogRecord, ...] = ()
        if self._tail is not None:
            side = self._tail.poll(0.0)
            self._task.absorb_side(side, self._tail.at_end(), now_us)
        self._task.absorb(polled, now_us)
        return bool(polled.batches or side)

    def _transact(self) -> bool:
        effects = self._task.flush(self._now_us())  # 4
        self._crash_point(CrashPoint.AFTER_FLUSH)
        if not effects:
            return False
        started_us = self._now_us()
        self._producer.begin()  # 5
        self._crash_point(CrashPoint.AFTER_BEGIN)
        self._send(effects)  # 6
        self._crash_point(CrashPoint.AFTER_SEND)
        self._producer.send_offsets(self._task.positions(), self._consumer)  # 7
        self._crash_point(CrashPoint.AFTER_SEND_OFFSETS)
        self._producer.commit()  # 8
        self._crash_point(CrashPoint.AFTER_COMMIT)
        now_us = self._now_us()
        self._watcher.committed(effects, now_us - started_us, now_us)
        self._trouble = None
        return True

    def _send(self, effects: Sequence[Emit]) -> None:
        for effect in effects:
            value = None if effect.record is None else encode(effect.record)
            self._producer.send(effect.topic, effect.key, value, effect.partition)

    def _recover(self, assigned: frozenset[TopicPartition]) -> None:
        """Forget everything, and rebuild it from the log: the only way to start and to go on."""
        self._must_recover = True
        self._assigned = assigned
        started_us = self._now_us()
        if self._tail is not None:
            self._tail.close()
            self._tail = self._log.tail(self._task.side_inputs)
        committed = self._consumer.committed(sorted(assigned)) if assigned else {}
        positions = self._task.recover(assigned, committed, self._log, started_us)
        assert positions.keys() == assigned, f"positions of {assigned} expected, was {positions}"
        self._consumer.start_reading(positions)
        self._must_recover = False
        now_us = self._now_us()
        self._due_us = now_us
        self._watcher.recovered(assigned, now_us - started_us, now_us)
        self._crash_point(CrashPoint.AFTER_RECOVER)

    def _fail(self, problem: Exception, began_us: int) -> None:
        """Prepare recovery; raise Stuck when trouble has gone on without a commit for too long.

        `began_us` is when the step that failed began: a long failure is no time without trouble.
        """
        now_us = self._now_us()
        self._watcher.failed(problem, now_us)
        self._must_recover = True
        since_us, last_us = self._trouble or (now_us, now_us)
        if began_us - last_us > self._deadline_us:
            since_us = now_us
        self._trouble = (since_us, now_us)
        if now_us - since_us > self._deadline_us:
            raise Stuck(
                f"{self._transactional_id}: no transaction succeeded for "
                f"{(now_us - since_us) // 1_000_000} s, last: {problem}"
            ) from problem
        self._must_rebuild |= not isinstance(problem, Aborted)
