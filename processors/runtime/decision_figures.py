"""What the decider knows, as Prometheus figures: made at each scrape from the committed states.

Ages are those of the scrape, so they go on rising when the decider stands still. Versions, orders
and accounts are never labels: the number of series follows that of strategies, cells and routers'
states alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from tradecanary.processors.decision.chain import streams_of
from tradecanary.processors.decision.guards import GuardInput, check_guards
from tradecanary.processors.decision.model import PartitionState, Rollout, StrategyState
from tradecanary.processors.decision.rollout_look import judge
from tradecanary.processors.decision.routers import heard
from tradecanary.processors.decision.transitions import CARRYING
from tradecanary.schemas.decisions import RolloutStatus
from tradecanary.schemas.routing import EVERYWHERE, BreakerState, LeaseState, RouterStatus
from tradecanary.schemas.units import FULL_WEIGHT_BP, US_PER_S

_MICRO = 1_000_000
States = Mapping[int, PartitionState]


class DecisionFigures(Collector):
    """Reads `states` when told to (`take`), and makes the figures of them when scraped."""

    def __init__(self, states: Callable[[], States], clock_us: Callable[[], int]) -> None:
        self._read = states
        self._clock_us = clock_us
        self._states: States = {}

    def take(self) -> None:
        """Take what the decider knows now: to be called when that is committed."""
        self._states = self._read()

    @override
    def collect(self) -> Iterator[Metric]:
        states, now_us = self._states, self._clock_us()
        yield from _partition_figures(states.values(), now_us)
        strategies = [one for state in states.values() for one in state.strategies.values()]
        yield _killed(states.values())
        yield from _vector_figures(strategies)
        yield from _router_figures(states.values())
        rollouts = [(one, one.rollout) for one in strategies if one.rollout is not None]
        yield from _rollout_figures(rollouts)
        running = [(one, rollout) for one, rollout in rollouts if rollout.status in CARRYING]
        yield from _evidence_figures([rollout for _, rollout in running])
        yield _guards(running, now_us)


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"tradecanary_{name}", text, labels=labels)


def _partition_figures(states: Iterable[PartitionState], now_us: int) -> Iterator[Metric]:
    age = _gauge(
        "data_age_seconds",
        "Time since the decider last saw every partition of executions counted to its end",
        "partition",
    )
    delay = _gauge(
        "evidence_delay_seconds",
        "How old the orders are up to which every publisher has reported; judged a horizon later",
        "partition",
    )
    epoch = _gauge("decider_epoch", "The decider's term", "partition")
    gaps = CounterMetricFamily(
        "tradecanary_manifest_gaps", "Holes in what the aggregation wrote", labels=["partition"]
    )
    for state in states:
        number = [str(state.partition)]
        epoch.add_metric(number, state.epoch)
        if state.flow is not None:
            age.add_metric(number, state.flow.data_age_us(now_us) / US_PER_S)
            delay.add_metric(number, state.flow.behind_us(now_us) / US_PER_S)
            gaps.add_metric(number, state.flow.gaps)
    yield from (age, delay, epoch, gaps)


def _killed(states: Collection[PartitionState]) -> Metric:
    killed = _gauge("killed", "1 while the kill switch is on; `*` is that of all", "strategy")
    everywhere = False
    for state in states:
        everywhere |= EVERYWHERE in state.kills and state.kills[EVERYWHERE].killed
        for name, strategy in state.strategies.items():
            killed.add_metric([name], strategy.killed)
    if states:  # who owns no partition yet has not read the switch
        killed.add_metric([EVERYWHERE], everywhere)
    return killed


def _vector_figures(strategies: Iterable[StrategyState]) -> Iterator[Metric]:
    weight = _gauge(
        "weight_ratio", "Share of new orders, 0 to 1", "strategy", "region", "venue", "variant"
    )
    revision = _gauge("routing_revision", "Number of the strategy's weight vector", "strategy")
    renewed = _gauge(
        "lease_renewed_timestamp_seconds",
        "When the decider last wrote the strategy's weights",
        "strategy",
    )
    for one in strategies:
        if one.vector is None:
            continue
        name = one.strategy
        revision.add_metric([name], one.revision)
        renewed.add_metric([name], one.written_at_us / US_PER_S)
        for cell in one.vector.cells:
            for each in cell.weights:
                labels = [name, cell.region, cell.venue, each.variant]
                weight.add_metric(labels, each.weight_bp / FULL_WEIGHT_BP)
    yield from (weight, revision, renewed)


def _router_figures(states: Iterable[PartitionState]) -> Iterator[Metric]:
    leases = _gauge(
        "routers", "Routers heard by the last look, by what they say of their lease",
        "strategy", "lease",
    )  # fmt: skip
    following = _gauge(
        "routers_following", "Routers that follow the newest vector under a valid lease", "strategy"
    )
    broken = _gauge("routers_breaker_open", "Routers whose breaker is open", "strategy")
    for state in states:
        for name, strategy in state.strategies.items():
            statuses = heard(strategy, state.recorded_at_us)
            said = Counter(status.lease for status in statuses)
            for lease in LeaseState:
                leases.add_metric([name, lease.value], said[lease])
            following.add_metric([name], _following(strategy, statuses))
            open_at = sum(status.breaker is BreakerState.OPEN for status in statuses)
            broken.add_metric([name], open_at)
    yield from (leases, following, broken)


def _following(strategy: StrategyState, statuses: Iterable[RouterStatus]) -> int:
    return sum(
        status.revision == strategy.revision and status.lease is LeaseState.VALID
        for status in statuses
    )


def _rollout_figures(rollouts: Iterable[tuple[StrategyState, Rollout]]) -> Iterator[Metric]:
    by_status = _gauge("rollouts", "Newest rollouts of the strategies, by status", "status")
    info = _gauge(
        "rollout_info", "1 for the newest rollout of each strategy", "strategy", "rollout",
        "status", "phase",
    )  # fmt: skip
    held = _gauge("rollout_held", "1 while something holds the rollout", "strategy", "hold")
    statuses: Counter[RolloutStatus] = Counter()
    for strategy, rollout in rollouts:
        statuses[rollout.status] += 1
        phase = rollout.spec.policy.ramp[rollout.phase.index].name
        labels = [strategy.strategy, rollout.spec.rollout, rollout.status.value, phase]
        info.add_metric(labels, 1)
        if rollout.hold:
            held.add_metric([strategy.strategy, rollout.hold], 1)
    for status in RolloutStatus:
        by_status.add_metric([status.value], statuses[status])
    yield from (by_status, info, held)


def _evidence_figures(rollouts: Iterable[Rollout]) -> Iterator[Metric]:
    log_e = _gauge("log_e_value_nats", "Log of the evidence that the canary is worse", "strategy")
    limit = _gauge(
        "log_e_value_limit_nats", "The evidence at which the canary is rolled back", "strategy"
    )
    streams = _gauge(
        "stream_log_e_value_nats", "Log of one measure's evidence that the canary is worse",
        "strategy", "stream",
    )  # fmt: skip
    for rollout in rollouts:
        name = rollout.spec.strategy
        for check in judge(rollout).checks:
            if check.name == "e_value":
                log_e.add_metric([name], check.value)
                limit.add_metric([name], check.limit)
        for each in streams_of(rollout):
            streams.add_metric([name, each.stream], each.log_e_micro_nats / _MICRO)
    yield from (log_e, limit, streams)


def _guards(running: Iterable[tuple[StrategyState, Rollout]], now_us: int) -> Metric:
    used = _gauge(
        "guard_used_ratio", "Share of a hard limit that is used; 1 rolls back", "strategy", "guard"
    )
    for strategy, rollout in running:
        for check, _ in check_guards(GuardInput(strategy, rollout, now_us)):
            if check.limit > 0:
                used.add_metric([strategy.strategy, check.name], max(check.value / check.limit, 0))
    return used
