"""The runner: whatever crashes, and wherever, each record counts exactly once."""

import random

import pytest

from tests.counting import (
    Clock,
    Counting,
    Crash,
    copied,
    crash_at,
    fill,
    new_runner,
    produced,
    settle,
)
from tradecanary.processors.runtime.log import (
    Fenced,
    GroupConsumer,
    Log,
    TransactionalProducer,
)
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.processors.runtime.runner import CrashPoint, Runner
from tradecanary.processors.stage import TopicPartition
from tradecanary.schemas.topics import EXECUTIONS, KILL_SWITCH


def _work_through_a_rebalance(log: MemoryLog, runner: Runner) -> None:
    settle(runner)
    fill(log, 5, 40)
    log.consumer("counting", [EXECUTIONS.name]).close()
    settle(runner)


@pytest.mark.parametrize("point", list(CrashPoint))
@pytest.mark.parametrize("visit", [1, 2])
def test_crash_between_any_two_steps_loses_and_repeats_nothing(
    point: CrashPoint, visit: int
) -> None:
    """After a crash the next process in the slot goes on where the log says."""
    clock = Clock()
    log = MemoryLog(clock, executions=2)
    fill(log, 40)
    with pytest.raises(Crash):
        _work_through_a_rebalance(log, new_runner(log, clock, crash_point=crash_at(point, visit)))
    clock.us += 7_000_000
    fill(log, 5, 100)

    settle(new_runner(log, clock))

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
            fill(log, draw.randrange(1, 6), 10 * number)
        slot = draw.choice(["a", "b"])
        try:
            if slot not in runners:
                runners[slot] = new_runner(log, clock, slot=slot, crash_point=maybe_crash)
            runners[slot].step()
            if draw.random() < 0.02:
                runners.pop(slot).close()
        except Crash:
            del runners[slot]
        except Fenced:  # slept for longer than the transaction timeout: exit at once
            del runners[slot]
    runners.clear()
    clock.us += 7_000_000
    settle(new_runner(log, clock, slot="c"), steps=300)

    assert produced(log) == copied(log)


def test_commits_wait_for_the_interval() -> None:
    """Between two transactions lies at least the task's interval."""
    clock = Clock()
    log = MemoryLog(clock)
    runner = new_runner(log, clock, Counting(commit_interval_us=200_000))
    runner.step()
    fill(log, 3)
    runner.step()
    assert {0: ["value-0", "value-1", "value-2"]} == copied(log)
    fill(log, 1, 3)
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
    settle(new_runner(log, clock))

    member = log.consumer("counting", [EXECUTIONS.name])

    assert {} == member.committed([TopicPartition(EXECUTIONS.name, 0)])


def test_a_member_without_partitions_writes_nothing() -> None:
    """With one partition the second member idles, and takes over when the first one leaves."""
    clock = Clock()
    log = MemoryLog(clock)
    first = new_runner(log, clock, slot="a")
    spare_task = Counting(idle_flush=True)
    spare = new_runner(log, clock, spare_task, slot="b")
    for _ in range(5):
        first.step()
        spare.step()
    assert frozenset() == spare.assigned
    fill(log, 10)
    for _ in range(5):
        assert not spare.step()
        first.step()
    assert produced(log) == copied(log)
    first.close()
    fill(log, 10, 10)
    settle(spare)

    assert frozenset({TopicPartition(EXECUTIONS.name, 0)}) == spare.assigned
    assert produced(log) == copied(log)


def test_evicted_member_recovers() -> None:
    """What a member absorbed before its eviction is dropped, read again and counted once."""
    clock = Clock()
    log = MemoryLog(clock)
    task = Counting(commit_interval_us=1_000_000)
    runner = new_runner(log, clock, task)
    runner.step()
    runner.step()
    fill(log, 5)
    runner.step()
    log.evict("counting", "counting-000001")
    clock.us += 1_000_000
    settle(runner)

    assert 2 == task.recoveries
    assert produced(log) == copied(log)


def test_fenced_runner_raises() -> None:
    """A second process in the same slot ends the first at its next transaction."""
    clock = Clock()
    log = MemoryLog(clock)
    older = new_runner(log, clock)
    older.step()
    new_runner(log, clock)
    fill(log, 5)

    with pytest.raises(Fenced, match="counting-0"):
        settle(older)


def test_side_inputs_are_read_whole_after_each_recovery() -> None:
    """The task sees the last value of each key, then what changes, and that it is at the end."""
    clock = Clock()
    log = MemoryLog(clock)
    log.append(KILL_SWITCH.name, b"*", b"old")
    log.append(KILL_SWITCH.name, b"*", b"new")
    task = Counting()
    runner = new_runner(log, clock, task)
    runner.step()
    runner.step()
    assert {b"*": b"new"} == task.switches
    assert task.side_at_end
    log.append(KILL_SWITCH.name, b"momentum", b"on")
    runner.step()

    assert {b"*": b"new", b"momentum": b"on"} == task.switches


def test_finish_writes_what_was_absorbed() -> None:
    """A clean stop commits before it leaves, whether a commit is due or not."""
    clock = Clock()
    log = MemoryLog(clock)
    runner = new_runner(log, clock, Counting(commit_interval_us=10_000_000))
    runner.step()
    runner.step()
    fill(log, 5)
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
