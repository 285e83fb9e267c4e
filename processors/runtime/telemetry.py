"""What a process tells of itself: Prometheus figures, and a JSON line per transition.

It reads what the runner committed, so the stages know nothing of it, and what did not happen
is not counted. What the decider knows is told by decision_figures.py. docs/metrics.md lists all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from prometheus_client import CollectorRegistry, Counter

from tradecanary.processors.runtime.figures import Figures
from tradecanary.processors.runtime.kafka_statistics import PartitionOffsets
from tradecanary.processors.runtime.lag_figures import LagFigures
from tradecanary.processors.stage import Emit, Polled, TopicPartition
from tradecanary.schemas.alerts import AlertDelivery
from tradecanary.schemas.decisions import DeadLetter, Decision, Look
from tradecanary.schemas.metrics import MetricsBatch

Say = Callable[..., Any]


def _nothing() -> None:
    """Take nothing."""


@runtime_checkable
class Delivers(Protocol):
    """A task whose deliveries wait for somebody outside."""

    def waiting(self) -> Mapping[str, int]:
        """Return how many are still to be made, by strategy."""


class Telemetry:
    """The runner's watcher: keeps the figures of one process in `registry`.

    `say(event, **facts)` writes one structured line. `inputs` are the topics it reads, `about` what
    the process is. `take` is called, and `waiting` asked for the deliveries still to be made, when
    the task's state is what the log says: after a recovery too, when nothing was written yet.
    """

    def __init__(
        self,
        task: str,
        registry: CollectorRegistry,
        say: Say,
        *,
        inputs: Iterable[str] = (),
        about: Mapping[str, str] | None = None,
        take: Callable[[], None] = _nothing,
        waiting: Callable[[], Mapping[str, int]] = dict[str, int],
    ) -> None:
        self._say = say
        self._task = task
        self._take = take
        self._waiting = waiting
        made = Figures(registry)
        made.info("stage", "What this process is").info({"stage": task, **(about or {})})
        self._records = made.counter("records_read", "Records read", "topic")
        self._partitions = made.gauge("partitions_owned", "Partitions this process owns")
        self._lags = LagFigures(made)
        self._commits = made.histogram("commit_duration_seconds", "Time of one transaction")
        self._commit_at = made.gauge(
            "last_commit_timestamp_seconds", "When the last transaction was committed"
        )
        self._recoveries = made.histogram("recovery_duration_seconds", "Time to rebuild the state")
        self._failures = made.counter(
            "transactions_failed", "Transactions that failed, by what went wrong", "kind"
        )
        self._aggregation = _AggregationFigures(made)
        self._decision = _DecisionFigures(made)
        self._alerting = _AlertingFigures(made)
        self._dead_letters = made.counter(
            "dead_letters", "Records set aside as unreadable, by the topic they came from", "topic"
        )
        for topic in inputs:  # a series must be there before it rises, or nobody sees the first
            self._dead_letters.labels(topic=topic)

    def polled(self, polled: Polled, now_us: int) -> None:
        """Count what came, and how old the newest record is."""
        for batch in polled.batches:
            self._records.labels(topic=batch.partition.topic).inc(len(batch.values))
        self._lags.polled(polled, now_us)

    def positions(self, found: Iterable[PartitionOffsets], now_us: int) -> None:
        """Take in where the client stands in each partition, about once a second."""
        self._lags.positions(found, now_us)

    def committed(self, effects: Sequence[Emit], took_us: int, now_us: int) -> None:
        """Count what was written."""
        self._commits.observe(took_us / 1e6)
        self._commit_at.set(now_us / 1e6)
        self._stands()
        for effect in effects:
            record = effect.record
            if isinstance(record, MetricsBatch):
                if effect.partition == 0:  # the same manifest goes to every partition
                    self._aggregation.committed(record, now_us)
            elif isinstance(record, Look):
                self._decision.looked(record, now_us)
            elif isinstance(record, Decision):
                self._decision.decided(record)
                self._say("decision", **decision_facts(record))
            elif isinstance(record, AlertDelivery):
                self._alerting.ended(record)
                self._say("alert", **alert_facts(record))
            elif isinstance(record, DeadLetter):
                self._dead_letters.labels(topic=record.topic).inc()

    def recovered(self, assigned: frozenset[TopicPartition], took_us: int, now_us: int) -> None:  # noqa: ARG002
        """Say what this process owns now."""
        self._lags.keep(assigned)
        self._recoveries.observe(took_us / 1e6)
        self._partitions.set(len(assigned))
        self._stands()
        owned = [f"{place.topic}/{place.partition}" for place in sorted(assigned)]
        self._say("recovered", task=self._task, owned=owned, took_ms=took_us // 1000)

    def failed(self, problem: Exception, now_us: int) -> None:  # noqa: ARG002
        """Count and say what went wrong."""
        kind = type(problem).__name__
        self._failures.labels(kind=kind).inc()
        self._say("failed", task=self._task, kind=kind, problem=str(problem))

    def _stands(self) -> None:
        self._take()
        self._alerting.waits(self._waiting())


class _AggregationFigures:
    """What the manifests say."""

    def __init__(self, made: Figures) -> None:
        self._counts: Mapping[str, Counter] = {
            name: made.counter(f"executions_{figure}", text)
            for name, figure, text in (
                ("events", "counted", "Executions counted"),
                ("duplicates", "duplicate", "Executions that were there already"),
                ("missing", "missing", "Numbers skipped by a publisher: lost, or only late"),
                ("bad", "bad", "Executions that broke the contract"),
            )
        }
        self._found = made.counter(
            "executions_found", "Missing executions that came after all: take them off the missing"
        )
        self._delay = made.gauge(
            "watermark_delay_seconds", "Now less the newest LIVE event time of all publishers"
        )

    def committed(self, batch: MetricsBatch, now_us: int) -> None:
        for each in batch.ranges:
            for name, counter in self._counts.items():
                counter.inc(max(getattr(each, name), 0))
            self._found.inc(max(-each.missing, 0))
        newest_us = max((p.live_max_event_time_us for p in batch.publishers), default=0)
        if newest_us > 0:
            self._delay.set((now_us - newest_us) / 1e6)


class _DecisionFigures:
    """What looks and decisions say; the standing of rollouts is in decision_figures.py."""

    def __init__(self, made: Figures) -> None:
        self._look = made.histogram(
            "look_duration_seconds", "From the time of a look to its commit"
        )
        self._decisions = made.counter("decisions", "Decisions", "strategy", "kind")

    def looked(self, look: Look, now_us: int) -> None:
        self._look.observe(max(now_us - look.recorded_at_us, 0) / 1e6)

    def decided(self, decision: Decision) -> None:
        self._decisions.labels(strategy=decision.strategy, kind=decision.kind).inc()


class _AlertingFigures:
    """What the records of deliveries say, and what still waits."""

    def __init__(self, made: Figures) -> None:
        self._ended = made.counter("alerts", "Deliveries of alerts that ended", "sender", "outcome")
        self._pending = made.gauge(
            "alerts_pending", "Deliveries of alerts still to be made", "strategy"
        )
        self._told: frozenset[str] = frozenset()

    def waits(self, waiting: Mapping[str, int]) -> None:
        for gone in self._told - waiting.keys():  # another process tells of it now
            self._pending.remove(gone)
        self._told = frozenset(waiting)
        for strategy, count in waiting.items():
            self._pending.labels(strategy=strategy).set(count)

    def ended(self, delivery: AlertDelivery) -> None:
        self._ended.labels(sender=delivery.sender, outcome=delivery.outcome.value).inc()


class AttemptFigures:
    """Attempts to deliver an alert that failed: told at once, not when they are written down."""

    def __init__(self, registry: CollectorRegistry, say: Say) -> None:
        self._say = say
        self._failed = Figures(registry).counter(
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
