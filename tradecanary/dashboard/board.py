"""What the whole server shows: one reader of the log, one snapshot, shared by all browsers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from tradecanary.dashboard.facts import View, evidence, turning, view_of
from tradecanary.dashboard.series import Point, Series
from tradecanary.live import Live
from tradecanary.processors.decision.model import PartitionState, StrategyState
from tradecanary.processors.decision.replay import Unrecorded
from tradecanary.processors.runtime.log import OffsetLost, Unavailable
from tradecanary.rollout_view import actual_weight_bp, set_weight_bp
from tradecanary.schemas.codec import ContractViolation
from tradecanary.schemas.decisions import Decision
from tradecanary.schemas.routing import EVERYWHERE, KillSwitch
from tradecanary.schemas.units import US_PER_S

REFRESH_S = 0.2
"""From one reading of the log to the next: a transition is on the screen within a second."""
_LEAST_PAUSE_S = 0.02
_FEWEST_ORDERS = 50
"""Of fewer orders in the phase the canary's actual share says nothing."""
_REMADE_US = US_PER_S
"""Figures that only drift are written anew so often; what turns is written at once."""


@dataclass(frozen=True, slots=True)
class Known:
    """A strategy's state, and its partition's."""

    partition: PartitionState
    strategy: StrategyState


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that was read, as of `read_at_us` (-1: nothing yet). `problem`: why no newer is read."""

    number: int = 0
    read_at_us: int = -1
    problem: str = ""
    known: Mapping[str, Known] = field(default_factory=dict)
    decisions: Mapping[str, tuple[Decision, ...]] = field(default_factory=dict)

    def killed_everywhere(self) -> KillSwitch | None:
        """Return the kill of all strategies when it is on."""
        for partition in {id(one.partition): one.partition for one in self.known.values()}.values():
            found = partition.kills.get(EVERYWHERE)
            if found is not None and found.killed:
                return found
        return None

    def looked_us(self, now_us: int, strategy: str = "") -> int | None:
        """Return since when the strategy's partition had no look, by default the slowest one's.

        None when no strategy is known.
        """
        asked = [self.known[strategy]] if strategy in self.known else self.known.values()
        return max((now_us - one.partition.recorded_at_us for one in asked), default=None)


class Board:
    """Reads on its own thread; hands out snapshots and views to the pages' thread."""

    def __init__(self, follow: Callable[[], Live], now_us: Callable[[], int]) -> None:
        """`follow` connects and begins to read; raises Unavailable when nobody answers."""
        self._follow = follow
        self._live: Live | None = None
        self._series: dict[str, Series] = {}
        self._views: dict[str, tuple[int, tuple[object, ...], View]] = {}
        self.now_us = now_us
        self.snapshot = Snapshot()

    def run(self, stopping: threading.Event) -> None:
        """Read until `stopping`; an outage is shown, and reading goes on after it."""
        pause_s = 0.0
        while not stopping.wait(pause_s):
            began_us = self.now_us()
            self.refresh()
            pause_s = max(_LEAST_PAUSE_S, REFRESH_S - (self.now_us() - began_us) / US_PER_S)

    def refresh(self) -> bool:
        """Read what is new; return whether there was any. What fails is in the snapshot."""
        try:
            if self._live is None:
                self._live = self._follow()
            changed = self._live.refresh()
        except Unavailable as failure:
            self.snapshot = replace(self.snapshot, problem=f"Kafka does not answer: {failure}")
            return False
        except (OffsetLost, Unrecorded, ContractViolation) as failure:
            self._live = None  # what is there now may be read from its newest snapshot on
            self.snapshot = replace(self.snapshot, problem=f"the log has a gap: {failure}")
            return False
        old, now_us = self.snapshot, self.now_us()
        if not changed and old.number:
            self.snapshot = replace(old, read_at_us=now_us, problem="")
            return False
        known = {
            name: Known(partition, strategy)
            for partition in self._live.states
            for name, strategy in partition.strategies.items()
        }
        self._note(known.values())
        self.snapshot = Snapshot(old.number + 1, now_us, "", known, self._live.decisions)
        return True

    def _note(self, known: Iterable[Known]) -> None:
        """Take in a point of every rollout that has begun."""
        for one in known:
            strategy, rollout = one.strategy, one.strategy.rollout
            if rollout is None or rollout.started_at_us < 0:
                continue
            series = self._series.get(strategy.strategy)
            if series is None or series.rollout != rollout.spec.rollout:
                series = self._series[strategy.strategy] = Series(rollout.spec.rollout)
            ended = rollout.ended_at_us >= 0
            found = evidence(rollout)
            orders = rollout.phase.stable.orders + rollout.phase.canary.orders
            series.add(
                Point(
                    time_us=rollout.ended_at_us if ended else one.partition.recorded_at_us,
                    set_bp=set_weight_bp(strategy, rollout),
                    actual_bp=actual_weight_bp(rollout) if orders >= _FEWEST_ORDERS else None,
                    nats=found.nats if found else None,
                )
            )

    def points(self, strategy: str) -> tuple[Point, ...]:
        """Return what was noted of the strategy's rollout, oldest first."""
        series = self._series.get(strategy)
        return tuple(series.points) if series else ()

    def view(self, name: str) -> View | None:
        """Return the strategy's view, at most a second old, and never older than a transition.

        For the pages' thread only.
        """
        one = self.snapshot.known.get(name)
        if one is None:
            return None
        now_us, key = self.now_us(), turning(one.strategy)
        kept = self._views.get(name)
        if kept is None or kept[1] != key or now_us - kept[0] >= _REMADE_US:
            kept = now_us, key, view_of(one.partition, one.strategy, now_us)
            self._views[name] = kept
        return kept[2]
