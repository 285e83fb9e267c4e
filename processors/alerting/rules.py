"""The table of alerts: what a decision is called, how bad it is, what to do next, what ends it.

A row is found by the decision's kind and its cause; a cause without a row of its own takes the
kind's row. Next actions are commands where a command helps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tradecanary.schemas.alerts import Severity, Until
from tradecanary.schemas.decisions import Decision, DecisionKind

COMMAND = "command"
"""The cause of what a person asked for."""
RUN_OUT = "run_out"
"""The cause of a roll-back behind which no limit stands: time was over."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row. `{strategy}` and `{number}` (of the decision) in `next_action` are replaced."""

    severity: Severity
    title: str
    next_action: str
    until: Until = Until.NOTHING


def cause_of(decision: Decision) -> str:
    """Return why: `command`, the code of the hold, or the first breached comparison's name."""
    if decision.command_id and (decision.kind, COMMAND) in RULES:
        return COMMAND
    if decision.kind is DecisionKind.HOLD:
        return (
            decision.hold.split(" ")[0]
            if decision.hold.startswith("approval")
            else (decision.hold.replace(" ", "_"))
        )
    if decision.kind is not DecisionKind.ROLL_BACK:
        return ""
    return next((one.name for one in decision.evidence.checks if one.breached), RUN_OUT)


def rule_of(decision: Decision) -> Rule:
    """Return the decision's row."""
    rule = RULES.get((decision.kind, cause_of(decision)))
    return RULES[decision.kind, ""] if rule is None else rule


_LOOK = "tradecanary status {strategy}"
_WHY = "tradecanary explain {strategy}/{number}"
_FLAT = (
    "The canary gets no new orders. Check that its resting orders and positions are as they "
    "should be; then " + _WHY
)
_FEED = (
    "Check that the trading service and the aggregation run and reach Kafka; nothing rises until "
    "then. " + _LOOK
)


def _guard(title: str) -> Rule:
    return Rule(Severity.CRITICAL, title, _FLAT, Until.NEXT_START)


def _hold(severity: Severity, title: str, next_action: str) -> Rule:
    return Rule(severity, title, next_action, Until.HOLD_OVER)


_HOLDS: Mapping[str, Rule] = {
    "": _hold(Severity.WARNING, "Rollout held", _LOOK),
    COMMAND: Rule(Severity.INFO, "Command answered", _WHY),
    "sample_ratio": _hold(
        Severity.ERROR,
        "Orders are not split as commanded",
        "Find out what decides who gets the canary: no comparison can be trusted. Then tradecanary "
        "abort {strategy} --reason ..., or repair it and wait.",
    ),
    "stale": _hold(Severity.ERROR, "No fresh data", _FEED),
    "gap": _hold(
        Severity.CRITICAL,
        "Metrics have a gap",
        "Look at the aggregation's log; then tradecanary resume {strategy} --reason ..., or "
        "tradecanary abort {strategy} --reason ...",
    ),
    "catching_up": _hold(
        Severity.WARNING,
        "The decider is catching up",
        "Wait: nothing rises before it has read all there is. If it stays, look at the decider's "
        "log. " + _LOOK,
    ),
    "missing": _hold(Severity.ERROR, "Events are missing", _FEED),
    "bad": _hold(
        Severity.ERROR,
        "Records break the contract",
        "Read the topic dead-letters: it says which records and why. Repair their publisher.",
    ),
    "misrouted": _hold(
        Severity.ERROR,
        "Orders are routed against their weights",
        "tradecanary verify names each order; find the router that does not obey. Then tradecanary "
        "abort {strategy} --reason ..., or repair it and wait.",
    ),
    "foreign": _hold(
        Severity.WARNING,
        "Publisher without sequence numbers",
        "Let it number its events, or allow it in the policy (judge.allow_foreign).",
    ),
    "criteria": _hold(
        Severity.ERROR,
        "A criterion of the phase is breached",
        "Decide: tradecanary abort {strategy} --reason ..., or wait whether it recovers.",
    ),
    "throughput": _hold(
        Severity.WARNING,
        "Too few orders",
        "Check the flow of the whole strategy; the phase goes on when it is back. " + _LOOK,
    ),
    "verdict": _hold(
        Severity.INFO,
        "Phase passed, no verdict yet",
        "Wait: more orders bring the verdict, or the policy's max_duration_s ends it. " + _LOOK,
    ),
    "attest": _hold(
        Severity.WARNING,
        "A router is not ready",
        "Load the canary's version in every router, with equal horizons; where a breaker opened, "
        "find out why, then tradecanary rearm {strategy} --reason ...",
    ),
    "reference": _hold(
        Severity.INFO, "Waiting for stable's orders", "Wait: stable's flow fills the reference."
    ),
    "approval": _hold(
        Severity.WARNING,
        "Waiting for approval",
        "Another person than the starter: tradecanary approve {strategy} --reason ..., or "
        "tradecanary abort {strategy} --reason ...",
    ),
    "killed": _hold(
        Severity.INFO,
        "Held by the kill switch",
        "When trading is safe: tradecanary unkill {strategy} --reason ...",
    ),
    "frozen": _hold(
        Severity.INFO,
        "Held: frozen",
        "When it may go on: tradecanary unfreeze {strategy} --reason ...",
    ),
}

