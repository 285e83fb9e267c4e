"""A redraw of `watch` beside 100 rollouts and 50 routers, each of which carries two strategies.

The decider runs in simulated time on a log in memory, in a process of its own that waits meanwhile.
Only what a redraw does is measured, by the clock and in processor time: taking in what was recorded
since 0.1 s ago, and drawing.
"""

from __future__ import annotations

import io
import itertools
import multiprocessing
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection

from rich.console import Console

from benchmarks.played import Played
from tradecanary.cli.watch import TAKE_IN_S, TAKE_INS, picture
from tradecanary.live import Live
from tradecanary.processors.decision.policy import Policy
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.processors.stage import LogRecord, TopicPartition
from tradecanary.schemas.decisions import RolloutStatus
from tradecanary.schemas.topics import EXECUTIONS, TOPICS
from tradecanary.schemas.units import US_PER_MS, US_PER_S

ROLLOUTS = 100
ROUTERS = 50
_NAMES = tuple(f"strategy-{number:03d}" for number in range(ROLLOUTS))
_STEP_US = 50 * US_PER_MS
_TAKE_IN_US = round(TAKE_IN_S * US_PER_S)
_ORDERS_PER_S = 100
"""Of each strategy: after 12 s its last 1,000 orders are known, which the judge waits for."""
_WARM_UP_S, _ROLLING_S = 14, 4
_POLICY = Policy.model_validate(
    {
        "name": "bench",
        "ramp": [
            {"name": "One", "weight_bp": 2_000, "min_duration_s": 3600},
            {"name": "Full", "weight_bp": 10_000},
        ],
        "judge": {"kind": "sequential", "margins": {"latency_pct": 500, "slippage_bp": 50}},
    }
)


class Busy:
    """Strategies that trade with a rollout each, and a decider that judges them all."""

    def __init__(self) -> None:
        """Trade stable until the judge has its references, then start and run every rollout."""
        self.played = Played(_NAMES, 1_767_623_400 * US_PER_S, routers=ROUTERS)
        self._orders = itertools.count()
        self.run(_WARM_UP_S * US_PER_S, 4 * _STEP_US)
        self.played.start(_POLICY)
        self.run(_ROLLING_S * US_PER_S, 4 * _STEP_US)

    def run(self, for_us: int, step_us: int = _STEP_US) -> None:
        """Let time pass in steps."""
        played = self.played
        end_us = played.now_us + for_us
        while played.now_us < end_us:
            before_us, played.now_us = played.now_us, played.now_us + step_us
            if before_us // US_PER_S != played.now_us // US_PER_S:
                played.attest()
            for at_us in range(before_us, played.now_us, US_PER_S // _ORDERS_PER_S):
                for name in _NAMES:
                    number = next(self._orders)
                    account = f"A{number % 200:05d}"
                    played.trade(name, number, at_us, source_seq=number, account=account)
            played.step()


def play(line: Connection) -> None:
    """Play in a process of its own: tell what is recorded, at first and for each time asked for.

    Ends when None is asked for, or nobody asks any more.
    """
    busy = Busy()
    positions: dict[TopicPartition, int] = {}
    with suppress(EOFError):
        while True:
            line.send((busy.played.now_us, _new(busy.played.log, positions)))
            for_us = line.recv()
            if for_us is None:
                return
            busy.run(for_us)


def _new(log: MemoryLog, positions: dict[TopicPartition, int]) -> list[LogRecord]:
    """Return what was recorded after `positions`, which move; no screen reads executions."""
    found = []
    for topic in TOPICS:
        if topic is EXECUTIONS:
            continue
        for number in range(log.partitions(topic.name)):
            place = TopicPartition(topic.name, number)
            start = positions.get(place, log.start_offset(place))
            records = list(log.read(place, start))
            positions[place] = records[-1].offset + 1 if records else start
            found += records
    return found


@contextmanager
def playing() -> Iterator[Connection]:
    """Give the line to a process that plays: its memory is not the screen's to clean up."""
    context = multiprocessing.get_context("spawn")
    line, other = context.Pipe()
    process = context.Process(target=play, args=(other,), daemon=True)
    process.start()
    other.close()
    try:
        yield line
        line.send(None)
        process.join()
    finally:
        process.kill()


class Watched:
    """A screen on a copy of what is recorded elsewhere."""

    def __init__(self, line: Connection) -> None:
        """Take in what is there; raises RuntimeError when not all rollouts run."""
        self._line = line
        self._now_us, records = line.recv()
        self._log = MemoryLog(lambda: self._now_us)
        self._log.load(records, {})
        self._live = Live(self._log)
        self._live.refresh()
        running = sum(
            one.rollout is not None and one.rollout.status is RolloutStatus.ACTIVE
            for state in self._live.states
            for one in state.strategies.values()
        )
        if running != ROLLOUTS:
            raise RuntimeError(f"{ROLLOUTS} rollouts were to run, found {running}")
        self._console = Console(file=io.StringIO(), force_terminal=True, width=160, height=120)

    def redraw(self, strategy: str | None) -> tuple[float, float, float]:
        """Return the milliseconds of a redraw: by the clock, of the processor, and for taking in.

        `strategy`: the one that is drawn in full; None draws a line each.
        """
        for _ in range(TAKE_INS - 1):
            self._go_on()
            self._live.refresh()
        self._go_on()
        began_s, used_s = time.perf_counter(), time.process_time()
        self._live.refresh()
        taken_s = time.process_time()
        self._console.print(picture(self._live, strategy, self._now_us, self._console.height))
        ended_s, done_s = time.perf_counter(), time.process_time()
        return (ended_s - began_s) * 1e3, (done_s - used_s) * 1e3, (taken_s - used_s) * 1e3

    def _go_on(self) -> None:
        self._line.send(_TAKE_IN_US)
        self._now_us, records = self._line.recv()
        self._log.load(records, {})


def measure(redraws: int) -> Iterator[dict[str, float]]:
    """Yield empty results while it works, then what a redraw takes: of all, and of one in full."""
    with playing() as line:
        watched = Watched(line)
        yield {}
        found = list[tuple[float, float, float]]()
        for _ in range(redraws):
            found.append(watched.redraw(None))
            yield {}
        alone = [watched.redraw(_NAMES[0]) for _ in range(redraws)]
    wall, used, taken = zip(*found, strict=True)
    yield {
        "watch_redraw_ms": statistics.median(used),
        "watch_redraw_most_ms": max(used),
        "watch_redraw_clock_ms": statistics.median(wall),
        "watch_redraw_clock_most_ms": max(wall),
        "watch_redraw_one_ms": statistics.median(one[1] for one in alone),
        "watch_take_in_ms": statistics.median(taken),
    }
