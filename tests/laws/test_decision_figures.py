"""What the decider knows is told as figures, with ages of now and labels that stay few."""

import pytest
from prometheus_client import CollectorRegistry

from tests.exported import STORY, exercised, figures, registry_of
from tests.stories.router import Router
from tests.stories.teller import STABLE_BUILD, Teller
from tradecanary.processors.runtime.decision_figures import DecisionFigures

ACTIVE = """
run 60s
start policy=aggressive judge=sequential guards.loss_budget=1000000
-> HOLD PENDING
-> START Quick Test
run 20s
"""


def _told(story: str) -> tuple[Teller, CollectorRegistry]:
    teller = Teller()
    teller.tell(story)
    return teller, registry_of(teller)


def _figure(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"tradecanary_{name}", labels)


def _momentum(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return _figure(registry, name, strategy="momentum", **labels)


def test_a_decider_that_owns_nothing_does_not_say_that_nothing_is_killed() -> None:
    """It has not read the switch yet; with a partition it says so, of all strategies too."""
    registry = CollectorRegistry()
    figures = DecisionFigures(dict, lambda: 0)
    registry.register(figures)
    figures.take()

    assert _figure(registry, "killed", strategy="*") is None
    assert 0 == _figure(_told(ACTIVE)[1], "killed", strategy="*")


def test_a_running_rollout_is_told() -> None:
    """Status, phase, weights, lease, routers, evidence against its limit, guards used."""
    teller, registry = _told(ACTIVE)
    strategy = teller.state.strategies["momentum"]
    cell = {"region": "*", "venue": "*"}

    assert 1 == _figure(registry, "rollouts", status="ACTIVE")
    assert 0 == _figure(registry, "rollouts", status="HALTED")
    info = {"rollout": "r1", "status": "ACTIVE", "phase": "Quick Test"}
    assert 1 == _momentum(registry, "rollout_info", **info)
    assert 0.05 == _momentum(registry, "weight_ratio", variant="canary", **cell)
    assert 0.95 == _momentum(registry, "weight_ratio", variant="stable", **cell)
    assert strategy.revision == _momentum(registry, "routing_revision")
    assert strategy.written_at_us / 1e6 == _momentum(registry, "lease_renewed_timestamp_seconds")
    routers = [_momentum(registry, "routers", lease=one) for one in ("VALID", "LAPSED", "NONE")]
    assert 1 == sum(count or 0 for count in routers)
    value = _momentum(registry, "log_e_value_nats")
    limit = _momentum(registry, "log_e_value_limit_nats")
    assert value is not None
    assert limit is not None
    assert value < limit == pytest.approx(4.605, abs=0.001)
    assert _momentum(registry, "stream_log_e_value_nats", stream="error_rate") is not None
    assert _momentum(registry, "guard_used_ratio", guard="loss_budget") is not None
    assert 0 == _figure(registry, "manifest_gaps_total", partition="0")
    assert 1 == _figure(registry, "decider_epoch", partition="0")


def test_ages_are_those_of_the_scrape() -> None:
    """The data grow old though the decider looks no more: that is when it matters."""
    teller, registry = _told(ACTIVE)
    fresh = _figure(registry, "data_age_seconds", partition="0")
    teller.now_us += 7_000_000

    assert 0 == fresh
    assert 7 == _figure(registry, "data_age_seconds", partition="0")


def test_the_delay_of_the_evidence_is_told() -> None:
    """By the clock of the slowest publisher, whose strategy does not matter."""
    _, prompt = _told("run 30s")
    _, late = _told("run 30s behind=20")

    assert _figure(prompt, "evidence_delay_seconds", partition="0") == pytest.approx(0, abs=1)
    assert _figure(late, "evidence_delay_seconds", partition="0") == pytest.approx(21, abs=1)


def test_a_hold_and_its_end_are_told() -> None:
    """The series of a hold is there while it holds."""
    _, held = _told(STORY)
    _, free = _told(ACTIVE)

    assert 1 == _momentum(held, "rollout_held", hold="missing")
    assert _momentum(free, "rollout_held", hold="missing") is None


@pytest.mark.parametrize("name", ["momentum", "*"])
def test_a_kill_is_told_and_its_end(name: str) -> None:
    """Of the strategy, and of all under `*`."""
    teller, registry = _told(f"run 1s\nrouter g1\nkill {name}")
    assert 1 == _figure(registry, "killed", strategy=name)
    figures = DecisionFigures(lambda: {0: teller.state}, lambda: teller.now_us)
    teller.tell(f"unkill {name}")
    figures.take()
    registry = CollectorRegistry()
    registry.register(figures)

    assert 0 == _figure(registry, "killed", strategy=name)


def test_only_what_was_taken_is_told() -> None:
    """A state that is not committed yet is not seen."""
    teller, registry = _told(ACTIVE)
    before = _momentum(registry, "lease_renewed_timestamp_seconds")
    teller.tell("run 5s")

    assert before == _momentum(registry, "lease_renewed_timestamp_seconds")


def test_the_number_of_series_does_not_grow() -> None:
    """Rollouts, versions, orders and routers come and go; the series stay as many."""
    teller, registry = _told(ACTIVE)
    first = sum(len(family.samples) for family in registry.collect())
    for number in range(2, 12):
        canary = f"momentum-{number}.0.0-cccccccc"
        teller.tell("abort\n-> ROLL_BACK told so")
        teller.routers = {"g1": Router(f"g{number}", (STABLE_BUILD, canary))}
        teller.tell(
            "run 11s\nstart policy=aggressive judge=sequential guards.loss_budget=1000000 "
            f"rollout=r{number} canary={canary}\n-> HOLD PENDING\n-> START Quick Test\nrun 3s"
        )
    registry = registry_of(teller)

    assert sum(len(family.samples) for family in registry.collect()) <= first


def test_everything_exported_has_a_sample() -> None:
    """The registry that the docs and the alert rules are checked against is whole."""
    empty = [family.name for family in exercised().collect() if not family.samples]

    assert [] == empty
    assert {"counter", "gauge", "histogram"} == {one.kind for one in figures().values()} - {"info"}
