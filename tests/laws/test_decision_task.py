"""The decider on a log: whatever crashes, the recorded looks give its decisions and its state."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from tests.counting import Clock, Crash
from tests.deciding import (
    ABORTED_US,
    NAMES,
    PARTITIONS,
    Market,
    assert_recomputed,
    decisions_of,
    looks_of,
    new_decider,
    weights_of,
)
from tradecanary.processors.decision.replay import name_of, named
from tradecanary.processors.runtime.decision_task import DecisionTask
from tradecanary.processors.runtime.log import Fenced
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.processors.runtime.runner import CrashPoint, Runner, go_on
from tradecanary.processors.stage import TopicPartition
from tradecanary.schemas.codec import decode
from tradecanary.schemas.decisions import DeadLetter, Decision, DecisionKind
from tradecanary.schemas.metrics import MetricsBatch
from tradecanary.schemas.routing import CommandKind
from tradecanary.schemas.topics import COMMANDS, DEAD_LETTERS, METRICS, ROUTER_STATUS
from tradecanary.schemas.units import US_PER_S

DAY_S = 36
REBALANCES_S = (4, 12, 20)
HERE, THERE = sorted(NAMES)


def _command(kind: CommandKind) -> Callable[[Market], object]:
    return lambda market: market.command(kind)


SCRIPT: tuple[tuple[DecisionKind | None, Callable[[Market], object]], ...] = (
    (None, Market.start),
    (DecisionKind.START, _command(CommandKind.HALT)),
    (DecisionKind.HALT, _command(CommandKind.RESUME)),
    (DecisionKind.INCREASE, lambda market: market.kill(killed=True)),
    (DecisionKind.KILL, lambda market: market.kill(killed=False)),
    (DecisionKind.UNKILL, _command(CommandKind.RESUME)),
)
"""What people do, each after the decision before it."""


class Day:
    """Some seconds of two strategies, and the deciders that live through it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.log = MemoryLog(self.clock, control=PARTITIONS)
        self.markets = [Market(self.log, self.clock, number) for number in sorted(NAMES)]
        self.second = 0
        self.done = dict.fromkeys(NAMES, 0)

    def live(self, crash_point: Callable[[CrashPoint], None] = go_on) -> None:
        """One life of the decider: till the end of the day, or till it crashes."""
        task = DecisionTask()
        runner = Runner(task, self.log, self.clock, limit=20, crash_point=crash_point)
        while self.second < DAY_S:
            self.second += 1
            self._write()
            if self.second in REBALANCES_S:
                self.log.consumer(task.name, task.inputs).close()
            self._step(runner)
        self._step(runner)
        runner.finish()
        for market in self.markets:
            assert_recomputed(market, task.states()[market.partition])

    def _step(self, runner: Runner) -> None:
        for _ in range(5):
            self.clock.us += US_PER_S // 5
            runner.step()

    def _write(self) -> None:
        for market in self.markets:
            market.trade()
            done = self.done[market.partition]
            made = decisions_of(self.log, market.partition)
            if done == len(SCRIPT) or self.second < 3:
                continue
            awaited, act = SCRIPT[done]
            if awaited is (made[-1].kind if made else None):
                act(market)
                self.done[market.partition] += 1

    def story(self) -> list[list[tuple[DecisionKind, str]]]:
        """What was decided of each strategy, without times and figures."""
        return [
            [(one.kind, one.status.value) for one in decisions_of(self.log, market.partition)]
            for market in self.markets
        ]


@cache
def _undisturbed() -> list[list[tuple[DecisionKind, str]]]:
    day = Day()
    day.live()
    return day.story()


def test_the_day_has_everything() -> None:
    """What crashes are tried on: a start, a halt, a kill, increases, the end."""
    for kinds in _undisturbed():
        assert {kind for kind, _ in kinds} >= {
            DecisionKind.START,
            DecisionKind.HALT,
            DecisionKind.RESUME,
            DecisionKind.KILL,
            DecisionKind.UNKILL,
            DecisionKind.INCREASE,
            DecisionKind.PROMOTE,
            DecisionKind.FINISH,
        }, kinds


