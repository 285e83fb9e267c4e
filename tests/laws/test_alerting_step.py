"""Laws of alerting: every decision is told once, and every incident that opens ends once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.alerted import LOSS, STORIES, T0_US, alerts_of, decision, rolled_back, told
from tests.understood import told as commands_told
from tests.understood import understood
from tradecanary.processors.alerting.rules import COMMAND, RULES, RUN_OUT, cause_of, rule_of
from tradecanary.processors.alerting.step import AGAIN_US, MOST_INCIDENTS, StrategyAlerts, step
from tradecanary.processors.decision.guards import GUARDS
from tradecanary.processors.decision.holds import HoldCode
from tradecanary.schemas.alerts import Alert, AlertAction, Severity, Until
from tradecanary.schemas.decisions import Check, Decision, DecisionKind, RolloutStatus

TRIGGER, ACKNOWLEDGE, RESOLVE = AlertAction


def _actions(*decisions: Decision) -> list[tuple[AlertAction, str]]:
    return [(alert.action, alert.key) for alert in alerts_of(*decisions)]


def _check_incidents(alerts: list[Alert]) -> set[str]:
    """What is acknowledged or resolved is open, and ends once; return what stays open."""
    is_open: set[str] = set()
    ended: set[str] = set()
    for alert in alerts:
        if alert.action is TRIGGER:
            assert alert.key not in ended
            if alert.until is not Until.NOTHING:
                is_open.add(alert.key)
        else:
            assert alert.key in is_open
        if alert.action is RESOLVE:
            is_open.remove(alert.key)
            ended.add(alert.key)
    return is_open


_DECISIONS: st.SearchStrategy[list[dict[str, Any]]] = st.lists(
    st.builds(
        dict,
        kind=st.sampled_from(DecisionKind),
        hold=st.sampled_from(["", "stale", "sample ratio", "approval Majority", "never seen"]),
        status=st.sampled_from(RolloutStatus),
        command_id=st.sampled_from(["", "c1"]),
        rollout=st.sampled_from(["r1", "r2"]),
        checks=st.sampled_from(
            [(), (LOSS,), (Check("e_value", 9.0, 5.0, "log e", breached=True),)]
        ),
        later_us=st.sampled_from([0, 1_000_000, AGAIN_US]),
    ),
    max_size=30,
)


def _made(parts: list[dict[str, Any]]) -> list[Decision]:
    found, time_us = [], T0_US
    for number, part in enumerate(parts, 1):
        time_us += part.pop("later_us")
        found.append(decision(number, time_us=time_us, **part))
    return found


@given(_DECISIONS, st.data())
def test_a_decision_that_comes_again_tells_nobody(parts: list[dict[str, Any]], data: Any) -> None:  # noqa: ANN401
    """Read the log again from anywhere, as often as you like: nothing is told twice."""
    made = _made(parts)
    state, first = StrategyAlerts(), list[Alert]()
    for place, one in enumerate(made):
        state, alerts = step(state, one)
        first += alerts
        for again in made[data.draw(st.integers(0, place)) : place + 1]:
            assert (state, ()) == step(state, again)
    names = [(alert.key, alert.action, alert.number) for alert in first]

    assert alerts_of(*made) == first
    assert len(set(names)) == len(names)


@given(_DECISIONS)
def test_every_incident_ends_once(parts: list[dict[str, Any]]) -> None:
    """Only what was triggered is acknowledged or resolved, and the state knows what is open."""
    made = _made(parts)
    alerts = alerts_of(*made)
    state = StrategyAlerts()
    for one in made:
        state, _ = step(state, one)

    assert _check_incidents(alerts) == {one.key for one in state.incidents}
    assert len(state.incidents) <= MOST_INCIDENTS


@given(_DECISIONS)
def test_every_decision_is_told(parts: list[dict[str, Any]]) -> None:
    """Each gives one trigger, unless the same breach is open and was told a short while ago."""
    state = StrategyAlerts()
    for one in _made(parts):
        known = {(i.breach, i.rollout): i.alerted_us for i in state.incidents}
        state, alerts = step(state, one)
        triggered = [alert for alert in alerts if alert.action is TRIGGER]
        if triggered:
            assert 1 == len(triggered)
            assert one.number == triggered[0].number
            assert one.reason == triggered[0].reason
        else:
            last_us = max(known.values())
            assert one.time_us - last_us < AGAIN_US


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_stories_are_told(path: Path) -> None:
    """Whole rollouts: each decision has a row of its own cause, each incident ends once."""
    made = told(path)
    alerts = alerts_of(*made)

    for one in made:
        assert one.kind is not DecisionKind.HOLD or one.command_id or one.hold, one.reason
        if one.kind is DecisionKind.HOLD:
            assert (one.kind, cause_of(one)) in RULES, one.reason
    open_at_end = _check_incidents(alerts)
    assert {one.number for one in made} >= {alert.number for alert in alerts}
    if made[-1].kind is DecisionKind.FINISH:
        assert set() == open_at_end


def test_every_kind_has_a_row() -> None:
    """A new kind of decision cannot be forgotten here."""
    for kind in DecisionKind:
        assert (kind, "") in RULES


def test_every_guard_has_a_row() -> None:
    """What rolls back by a hard limit, or for lack of data, is named so; no row is idle."""
    rows = {cause for kind, cause in RULES if kind is DecisionKind.ROLL_BACK}

    assert {*GUARDS, "data_age", "missing", "silent", COMMAND, RUN_OUT, ""} == rows


def test_every_hold_of_the_decider_has_a_row() -> None:
    """Each code has a row of its own, and none is idle."""
    rows = {cause for kind, cause in RULES if kind is DecisionKind.HOLD}

    assert {cause_of(decision(1, hold=code.value)) for code in HoldCode} | {COMMAND} == rows


def test_next_actions_are_commands_that_the_program_takes() -> None:
    """What people are told to type exists, and lacks nothing: a reason, say."""
    actions = [rule.next_action.format(strategy="momentum", number=3) for rule in RULES.values()]
    commands = [words for action in actions for words in commands_told(action, "momentum")]

    assert {"resume", "abort", "status", "explain", "unkill", "approve"} <= {
        words[0] for words in commands
    }
    for words in commands:
        understood(words)


def test_an_alert_carries_value_limit_and_next_action() -> None:
    """What a person needs at night: what, by how much, and what to do."""
    (alert,) = alerts_of(rolled_back(3, reason="canary loss 26,000.50"))

    assert ("momentum/3/roll_back:loss_budget", TRIGGER) == (alert.key, alert.action)
    assert (Severity.CRITICAL, (LOSS,)) == (alert.severity, alert.checks)
    assert "Canary rolled back: loss budget used" == alert.title
    assert "tradecanary explain momentum/3" in alert.next_action
    assert ("m-1", "m-2", 500) == (alert.stable, alert.canary, alert.weight_bp)


def test_a_hold_ends_with_the_decision_after_which_nothing_holds() -> None:
    """Another hold leaves it open: the decider names only the gravest."""
    stale = decision(1, hold="stale")
    key = "momentum/1/hold:stale"
    other = decision(2, hold="missing")
    rise = decision(3, DecisionKind.INCREASE)

    assert [(TRIGGER, key)] == _actions(stale)
    assert [(TRIGGER, key), (TRIGGER, "momentum/2/hold:missing")] == _actions(stale, other)
    assert [
        (TRIGGER, key),
        (RESOLVE, key),
        (TRIGGER, "momentum/3/increase"),
    ] == _actions(stale, rise)


def test_a_hold_that_flickers_is_one_alert() -> None:
    """It is told again, as the same incident, once it is ten minutes since."""
    flicker = [decision(n, hold="stale", time_us=T0_US + n * 1_000_000) for n in range(1, 100)]
    later = decision(100, hold="stale", time_us=T0_US + AGAIN_US + 1_000_000)
    key = "momentum/1/hold:stale"

    assert [(TRIGGER, key)] == _actions(*flicker)
    assert [(TRIGGER, key), (TRIGGER, key)] == _actions(*flicker, later)


def test_a_person_who_acts_acknowledges() -> None:
    """A command that does not end the incident takes it up, once."""
    gap = decision(1, DecisionKind.HALT, status=RolloutStatus.HALTED)
    asked = [
        decision(n, status=RolloutStatus.HALTED, command_id=f"c{n}", reason="refused")
        for n in (2, 3)
    ]
    resumed = decision(4, DecisionKind.RESUME, command_id="c4")

    assert [
        (TRIGGER, "momentum/1/halt"),
        (ACKNOWLEDGE, "momentum/1/halt"),
        (TRIGGER, "momentum/2/hold:command"),
        (TRIGGER, "momentum/3/hold:command"),
        (RESOLVE, "momentum/1/halt"),
        (TRIGGER, "momentum/4/resume"),
    ] == _actions(gap, *asked, resumed)


def test_a_kill_outlives_rollouts_and_ends_by_unkill() -> None:
    """Neither a resume nor a start ends it."""
    killed = decision(1, DecisionKind.KILL, status=RolloutStatus.HALTED)
    started = decision(2, DecisionKind.START, rollout="r2")
    unkilled = decision(3, DecisionKind.UNKILL, rollout="r2")
    key = "momentum/1/kill"

    assert (RESOLVE, key) not in _actions(killed, started)
    assert (RESOLVE, key) in _actions(killed, started, unkilled)


def test_a_roll_back_stays_open_until_the_next_start() -> None:
    """Somebody has to look at it; the next rollout shows that they did."""
    back = rolled_back(1)
    asked = decision(2, status=RolloutStatus.PENDING, command_id="c2", rollout="r2")
    started = decision(3, DecisionKind.START, rollout="r2")
    key = "momentum/1/roll_back:loss_budget"

    assert [(TRIGGER, key)] == _actions(back)
    assert (ACKNOWLEDGE, key) in _actions(back, asked)
    assert (RESOLVE, key) not in _actions(back, asked)
    assert (RESOLVE, key) in _actions(back, asked, started)


def test_a_cause_without_a_row_takes_that_of_its_kind() -> None:
    """What the decider will say one day is told too."""
    unknown = decision(1, hold="something new")

    assert "Rollout held" == rule_of(unknown).title
