"""All figures that the stages export, each with a sample: from real looks and real records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from tests.alerted import alerts_of, rolled_back
from tests.stories.teller import Teller
from tradecanary.processors.runtime.decision_figures import DecisionFigures
from tradecanary.processors.runtime.log import Aborted
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.processors.runtime.telemetry import AttemptFigures, Telemetry
from tradecanary.processors.stage import Emit, Polled, TopicPartition
from tradecanary.schemas.alerts import AlertDelivery, DeliveryOutcome
from tradecanary.schemas.topics import ALERTS, DECISIONS, METRICS

STORY = """
run 60s
start policy=aggressive judge=sequential guards.loss_budget=1000000
-> HOLD PENDING
-> START Quick Test
run 20s canary.reject=1%
halt
-> HALT told so
resume
-> RESUME told so
lose 20
run 1s
-> HOLD 20 of
"""


@dataclass(frozen=True)
class Figure:
    """One row: the name as a query has it, what kind it is, its labels, its text."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str


def registry_of(teller: Teller) -> CollectorRegistry:
    """Return the figures of a decider that stands where the story does, at its time."""
    registry = CollectorRegistry()
    figures = DecisionFigures(lambda: {0: teller.state}, lambda: teller.now_us)
    registry.register(figures)
    figures.take()
    return registry


@cache
def exercised() -> CollectorRegistry:
    """Return a registry in which everything that a stage exports has a sample."""
    teller = Teller()
    teller.tell(STORY)
    registry = registry_of(teller)
    place = TopicPartition(METRICS.name, 0)
    telemetry = Telemetry(
        "decision",
        registry,
        _unsaid,
        inputs=(METRICS.name,),
        about={"slot": "0", "version": "1"},
        waiting=lambda: {"momentum": 0},
    )
    telemetry.recovered(frozenset({place}), 1_000, teller.now_us)
    log = MemoryLog(lambda: teller.now_us)
    log.append(METRICS.name, b"", b"")
    telemetry.polled(Polled(tuple(log.batches(place)), frozenset()), teller.now_us)
    telemetry.committed([*_emits(teller)], 1_000, teller.now_us)
    telemetry.failed(Aborted("evicted"), teller.now_us)
    AttemptFigures(registry, _unsaid).failed("desk", "HTTP 500")
    return registry


def _unsaid(event: str, **facts: object) -> None:
    """Say nothing."""


def _emits(teller: Teller) -> Iterator[Emit]:
    for one in teller.decisions:
        yield Emit(DECISIONS.name, b"momentum", one)
    (alert,) = alerts_of(rolled_back(1))
    delivery = AlertDelivery("desk", alert, DeliveryOutcome.SENT, 1, teller.now_us, "")
    yield Emit(ALERTS.name, b"momentum", delivery)


def figures() -> dict[str, Figure]:
    """Return every exported figure by its name in the table of docs/metrics.md."""
    found = {}
    for family in exercised().collect():
        name = family.name + {"counter": "_total", "info": "_info"}.get(family.type, "")
        found[name] = Figure(name, family.type, _labels(family), family.documentation)
    return found


def _labels(family: Metric) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for sample in family.samples:
        if not sample.name.endswith("_created"):
            names |= dict.fromkeys(sample.labels)
    names.pop("le", None)
    return tuple(names)


def series() -> dict[str, frozenset[str]]:
    """Return the labels of every series that a query may name, `_bucket` and the like included."""
    found: dict[str, frozenset[str]] = {}
    for family in exercised().collect():
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, frozenset()) | set(sample.labels)
    return {name: labels for name, labels in found.items() if not name.endswith("_created")}
