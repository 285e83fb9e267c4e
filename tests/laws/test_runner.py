"""The runner: whatever crashes, and wherever, each record counts exactly once."""

import random
from collections.abc import Callable

import pytest

from tests.counting import Counting, copied, produced
from tradecanary.processors.runtime.log import (
    Aborted,
    Doubt,
    Fenced,
    GroupConsumer,
    Log,
    TransactionalProducer,
    Unavailable,
)
from tradecanary.processors.runtime.memory_log import MemoryLog, MemoryProducer
from tradecanary.processors.runtime.runner import CrashPoint, Runner, Stuck
from tradecanary.processors.stage import TopicPartition
from tradecanary.schemas.topics import EXECUTIONS, KILL_SWITCH


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.us = 1_700_000_000_000_000

    def __call__(self) -> int:
        return self.us


class Crash(BaseException):
    """The process is gone: nothing of it is closed or finished."""


def _crash_at(point: CrashPoint, visit: int = 1) -> Callable[[CrashPoint], None]:
    visits = 0

    def crash_point(reached: CrashPoint) -> None:
        nonlocal visits
        visits += reached == point
        if reached == point and visits == visit:
            raise Crash

    return crash_point


def _runner(log: Log, clock: Clock, task: Counting | None = None, **settings: object) -> Runner:
    return Runner(task or Counting(), log, clock, limit=7, **settings)  # type: ignore[arg-type]


def _settle(runner: Runner, *, steps: int = 60) -> None:
    runner.run(lambda: False, max_steps=steps)


def _fill(log: MemoryLog, count: int, start: int = 0) -> None:
    for number in range(start, start + count):
        log.append(EXECUTIONS.name, f"key-{number}".encode(), f"value-{number}".encode())


def _work_through_a_rebalance(log: MemoryLog, runner: Runner) -> None:
    _settle(runner)
    _fill(log, 5, 40)
    log.consumer("counting", [EXECUTIONS.name]).close()
    _settle(runner)


@pytest.mark.parametrize("point", list(CrashPoint))
@pytest.mark.parametrize("visit", [1, 2])
def test_crash_between_any_two_steps_loses_and_repeats_nothing(
    point: CrashPoint, visit: int
) -> None:
    """After a crash the next process in the slot goes on where the log says."""
    clock = Clock()
    log = MemoryLog(clock, executions=2)
    _fill(log, 40)
    with pytest.raises(Crash):
        _work_through_a_rebalance(log, _runner(log, clock, crash_point=_crash_at(point, visit)))
    clock.us += 7_000_000
    _fill(log, 5, 100)

    _settle(_runner(log, clock))

    assert produced(log) == copied(log)


@pytest.mark.parametrize("seed", range(25))
def test_random_crashes_of_two_processes(seed: int) -> None:
    """Two slots crash, restart and rebalance at random: the output is the input, once."""
    draw = random.Random(seed)
    clock = Clock()
    log = MemoryLog(clock, executions=3)
    runners: dict[str, Runner] = {}

    def maybe_crash(_: CrashPoint) -> None:
        if draw.random() < 0.03:
            raise Crash

    for number in range(400):
        clock.us += draw.choice([1_000, 50_000, 2_000_000])
        if draw.random() < 0.5:
            _fill(log, draw.randrange(1, 6), 10 * number)
        slot = draw.choice(["a", "b"])
        try:
            if slot not in runners:
                runners[slot] = _runner(log, clock, slot=slot, crash_point=maybe_crash)
            runners[slot].step()
            if draw.random() < 0.02:
                runners.pop(slot).close()
        except Crash:
            del runners[slot]
        except Fenced:  # slept for longer than the transaction timeout: exit at once
            del runners[slot]
    runners.clear()
    clock.us += 7_000_000
    _settle(_runner(log, clock, slot="c"), steps=300)

    assert produced(log) == copied(log)


def test_commits_wait_for_the_interval() -> None:
    """Between two transactions lies at least the task's interval."""
    clock = Clock()
    log = MemoryLog(clock)
    runner = _runner(log, clock, Counting(commit_interval_us=200_000))
    runner.step()
    _fill(log, 3)
    runner.step()
    assert {0: ["value-0", "value-1", "value-2"]} == copied(log)
    _fill(log, 1, 3)
    clock.us += 199_999
    runner.step()
    assert 3 == len(copied(log)[0])
    clock.us += 1
    runner.step()

    assert 4 == len(copied(log)[0])


def test_nothing_to_write_commits_nothing() -> None:
    """An empty flush makes no transaction, so positions never move without their state."""
    clock = Clock()
    log = MemoryLog(clock)
    _settle(_runner(log, clock))

    member = log.consumer("counting", [EXECUTIONS.name])

    assert {} == member.committed([TopicPartition(EXECUTIONS.name, 0)])


