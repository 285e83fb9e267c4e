"""The decider on a log: whatever crashes, the recorded looks give its decisions and its state."""

from __future__ import annotations

import random
from collections.abc import Callable
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
    settle,
)
from tradecanary.processors.runtime.decision_task import DecisionTask
from tradecanary.processors.runtime.log import Fenced
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.processors.runtime.runner import CrashPoint, Runner, go_on
from tradecanary.schemas.decisions import DecisionKind
from tradecanary.schemas.routing import CommandKind
from tradecanary.schemas.units import US_PER_S

DAY_S = 36
REBALANCES_S = (4, 12, 20)


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
    before = [looks_of(day.log, number) for number in NAMES]
    day.clock.us += ABORTED_US
    day.live()

    assert _undisturbed() == day.story()
    for number, old in zip(NAMES, before, strict=True):
        new = looks_of(day.log, number)[len(old) :]
        assert max((look.epoch for look in old), default=0) < new[0].epoch, "a term of its own"


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
    settle(new_decider(log, clock, "last"), clock)

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