_ROLL_BACKS: Mapping[str, Rule] = {
    "": Rule(Severity.ERROR, "Canary rolled back: it trades worse", _FLAT, Until.NEXT_START),
    COMMAND: Rule(Severity.WARNING, "Canary aborted by a person", _FLAT),
    RUN_OUT: Rule(
        Severity.WARNING,
        "Rollout ended without a verdict",
        "Find out what held it: " + _WHY + ". Then start it anew.",
        Until.NEXT_START,
    ),
    "loss_budget": _guard("Canary rolled back: loss budget used"),
    "drawdown": _guard("Canary rolled back: drawdown"),
    "excess_loss": _guard("Canary rolled back: it lost more than stable"),
    "error_burst": _guard("Canary rolled back: burst of errors"),
    "orders_exposed": _guard("Canary rolled back: too many orders"),
    "notional_exposed": _guard("Canary rolled back: too much notional"),
    "vanished": _guard("Canary rolled back: orders vanished"),
    "silent": _guard("Canary rolled back: it is silent"),
    "data_age": Rule(
        Severity.CRITICAL, "Canary rolled back: no data", _FLAT + ". " + _FEED, Until.NEXT_START
    ),
    "missing": Rule(
        Severity.CRITICAL, "Canary rolled back: events lost", _FLAT + ". " + _FEED, Until.NEXT_START
    ),
}

RULES: Mapping[tuple[DecisionKind, str], Rule] = {
    (DecisionKind.START, ""): Rule(Severity.INFO, "Rollout started", _LOOK),
    (DecisionKind.INCREASE, ""): Rule(Severity.INFO, "Canary's weight raised", _LOOK),
    (DecisionKind.PROMOTE, ""): Rule(
        Severity.INFO, "Canary promoted to 100 %", "It is watched now; " + _LOOK
    ),
    (DecisionKind.FINISH, ""): Rule(
        Severity.INFO,
        "Rollout finished: the canary is the new baseline",
        "Nothing; the old version may be unloaded.",
    ),
    **{(DecisionKind.ROLL_BACK, cause): rule for cause, rule in _ROLL_BACKS.items()},
    **{(DecisionKind.HOLD, cause): rule for cause, rule in _HOLDS.items()},
    (DecisionKind.HALT, ""): Rule(
        Severity.CRITICAL,
        "Rollout halted: metrics have a gap",
        "Look at the aggregation's log; then tradecanary resume {strategy} --reason ..., or "
        "tradecanary abort {strategy} --reason ...",
        Until.RESUMED,
    ),
    (DecisionKind.HALT, COMMAND): Rule(
        Severity.WARNING,
        "Rollout halted by a person",
        "The canary keeps its weight. Go on with tradecanary resume {strategy} --reason ..., or "
        "end it with tradecanary abort {strategy} --reason ...",
        Until.RESUMED,
    ),
    (DecisionKind.RESUME, ""): Rule(Severity.INFO, "Rollout resumed", _LOOK),
    (DecisionKind.KILL, ""): Rule(
        Severity.CRITICAL,
        "KILLED: no order may be traded",
        "When trading is safe: tradecanary unkill {strategy} --reason ... (or unkill '*' where "
        "all were killed)",
        Until.UNKILLED,
    ),
    (DecisionKind.UNKILL, ""): Rule(
        Severity.INFO,
        "Unkilled: orders may be traded again",
        "A rollout that was halted stays so until tradecanary resume {strategy} --reason ...",
    ),
    (DecisionKind.REISSUE, ""): Rule(Severity.INFO, "Weights issued anew", _LOOK),
}  # fmt: skip
