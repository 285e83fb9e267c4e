"""The alerting step: one decision in, the alerts that tell of it out.

Theory of operation. Every decision has a row (rules.py). Most are told and that is all; a breach
opens an incident, named by strategy, decision number and breach, that stays open until a decision
ends it. Numbers only rise: a decision that comes again tells nobody anything, so reading the log
twice never alerts twice. While an incident is open the same breach is told again only after
`AGAIN_US`: a hold that comes and goes many times a minute is one alert.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tradecanary.processors.alerting.rules import cause_of, rule_of
from tradecanary.schemas.alerts import Alert, AlertAction, OpenIncident, Until
from tradecanary.schemas.decisions import Decision, DecisionKind, RolloutStatus
from tradecanary.schemas.units import CANARY, FULL_WEIGHT_BP, STABLE, US_PER_S

AGAIN_US = 600 * US_PER_S
MOST_INCIDENTS = 100
"""More are never open of one strategy: the oldest are forgotten, as resolved."""


@dataclass(frozen=True, slots=True)
class StrategyAlerts:
    """What alerting remembers of one strategy."""

    number: int = 0
    incidents: tuple[OpenIncident, ...] = ()


def step(state: StrategyAlerts, decision: Decision) -> tuple[StrategyAlerts, tuple[Alert, ...]]:
    """Return the state after `decision`, and what to tell, in this order.

    First the incidents that it ends, then those that a person took up with it, then itself. Total:
    a decision that was seen changes nothing.
    """
    if decision.number <= state.number:
        return state, ()
    ended = [one for one in state.incidents if _ends(one, decision)]
    alerts = [_resolved(one, decision) for one in ended]
    kept = [one for one in state.incidents if one not in ended]
    for place, one in enumerate(kept):
        if decision.command_id and not one.acknowledged:
            kept[place] = replace(one, acknowledged=True)
            alerts.append(_about(one, decision, AlertAction.ACKNOWLEDGE))
    alerts += _told(kept, decision)
    for one in kept[:-MOST_INCIDENTS]:
        alerts.append(_resolved(one, decision))
    return StrategyAlerts(decision.number, tuple(kept[-MOST_INCIDENTS:])), tuple(alerts)


def _ends(incident: OpenIncident, decision: Decision) -> bool:
    match incident.until:
        case Until.HOLD_OVER:
            return not decision.hold or decision.rollout != incident.rollout
        case Until.RESUMED:
            return decision.status is not RolloutStatus.HALTED
        case Until.UNKILLED:
            return decision.kind is DecisionKind.UNKILL
        case Until.NEXT_START:
            return decision.kind is DecisionKind.START
        case Until.NOTHING:
            return True


def _told(kept: list[OpenIncident], decision: Decision) -> Iterator[Alert]:
    """Yield the decision's own alert; open its incident in `kept`, or note that it comes again."""
    rule, breach = rule_of(decision), breach_of(decision)
    key = f"{decision.strategy}/{decision.number}/{breach}"
    fresh = OpenIncident(
        key=key,
        rollout=decision.rollout,
        number=decision.number,
        severity=rule.severity,
        until=rule.until,
        breach=breach,
        title=rule.title,
        alerted_us=decision.time_us,
        acknowledged=False,
    )
    for place, known in enumerate(kept):
        if (known.breach, known.rollout) == (breach, decision.rollout):
            if decision.time_us - known.alerted_us >= AGAIN_US:
                kept[place] = replace(known, alerted_us=decision.time_us)
                yield _about(known, decision, AlertAction.TRIGGER)
            return
    if rule.until is not Until.NOTHING:
        kept.append(fresh)
    yield _about(fresh, decision, AlertAction.TRIGGER)


def breach_of(decision: Decision) -> str:
    """Return the breach in a word: the kind, and the cause where the kind has several."""
    kind, cause = decision.kind.value.lower(), cause_of(decision)
    return f"{kind}:{cause}" if cause else kind


def _resolved(incident: OpenIncident, decision: Decision) -> Alert:
    return _about(incident, decision, AlertAction.RESOLVE)


def _about(incident: OpenIncident, decision: Decision, action: AlertAction) -> Alert:
    triggers = action is AlertAction.TRIGGER
    next_action = (
        rule_of(decision)
        .next_action.replace("{number}", str(decision.number))
        .replace("{strategy}", decision.strategy)
    )
    return Alert(
        key=incident.key,
        strategy=decision.strategy,
        rollout=decision.rollout,
        number=decision.number,
        time_us=decision.time_us,
        action=action,
        severity=incident.severity,
        until=incident.until,
        breach=incident.breach,
        title=incident.title,
        reason=f"{decision.kind.value}: {decision.reason}" if not triggers else decision.reason,
        next_action=next_action if triggers else "",
        checks=decision.evidence.checks if triggers else (),
        status=decision.status,
        phase=decision.evidence.phase_name,
        stable=_version(decision, STABLE) or decision.after.baseline,
        canary=_version(decision, CANARY),
        weight_bp=_canary_bp(decision),
        actor=decision.actor,
    )


def _version(decision: Decision, variant: str) -> str:
    found = (
        one.version
        for vector in (decision.after, decision.before)
        for cell in vector.cells
        for one in cell.weights
        if one.variant == variant
    )
    return next(found, "")


def _canary_bp(decision: Decision) -> int:
    """The canary's weight; a promoted one has become stable and has it all."""
    if decision.kind is DecisionKind.FINISH:
        return FULL_WEIGHT_BP
    cells = decision.after.cells
    weights = cells[0].weights if cells else ()
    return next((one.weight_bp for one in weights if one.variant == CANARY), 0)
