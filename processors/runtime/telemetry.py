"""What a process tells of itself: Prometheus figures, and a JSON line per transition.

It reads what the runner committed, so the stages know nothing of it, and what did not happen
is not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from tradecanary.processors.stage import Emit, Polled, TopicPartition
from tradecanary.schemas.alerts import AlertDelivery, AlertingSnapshot
from tradecanary.schemas.decisions import DeadLetter, Decision, Look
from tradecanary.schemas.metrics import MetricsBatch
from tradecanary.schemas.routing import RoutingWeights

Say = Callable[..., Any]
_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class _Figures:
    """Makes figures in one registry, under one name."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"tradecanary_{name}", text, labels, registry=self._registry)

    def gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"tradecanary_{name}", text, labels, registry=self._registry)

    def histogram(self, name: str, text: str) -> Histogram:
        return Histogram(f"tradecanary_{name}", text, registry=self._registry, buckets=_SECONDS)


class Telemetry:
    """The runner's watcher: keeps the figures of one process in `registry`.

    `say(event, **facts)` writes one structured line.
    """

    def __init__(self, task: str, registry: CollectorRegistry, say: Say) -> None:
        self._say = say
        self._lags: dict[TopicPartition, Gauge] = {}
        self._task = task
        made = _Figures(registry)
        self._records = made.counter("records_read", "Records read", "topic")
        self._lag = made.gauge(
            "read_lag_seconds",
            "Now less the log's time of the newest record read; 0 at the end",
            "topic",
            "partition",
        )
        self._partitions = made.gauge("partitions_owned", "Partitions this process owns")
        self._commits = made.histogram("commit_seconds", "Time of one transaction")
        self._recoveries = made.histogram("recovery_seconds", "Time to rebuild the state")
        self._failures = made.counter("failures", "Transactions that failed", "kind")
        self._aggregation = _AggregationFigures(made)
        self._decision = _DecisionFigures(made)
        self._alerting = _AlertingFigures(made)
        self._dead_letters = made.counter("dead_letters", "Records set aside", "topic")

    def polled(self, polled: Polled, now_us: int) -> None:
        """Count what came, and how old the newest record is."""
        for batch in polled.batches:
            place = batch.partition
            self._records.labels(topic=place.topic).inc(len(batch.values))
            age_ms = now_us // 1000 - batch.timestamp_ms(len(batch.values) - 1)
            self._lag_of(place).set(max(age_ms, 0) / 1000)
        for place in polled.ends:
            self._lag_of(place).set(0)

    def committed(self, effects: Sequence[Emit], took_us: int, now_us: int) -> None:
        """Count what was written."""
        self._commits.observe(took_us / 1e6)
        for effect in effects:
            record = effect.record
            if isinstance(record, MetricsBatch):
                if effect.partition == 0:  # the same manifest goes to every partition
                    self._aggregation.committed(record, now_us)
            elif isinstance(record, Look):
                self._decision.looked(record, now_us)
            elif isinstance(record, RoutingWeights):
                self._decision.issued(record)
            elif isinstance(record, Decision):
                self._decision.decided(record)
                self._say("decision", **decision_facts(record))
            elif isinstance(record, AlertingSnapshot):
                self._alerting.waits(record)
            elif isinstance(record, AlertDelivery):
                self._alerting.ended(record)
                self._say("alert", **alert_facts(record))
            elif isinstance(record, DeadLetter):
                self._dead_letters.labels(topic=record.topic).inc()

    def recovered(self, assigned: frozenset[TopicPartition], took_us: int, now_us: int) -> None:  # noqa: ARG002
        """Say what this process owns now."""
        for place in self._lags.keys() - assigned:
            del self._lags[place]
            self._lag.remove(place.topic, str(place.partition))
        self._recoveries.observe(took_us / 1e6)
        self._partitions.set(len(assigned))
        owned = [f"{place.topic}/{place.partition}" for place in sorted(assigned)]
        self._say("recovered", task=self._task, owned=owned, took_ms=took_us // 1000)

    def failed(self, problem: Exception, now_us: int) -> None:  # noqa: ARG002
        """Count and say what went wrong."""
        kind = type(problem).__name__
        self._failures.labels(kind=kind).inc()
        self._say("failed", task=self._task, kind=kind, problem=str(problem))

    def _lag_of(self, place: TopicPartition) -> Gauge:
        gauge = self._lags.get(place)
        if gauge is None:
            gauge = self._lag.labels(topic=place.topic, partition=str(place.partition))
            self._lags[place] = gauge
        return gauge


class _AggregationFigures:
    """What the manifests say."""

    def __init__(self, made: _Figures) -> None:
        self._counts: Mapping[str, Counter] = {
            name: made.counter(name, text)
            for name, text in (
                ("events", "Executions counted"),
                ("duplicates", "Executions that were there already"),
                ("missing", "Executions whose number never came"),
                ("bad", "Executions that broke the contract"),
            )
        }
        self._delay = made.gauge(
            "watermark_delay_seconds", "Now less the newest LIVE event time of all publishers"
        )

    def committed(self, batch: MetricsBatch, now_us: int) -> None:
        for each in batch.ranges:
            for name, counter in self._counts.items():
                counter.inc(max(getattr(each, name), 0))
        newest_us = max((p.live_max_event_time_us for p in batch.publishers), default=0)
        if newest_us > 0:
            self._delay.set((now_us - newest_us) / 1e6)


class _DecisionFigures:
    """What looks, decisions and vectors say."""

    def __init__(self, made: _Figures) -> None:
        self._look = made.histogram("look_seconds", "From the look's time to its commit")
        self._decisions = made.counter("decisions", "Decisions", "strategy", "kind")
        self._weight = made.gauge(
            "weight_bp", "Share of new orders", "strategy", "region", "venue", "variant"
        )
        self._revision = made.gauge("revision", "Revision of the vector", "strategy")
        self._epoch = made.gauge("epoch", "The decider's term", "strategy")
        self._e_value = made.gauge(
            "log_e_value", "Evidence of the last decision, in nats", "strategy", "stream"
        )

    def looked(self, look: Look, now_us: int) -> None:
        self._look.observe(max(now_us - look.recorded_at_us, 0) / 1e6)

    def issued(self, vector: RoutingWeights) -> None:
        self._revision.labels(strategy=vector.strategy).set(vector.revision)
        self._epoch.labels(strategy=vector.strategy).set(vector.epoch)
        for cell in vector.cells:
            for each in cell.weights:
                self._weight.labels(
                    strategy=vector.strategy,
                    region=cell.region,
                    venue=cell.venue,
                    variant=each.variant,
                ).set(each.weight_bp)

    def decided(self, decision: Decision) -> None:
        self._decisions.labels(strategy=decision.strategy, kind=decision.kind).inc()
        for each in decision.evidence.streams:
            self._e_value.labels(strategy=decision.strategy, stream=each.stream).set(
                each.log_e_micro_nats / 1e6
            )


class _AlertingFigures:
    """What the records of deliveries say."""

    def __init__(self, made: _Figures) -> None:
        self._ended = made.counter("alerts", "Deliveries that ended", "sender", "outcome")
        self._pending = made.gauge("alerts_pending", "Deliveries still to be made", "strategy")

    def waits(self, snapshot: AlertingSnapshot) -> None:
        self._pending.labels(strategy=snapshot.strategy).set(len(snapshot.pending))

    def ended(self, delivery: AlertDelivery) -> None:
        self._ended.labels(sender=delivery.sender, outcome=delivery.outcome.value).inc()


class AttemptFigures:
    """Attempts to deliver an alert that failed: told at once, not when they are written down."""

    def __init__(self, registry: CollectorRegistry, say: Say) -> None:
        self._say = say
        self._failed = _Figures(registry).counter(
            "alert_attempts_failed", "Attempts to deliver an alert that failed", "sender"
        )

    def failed(self, sender: str, problem: str) -> None:
        """Count and say one."""
        self._failed.labels(sender=sender).inc()
        self._say("alert not delivered", sender=sender, problem=problem)


def alert_facts(delivery: AlertDelivery) -> dict[str, Any]:
    """Return what the line of a delivery says."""
    alert = delivery.alert
    return {
        "sender": delivery.sender,
        "outcome": delivery.outcome.value,
        "attempts": delivery.attempts,
        "problem": delivery.problem,
        "key": alert.key,
        "action": alert.action.value,
        "severity": alert.severity.value,
        "strategy": alert.strategy,
        "number": alert.number,
        "title": alert.title,
    }


def decision_facts(decision: Decision) -> dict[str, Any]:
    """Return what the line of a decision says."""
    return {
        "strategy": decision.strategy,
        "number": decision.number,
        "rollout": decision.rollout,
        "kind": str(decision.kind),
        "status": str(decision.status),
        "reason": decision.reason,
        "phase": decision.evidence.phase_name,
        "revision": decision.after.revision,
        "epoch": decision.epoch,
        "actor": decision.actor,
        "time_us": decision.time_us,
        "hash": decision.hash,
    }
