"""A redraw of `watch` beside 100 rollouts and 50 routers, each of which carries two strategies.

The decider runs in simulated time on a log in memory. Only what a redraw does is measured, in
processor time, as other processes share the cores: taking in what was recorded since the last one,
0.3 s before, and drawing.
"""

from __future__ import annotations

import io
import itertools
import statistics
import time
from collections.abc import Iterator

from rich.console import Console

from benchmarks.played import Played
from tradecanary.cli.watch import picture
from tradecanary.live import Live
from tradecanary.processors.decision.policy import Policy
from tradecanary.schemas.decisions import RolloutStatus
from tradecanary.schemas.units import US_PER_MS, US_PER_S

ROLLOUTS = 100
ROUTERS = 50
_NAMES = tuple(f"strategy-{number:03d}" for number in range(ROLLOUTS))
_STEP_US = 50 * US_PER_MS
_REDRAW_US = 300 * US_PER_MS
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


def measure(redraws: int) -> Iterator[dict[str, float]]:
    """Yield empty results while it works, then what a redraw takes: of all, and of one in full."""
    busy = Busy()
    yield {}
    live = Live(busy.played.log)
    live.refresh()
    running = sum(
        one.rollout is not None and one.rollout.status is RolloutStatus.ACTIVE
        for state in live.states
        for one in state.strategies.values()
    )
    if running != ROLLOUTS:
        raise RuntimeError(f"{ROLLOUTS} rollouts were to run, found {running}")
    console = Console(file=io.StringIO(), force_terminal=True, width=160, height=120)
    found: dict[str, list[float]] = {"take_in": [], "all": [], "one": []}
    for _ in range(redraws):
        busy.run(_REDRAW_US)
        began = time.process_time()
        live.refresh()
        taken = time.process_time()
        found["take_in"].append((taken - began) * 1e3)
        for name, strategy in (("all", None), ("one", _NAMES[0])):
            drawing = time.process_time()
            console.print(picture(live, strategy, busy.played.now_us, console.height))
            found[name].append((taken - began + time.process_time() - drawing) * 1e3)
        yield {}
    yield {
        "watch_redraw_ms": statistics.median(found["all"]),
        "watch_redraw_most_ms": max(found["all"]),
        "watch_redraw_one_ms": statistics.median(found["one"]),
        "watch_take_in_ms": statistics.median(found["take_in"]),
    }