def test_a_member_without_partitions_writes_nothing() -> None:
    """With one partition the second member idles, and takes over when the first one leaves."""
    clock = Clock()
    log = MemoryLog(clock)
    first = _runner(log, clock, slot="a")
    spare_task = Counting(idle_flush=True)
    spare = _runner(log, clock, spare_task, slot="b")
    for _ in range(5):
        first.step()
        spare.step()
    assert frozenset() == spare.assigned
    _fill(log, 10)
    for _ in range(5):
        assert not spare.step()
        first.step()
    assert produced(log) == copied(log)
    first.close()
    _fill(log, 10, 10)
    _settle(spare)

    assert frozenset({TopicPartition(EXECUTIONS.name, 0)}) == spare.assigned
    assert produced(log) == copied(log)


def test_evicted_member_recovers() -> None:
    """What a member absorbed before its eviction is dropped, read again and counted once."""
    clock = Clock()
    log = MemoryLog(clock)
    task = Counting(commit_interval_us=1_000_000)
    runner = _runner(log, clock, task)
    runner.step()
    runner.step()
    _fill(log, 5)
    runner.step()
    log.evict("counting", "counting-000001")
    clock.us += 1_000_000
    _settle(runner)

    assert 2 == task.recoveries
    assert produced(log) == copied(log)


def test_fenced_runner_raises() -> None:
    """A second process in the same slot ends the first at its next transaction."""
    clock = Clock()
    log = MemoryLog(clock)
    older = _runner(log, clock)
    older.step()
    _runner(log, clock)
    _fill(log, 5)

    with pytest.raises(Fenced, match="counting-0"):
        _settle(older)


def test_side_inputs_are_read_whole_after_each_recovery() -> None:
    """The task sees the last value of each key, then what changes, and that it is at the end."""
    clock = Clock()
    log = MemoryLog(clock)
    log.append(KILL_SWITCH.name, b"*", b"old")
    log.append(KILL_SWITCH.name, b"*", b"new")
    task = Counting()
    runner = _runner(log, clock, task)
    runner.step()
    runner.step()
    assert {b"*": b"new"} == task.switches
    assert task.side_at_end
    log.append(KILL_SWITCH.name, b"momentum", b"on")
    runner.step()

    assert {b"*": b"new", b"momentum": b"on"} == task.switches


class _Unlucky(MemoryProducer):
    """Its commits end in the errors given, applied or not, as a network may have it."""

    troubles: list[tuple[Exception, bool]]

    def commit(self) -> None:
        if not self.troubles:
            super().commit()
            return
        error, applied = self.troubles.pop(0)
        super().commit() if applied else super().abort()
        raise error


class _UnluckyLog(MemoryLog):
    troubles: list[tuple[Exception, bool]]
    producers = 0

    def producer(self, transactional_id: str) -> MemoryProducer:
        self.producers += 1
        producer = _Unlucky(self._broker, transactional_id)
        producer.troubles = self.troubles
        return producer


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("error", [Doubt("slow"), Aborted("rolled back"), Unavailable("away")])
def test_unknown_outcome_is_read_back_from_the_log(error: Exception, applied: bool) -> None:
    """Applied or not, the state after a doubtful commit is the log's, and nothing counts twice."""
    clock = Clock()
    log = _UnluckyLog(clock, executions=2)
    log.troubles = [(error, applied), (error, not applied)]
    _fill(log, 30)
    task = Counting()
    _settle(_runner(log, clock, task))

    assert [] == log.troubles
    assert 3 == task.recoveries
    assert (1 if isinstance(error, Aborted) else 3) == log.producers, "doubt rebuilds it"
    assert produced(log) == copied(log)


def test_lasting_trouble_ends_the_process() -> None:
    """When no transaction succeeds within the deadline, the runner gives up."""
    clock = Clock()
    log = _UnluckyLog(clock)
    log.troubles = [(Unavailable("away"), False)] * 1000
    _fill(log, 10)
    runner = _runner(log, clock, deadline_us=3_000_000)
    started_us = clock.us
    with pytest.raises(Stuck, match="no transaction succeeded for 3 s, last: away"):
        _step_through(clock, runner)

    assert clock.us - started_us < 4_000_000


def _step_through(clock: Clock, runner: Runner) -> None:
    for _ in range(1000):
        clock.us += 10_000
        runner.step()


def test_finish_writes_what_was_absorbed() -> None:
    """A clean stop commits before it leaves, whether a commit is due or not."""
    clock = Clock()
    log = MemoryLog(clock)
    runner = _runner(log, clock, Counting(commit_interval_us=10_000_000))
    runner.step()
    runner.step()
    _fill(log, 5)
    runner.step()
    assert {} == copied(log)
    runner.finish()
    runner.close()

    assert produced(log) == copied(log)


def test_memory_log_is_a_log() -> None:
    """The in-memory log keeps the protocol, also for the type checker."""
    log: Log = MemoryLog(Clock())
    member: GroupConsumer = log.consumer("counting", [EXECUTIONS.name])
    producer: TransactionalProducer = log.producer("counting-0")

    assert member.member_id()
    producer.close()
