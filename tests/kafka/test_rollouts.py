"""Whole rollouts through a real Kafka: promoted when healthy, taken back for the right reason."""

from __future__ import annotations

import json

import pytest

from tests.kafka.checks import of
from tests.kafka.day import Day
from tests.kafka.scenarios import CRASHING, FAULTY, HEALTHY, PROMOTED, SECOND, Scenario
from tests.kafka.services import CANARY, STABLE
from tradecanary.cli.output import Exit
from tradecanary.schemas.codec import decode
from tradecanary.schemas.decisions import Decision, DecisionKind, RolloutStatus
from tradecanary.schemas.execution import ExecutionEvent, Kind
from tradecanary.schemas.routing import RouterStatus
from tradecanary.schemas.topics import EXECUTIONS, ROUTER_STATUS

FOLLOW_S = 10.0
_SOME = pytest.mark.parametrize("scenario", FAULTY, ids=lambda one: one.strategy)
_ALL = pytest.mark.parametrize("scenario", [*FAULTY, CRASHING], ids=lambda one: one.strategy)


def _changes(decisions: list[Decision]) -> list[Decision]:
    return [one for one in decisions if one.after.revision != one.before.revision]


def _statuses(day: Day, strategy: str) -> list[tuple[int, RouterStatus]]:
    """What the strategy's router said, with the broker's append time in microseconds."""
    said = [
        (record.timestamp_ms * 1000, decode(RouterStatus, record.value))
        for record in of(day.records, ROUTER_STATUS.name)
    ]
    return [(at, status) for at, status in said if status.strategy == strategy]


@pytest.mark.parametrize("strategy", [PROMOTED, SECOND])
def test_healthy_canary_is_promoted_through_all_phases(day: Day, strategy: str) -> None:
    """Each rung of the ramp is climbed once, then it is watched, then it is the baseline.

    The second one sees the aggregator and the decider die on its way.
    """
    decisions = day.decisions(strategy)
    changes = _changes(decisions)

    kinds = [DecisionKind.START, DecisionKind.INCREASE, DecisionKind.INCREASE, DecisionKind.PROMOTE]
    assert [*kinds, DecisionKind.FINISH] == [one.kind for one in changes]
    weights = [one.after.cells[0].weights for one in changes[:-1]]
    ramp = [phase["weight_bp"] for phase in HEALTHY["ramp"]]
    assert ramp == [next(w.weight_bp for w in cell if w.version == CANARY) for cell in weights]
    assert RolloutStatus.PROMOTED is decisions[-1].status
    assert (STABLE, CANARY) == (decisions[0].before.baseline or STABLE, changes[-1].after.baseline)


@_ALL
def test_planted_fault_is_taken_back_for_the_right_reason(day: Day, scenario: Scenario) -> None:
    """The reason and the breached check name the one measure, criterion or guard that saw it."""
    last = day.decisions(scenario.strategy)[-1]

    assert (DecisionKind.ROLL_BACK, RolloutStatus.ROLLED_BACK) == (last.kind, last.status)
    assert last.reason.startswith(scenario.reason), last.reason
    assert [scenario.check] == [one.name for one in last.evidence.checks if one.breached]
    assert {0} == {w.weight_bp for w in last.after.cells[0].weights if w.version == CANARY}


@_SOME
def test_routers_follow_to_weight_zero(day: Day, scenario: Scenario) -> None:
    """Within 10 s the router says the revision of the roll-back; no canary order comes after it."""
    last = day.decisions(scenario.strategy)[-1]
    said = _statuses(day, scenario.strategy)
    followed = [(at, one) for at, one in said if one.revision >= last.after.revision]

    assert followed[0][0] - last.time_us < FOLLOW_S * 1e6
    routed = {
        tuple((c.revision, c.routed) for c in one.counts if c.variant == "canary")
        for _, one in followed
    }
    assert 1 == len(routed), "the router routes canary orders after it said the revision"
    assert last.after.revision not in dict(routed.pop())


def test_orders_carry_what_decided_them(day: Day) -> None:
    """Every event of a vector's revision has that vector's version and weight for its variant."""
    issued = {
        (strategy, one.after.revision, w.variant): (w.version, w.weight_bp)
        for strategy in {one.strategy for one in FAULTY} | {PROMOTED, SECOND}
        for one in _changes(day.decisions(strategy))
        for w in one.after.cells[0].weights
    }
    seen = 0
    for record in of(day.records, EXECUTIONS.name):
        event = decode(ExecutionEvent, record.value)
        key = (event.strategy, event.routing_revision, event.variant)
        if event.routing_revision and event.strategy != CRASHING.strategy:
            seen += event.kind is Kind.OUTCOME
            assert issued[key] == (event.version, event.weight_bp)
    assert seen > 1_000


def test_processes_end_in_good_order(day: Day) -> None:
    """SIGTERM ends stages and services with 0; the crashing canary took its process with it."""
    ended = {"crashing": 137, "services": 0, "aggregation": 0, "decision": 0}
    assert ended == day.exits


def test_the_ends_are_waited_for_listed_and_watched(day: Day) -> None:
    """`wait` exits 0 for a promotion and 5 for a roll-back; `list` and `watch` have all."""
    assert day.pipeline is not None
    good, bad, listed, watched = day.pipeline.together(
        ["wait", PROMOTED, "--timeout", "5"],
        ["wait", FAULTY[0].strategy, "--timeout", "5"],
        ["list", "--json"],
        ["watch", "weighed", "--once", "--json"],
    )
    lines = [json.loads(line) for line in listed.stdout.splitlines()]
    (view,) = map(json.loads, watched.stdout.splitlines())

    assert (Exit.OK, Exit.ROLLED_BACK) == (good.returncode, bad.returncode)
    ends = {line["strategy"]: line["status"] for line in lines}
    assert {PROMOTED, SECOND} == {name for name, end in ends.items() if end == "PROMOTED"}
    assert len(FAULTY) + 1 == sum(end == "ROLLED_BACK" for end in ends.values())
    assert "worse" in {row["state"] for row in view["rollout"]["rows"]}
    assert "ROLL_BACK" == view["decisions"][-1]["kind"]


def test_a_judged_rollout_is_explained_and_planned_from_its_topics(day: Day) -> None:
    """`explain`, `status` and `plan --strategy` read what the day left behind."""
    assert day.pipeline is not None
    last = day.decisions("weighed")[-1]
    one, newest, unknown, shown, plan = day.pipeline.together(
        ["explain", f"weighed/{last.number}", "--json"],
        ["explain", "weighed"],
        ["explain", "weighed/1000"],
        ["status", "weighed", "--json"],
        ["plan", "aggressive", "--strategy", "weighed", "--json"],
    )
    explained, status, planned = (json.loads(each.stdout) for each in (one, shown, plan))

    assert last.hash == explained["hash"]
    assert explained["streams"] == status["rollout"]["judge"]["streams"]
    assert "latency_rank" in newest.stdout
    assert (Exit.REFUSED, True) == (unknown.returncode, "has no decision 1000" in unknown.stderr)
    assert {"latency", "slippage"} <= {each["effect"]["name"] for each in planned["effects"]}
    assert planned["orders_per_s"] > 0