@pytest.mark.parametrize("from_s", [0, 3, 12, 19])
@pytest.mark.parametrize("point", list(CrashPoint))
def test_a_crash_between_any_two_steps(point: CrashPoint, from_s: int) -> None:
    """The next decider decides as one that never crashed, and its looks give it all again."""
    day = Day()

    def crash(reached: CrashPoint) -> None:
        if reached == point and day.second >= from_s:
            raise Crash

    with pytest.raises(Crash):
        day.live(crash)
    day.clock.us += ABORTED_US
    day.live()

    assert _undisturbed() == day.story()


@pytest.mark.parametrize("seed", range(6))
def test_random_crashes_of_two_processes(seed: int) -> None:
    """Two slots crash, restart and rebalance at random, and people act: all is taken once."""
    draw = random.Random(seed)
    clock = Clock()
    log = MemoryLog(clock, control=PARTITIONS)
    markets = [Market(log, clock, number) for number in sorted(NAMES)]
    runners: dict[str, Runner] = {}

    def maybe_crash(_: CrashPoint) -> None:
        if draw.random() < 0.02:
            raise Crash

    for _ in range(200):
        clock.us += draw.choice([1_000, 300_000, 1_000_000, 3_000_000])
        for market in markets:
            _act(market, draw)
        slot = draw.choice(["a", "b"])
        try:
            if slot not in runners:
                runners[slot] = new_decider(log, clock, slot, maybe_crash)
            for _ in range(3):
                runners[slot].step()
            if draw.random() < 0.02:
                runners.pop(slot).close()
        except (Crash, Fenced):
            runners.pop(slot, None)
    clock.us += ABORTED_US
    _settle(new_decider(log, clock, "last"), clock)

    for market in markets:
        assert_recomputed(market)


def _act(market: Market, draw: random.Random) -> None:
    if draw.random() < 0.6:
        market.trade()
    if draw.random() < 0.05:
        market.start(draw.randrange(7))
    if draw.random() < 0.05:
        kinds = [kind for kind in CommandKind if kind is not CommandKind.START]
        market.command(draw.choice(kinds))
    if draw.random() < 0.03:
        market.kill(killed=draw.random() < 0.4)


def _settle(runner: Runner, clock: Clock, steps: int = 40) -> None:
    for _ in range(steps):
        clock.us += 200_000
        runner.step()
    runner.finish()


@pytest.mark.parametrize("lacks", [METRICS.name, COMMANDS.name, ROUTER_STATUS.name])
def test_a_decider_must_own_equal_partition_sets(lacks: str) -> None:
    """One that reads a strategy's metrics and not its commands would raise what was aborted."""
    log = MemoryLog(Clock(), control=PARTITIONS)
    both = [TopicPartition(topic, n) for topic in DecisionTask.inputs for n in range(PARTITIONS)]
    assigned = frozenset(both) - {TopicPartition(lacks, 1)}

    with pytest.raises(AssertionError, match="equal partition sets"):
        DecisionTask().recover(assigned, {}, log, 0)


