"""A policy on recorded flow: the production stages, a look every 200 ms of event time.

The law: each look sees exactly the events with event_time up to its own, and one final
look at the end sees everything mature. A look's recorded time is its place on the grid, so clocks,
watermark and the age of the data go by event time. An order takes the revision in force when it was
submitted: a vector issued by a look at t holds for orders submitted after t.

Routers do not exist here. One is attested each second, with the record's horizons and no counts: so
nothing can vanish, and no lease can lapse. It says that the canary is loaded from the time on when
the record has the weight of the first phase: the rollout is PENDING until then, and its clocks
begin with its evidence. Gates that wait for a
person are approved at the next look. Where flow pauses, looks that can find nothing new are left
out: from the moment all is mature, idle and rolled up until one look before the next event.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from tradecanary.backtesting import kernel as at
from tradecanary.backtesting.feed import Feed
from tradecanary.backtesting.looked import Looked
from tradecanary.backtesting.thinning import is_served
from tradecanary.processors.aggregation.fastest import fastest_fold
from tradecanary.processors.aggregation.folding import empty_snapshot
from tradecanary.processors.aggregation.step import (
    Adopt,
    Aggregation,
    End,
    Flush,
    Records,
    Start,
    new_aggregation,
)
from tradecanary.processors.aggregation.step import step as aggregate
from tradecanary.processors.decision.cohorts import Horizons
from tradecanary.processors.decision.holds import HoldCode
from tradecanary.processors.decision.model import LookEvent, PartitionState, Rollout
from tradecanary.processors.decision.replay import Parts
from tradecanary.processors.decision.spec import RolloutSpec
from tradecanary.processors.decision.step import initial
from tradecanary.processors.decision.step import step as decide
from tradecanary.processors.decision.transitions import ENDED
from tradecanary.processors.stage import Emit
from tradecanary.schemas.canonical import canonical_json
from tradecanary.schemas.decisions import RolloutStatus, RouterFact
from tradecanary.schemas.metrics import MetricsBatch
from tradecanary.schemas.routing import (
    BreakerState,
    Command,
    CommandKind,
    LeaseState,
    RouterStatus,
    UnitKind,
)
from tradecanary.schemas.units import COHORT_US, US_PER_MS, US_PER_S

LOOK_US = 200 * US_PER_MS
QUIET_US = 30 * US_PER_S
"""Beyond the horizons: longer than any clock of the decision stage waits for something to come."""
_IDLE_US = 5 * US_PER_S
_ATTEST_US = US_PER_S
_EPOCH = 1
_STARTER, _APPROVER = "backtest", "backtest-approver"
_WAITS = f"{HoldCode.APPROVAL} "


def look_times(event_times: np.ndarray, quiet_us: int) -> Iterator[int]:
    """Yield the times of all looks but the final one, rising; `event_times` rises and has some.

    All on the grid of 200 ms; the last one sees the last event. A pause longer than `quiet_us` is
    looked at for so long, and again from one look before the event that ends it.
    """
    first = _on_grid(int(event_times[0]))
    yield first
    time_us, seen, count = first, 0, len(event_times)
    while True:
        seen = int(np.searchsorted(event_times, time_us, "right"))
        if seen == count:
            return
        next_us = _on_grid(int(event_times[seen]))
        last_us = _on_grid(int(event_times[seen - 1]))
        if next_us - time_us > LOOK_US and time_us - last_us >= quiet_us:
            time_us = next_us - LOOK_US
        else:
            time_us += LOOK_US
        yield time_us


def _on_grid(time_us: int) -> int:
    """Return the first look that sees an event of this time."""
    return -(-time_us // LOOK_US) * LOOK_US


@dataclass(slots=True)
class Backtested:
    """One policy's run: `looks()` yields them; it ends where the record can say no more.

    That is its end, a roll-back, or the step to 10000: from there on the record cannot tell.
    """

    feed: Feed
    spec: RolloutSpec
    horizons: Horizons
    looks_left_out: bool = True
    _state: PartitionState = field(default_factory=lambda: initial(0))
    _stage: Aggregation = field(default_factory=lambda: new_aggregation("backtest", fastest_fold))
    _parts: Parts = field(default_factory=Parts)
    _attested_us: int = -(1 << 62)
    _loaded: bool = False
    _revision: int = 0
    _commands: int = 0

    def looks(self) -> Iterator[Looked]:
        """Yield every look of the policy's rollout, in order."""
        record = self.feed.record
        times = np.ascontiguousarray(record.event_times)
        starts = tuple(
            Start(empty_snapshot(partition, 0, from_start=record.from_start), 0)
            for partition in self.feed.partitions
        )
        self._stage, _ = aggregate(self._stage, Adopt(int(times[0]), 1, starts))
        longest_us = max(self.horizons.order_us, self.horizons.markout_us)
        quiet_us = QUIET_US + longest_us if self.looks_left_out else 1 << 62
        seen, time_us = 0, 0
        pending_us = round(self.spec.policy.max_pending_s * US_PER_S / 2)
        asked_us = max(int(times[0]), self._served_us() - pending_us)
        start: tuple[Command, ...] = (self._start(asked_us),)
        for time_us in look_times(times, quiet_us):
            until = int(np.searchsorted(times, time_us, "right"))
            if start and time_us >= asked_us:
                commands, start = start, ()
            else:
                commands = self._approvals(time_us)
            looked = self._look(time_us, seen, until, commands)
            seen = until
            yield looked
            if not start and self._is_over():
                return
        end_us = _on_grid(time_us + COHORT_US + longest_us + 2 * _IDLE_US)
        yield self._look(end_us, seen, seen, self._approvals(end_us))

    def _served_us(self) -> int:
        """Return from when on the record has the weight of the policy's first phase."""
        wanted_bp = self.spec.policy.ramp[0].weight_bp
        periods = self.feed.routed.periods
        return min(p.first_us for p in periods if is_served(wanted_bp, p.canary_bp))

    def rollout(self) -> Rollout | None:
        """Return the rollout as it stands."""
        strategy = self._state.strategies.get(self.spec.strategy)
        return strategy.rollout if strategy else None

    def _look(self, time_us: int, first: int, last: int, commands: tuple[Command, ...]) -> Looked:
        stage = self._stage
        for batch in self.feed.batches(first, last, time_us):
            stage, _ = aggregate(stage, Records(batch.partition.partition, batch))
        for partition in self.feed.partitions:
            stage, _ = aggregate(stage, End(partition, time_us))
        self._stage, emits = aggregate(stage, Flush(time_us))
        manifests = tuple(self._whole(emits))
        event = LookEvent(
            epoch=_EPOCH,
            recorded_at_us=time_us,
            manifests=manifests,
            commands=commands,
            routers=self._routers(time_us),
            thinned=True,
        )
        self._state, effects = decide(self._state, event)
        self._follow(time_us)
        return Looked(time_us, self._state, effects, manifests, last)

    def _whole(self, emits: Iterable[Emit]) -> Iterator[MetricsBatch]:
        for emit in emits:
            if isinstance(emit.record, MetricsBatch):
                whole = self._parts.add(emit.record)
                if whole is not None:
                    yield whole

    def _follow(self, time_us: int) -> None:
        """Route what is submitted from now on by the vector that this look issued."""
        strategy = self._state.strategies.get(self.spec.strategy)
        if (
            strategy is not None
            and strategy.rollout is not None
            and strategy.revision != self._revision
        ):
            self._revision = strategy.revision
            self.feed.issue(time_us, strategy.revision, strategy.rollout.canary_bp)

    def _is_over(self) -> bool:
        rollout = self.rollout()
        return rollout is None or rollout.status in {*ENDED, RolloutStatus.WATCHING}

    def _start(self, time_us: int) -> Command:
        arguments = canonical_json(self.spec.model_dump(mode="json"))
        return self._command(CommandKind.START, _STARTER, time_us, arguments, "recorded flow")

    def _approvals(self, time_us: int) -> tuple[Command, ...]:
        rollout = self.rollout()
        if rollout is None or not rollout.hold.startswith(_WAITS):
            return ()
        arguments = canonical_json({"gate": rollout.hold.removeprefix(_WAITS)})
        reason = "nobody is asked in a backtest"
        return (self._command(CommandKind.APPROVE, _APPROVER, time_us, arguments, reason),)

    def _command(
        self, kind: CommandKind, actor: str, time_us: int, arguments: str, reason: str
    ) -> Command:
        self._commands += 1
        name = f"{self.spec.rollout}-{self._commands}"
        return Command(name, self.spec.strategy, actor, time_us, kind, arguments, reason)

    def _routers(self, time_us: int) -> tuple[RouterFact, ...]:
        spec, served = self.spec, time_us > self._served_us() - LOOK_US
        if time_us - self._attested_us < _ATTEST_US and served == self._loaded:
            return ()
        self._attested_us, self._loaded = time_us, served
        status = RouterStatus(
            router="the record",
            incarnation=0,
            strategy=spec.strategy,
            time_us=time_us,
            versions=(spec.stable, spec.canary) if served else (spec.stable,),
            unit=UnitKind(spec.unit),
            baseline=spec.stable,
            order_horizon_us=self.horizons.order_us,
            markout_horizon_us=self.horizons.markout_us,
            epoch=_EPOCH,
            revision=self._revision,
            lease=LeaseState.VALID,
            breaker=BreakerState.CLOSED,
            rearm=0,
            killed=False,
            lapses=0,
            fallback="",
            counts=(),
            withdrawals=(),
            backlog=0,
            spooled=0,
            dropped=0,
        )
        return (RouterFact(status, time_us // US_PER_MS),)


def observed_horizons(feed_columns: np.ndarray) -> Horizons:
    """Return the ages by which all of a record was reported: outcomes, and their P&L.

    Rounded up to a tenth of a second. Every OUTCOME comes at its horizon at the latest, so the
    oldest one bounds the horizon from below, and for this record nothing comes later.
    """
    ages = feed_columns[:, at.ENDED_AT] - feed_columns[:, at.SUBMITTED_AT]
    outcome = feed_columns[:, at.KIND_OF] == 0
    order_us = _tenths(int(ages[outcome].max(initial=0)))
    return Horizons(order_us, max(order_us, _tenths(int(ages.max(initial=0)))))


def _tenths(age_us: int) -> int:
    tenth_us = 100 * US_PER_MS
    return -(-age_us // tenth_us) * tenth_us