class Bench:
    """One decider, and what one strategy is told."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.log = MemoryLog(self.clock, control=PARTITIONS)
        self.market = Market(self.log, self.clock, HERE)
        self.runner = new_decider(self.log, self.clock)
        self.settle()

    def settle(self, steps: int = 10) -> None:
        """Read and decide all that is there."""
        _settle(self.runner, self.clock, steps)

    def replaced(self) -> None:
        """The decider is gone without a word, and another one goes on."""
        self.clock.us += ABORTED_US
        self.runner = new_decider(self.log, self.clock)
        self.settle()

    def committed(self, topic: str) -> int:
        """Return the position up to which the topic need not be read again."""
        place = TopicPartition(topic, HERE)
        member = self.log.consumer(DecisionTask.name, ())
        offset = member.committed([place])[place]
        member.close()
        self.settle()  # a member that came and went costs a rebalance
        return offset

    def taken(self) -> list[tuple[str, int, int]]:
        """Return the names of the manifests that looks took, in their order."""
        return [name for look in looks_of(self.log, HERE) for name in named(look)]

    def letters(self) -> list[DeadLetter]:
        """Return what could not be read."""
        records = self.log.read(TopicPartition(DEAD_LETTERS.name, 0))
        return [decode(DeadLetter, record.value) for record in records]


def _halves(whole: MetricsBatch) -> tuple[MetricsBatch, MetricsBatch]:
    first = replace(whole, part=0, parts=2, partials=())
    return first, replace(whole, part=1, parts=2, ranges=(), publishers=())


def test_positions_wait_for_a_manifest_that_misses_a_part() -> None:
    """Whoever goes on reads its first part again: it is taken whole, and once."""
    bench = Bench()
    market = bench.market
    market.trade()
    whole = market.manifest()
    first, second = _halves(whole)
    at = market.write(first)
    bench.settle()
    assert (at, False) == (bench.committed(METRICS.name), name_of(whole) in bench.taken())
    bench.replaced()
    assert (at, False) == (bench.committed(METRICS.name), name_of(whole) in bench.taken())
    last = market.write(second)
    bench.settle()

    assert last + 1 == bench.committed(METRICS.name)
    assert 1 == bench.taken().count(name_of(whole))
    assert_recomputed(market)


def test_what_another_slot_writes_meanwhile_is_folded_once() -> None:
    """It is read again after a crash, with the part before it: then it lies behind, and counts."""
    bench = Bench()
    market = bench.market
    market.trade()
    whole = replace(market.manifest(), slot="b")
    first, second = _halves(whole)
    # the other slot's partition of executions is another one
    ranges = tuple(replace(one, partition=1, first_offset=0) for one in whole.ranges)
    first = replace(first, ranges=ranges)
    at = market.write(first)
    market.flow.offset -= sum(one.events for one in whole.ranges)
    market.trade()
    bench.settle()
    assert at == bench.committed(METRICS.name)
    bench.replaced()
    market.write(second)
    bench.settle()

    state = assert_recomputed(market)
    assert state.flow is not None
    assert 1 <= state.flow.behind


def test_a_manifest_that_never_gets_whole_is_a_gap() -> None:
    """Its slot goes on: nobody waits for ever, and the rollout halts at what is missing."""
    bench = Bench()
    market = bench.market
    market.trade()
    market.start()
    bench.settle()
    first, _ = _halves(market.manifest())
    market.write(first)
    market.write(market.manifest())
    bench.settle()

    made = decisions_of(bench.log, HERE)
    assert (DecisionKind.HALT, "metrics have a gap") == (made[-1].kind, made[-1].reason[:18])
    assert bench.log.end_offset(TopicPartition(METRICS.name, HERE)) == bench.committed(METRICS.name)


def _decided(bench: Bench) -> list[Decision]:
    return [one for number in NAMES for one in decisions_of(bench.log, number)]


def test_a_strategy_on_the_wrong_partition_is_a_dead_letter() -> None:
    """A second decider would decide on it: commands and routers there are not heard."""
    bench = Bench()
    market = bench.market
    market.trade()
    market.start()
    bench.settle()
    before = _decided(bench)
    stray = Market(bench.log, bench.clock, THERE)
    stray.command(CommandKind.ABORT, strategy=NAMES[HERE])
    bench.log.append(ROUTER_STATUS.name, b"g1", *_status_of(market), partition=THERE)
    bench.settle()

    reasons = [letter.reason for letter in bench.letters()]
    assert [f"strategy '{NAMES[HERE]}' belongs on partition {HERE} of {PARTITIONS}"] * 2 == reasons
    assert before == _decided(bench)
    assert [] == [name for look in looks_of(bench.log, THERE) for name in look.commands]
    assert_recomputed(market)


def _status_of(market: Market) -> tuple[bytes]:
    place = TopicPartition(ROUTER_STATUS.name, market.partition)
    (record,) = market.log.read(place)
    assert record.value is not None
    return (record.value,)


def test_everywhere_is_no_strategy() -> None:
    """The kill switch knows `*`, a command cannot mean all."""
    bench = Bench()
    for number in NAMES:
        Market(bench.log, bench.clock, number).command(CommandKind.ABORT, strategy="*")
    bench.settle()

    reasons = sorted(letter.reason for letter in bench.letters())
    assert 2 == len(reasons)
    assert any(reason.startswith("strategy was '*'") for reason in reasons)
    assert [] == _decided(bench)


def test_what_cannot_be_read_is_a_dead_letter() -> None:
    """With its place and bytes; what comes after it is decided on."""
    bench = Bench()
    bench.log.append(COMMANDS.name, b"momentum", b"abort, please", partition=HERE)
    bench.market.trade()
    bench.market.start()
    bench.settle()
    (letter,) = bench.letters()

    assert (COMMANDS.name, HERE, b"abort, please") == (letter.topic, letter.partition, letter.value)
    assert assert_recomputed(bench.market).strategies[NAMES[HERE]].rollout is not None
    assert weights_of(bench.log, NAMES[HERE]) is not None
