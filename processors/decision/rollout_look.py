"""One look at one rollout: guards, judge, data, phase, in this order (DESIGN 5)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tradecanary.processors.decision.chain import At, Cause, Changed, record
from tradecanary.processors.decision.commands import gates, next_gate
from tradecanary.processors.decision.criteria import PhaseAnswer, PhaseCheck, check_phase
from tradecanary.processors.decision.data import data_problem
from tradecanary.processors.decision.guards import GuardInput, check_guards
from tradecanary.processors.decision.judges import JUDGES
from tradecanary.processors.decision.judges.judge import Judgement, Verdict
from tradecanary.processors.decision.model import Rollout, StrategyState
from tradecanary.processors.decision.moves import apply
from tradecanary.processors.decision.routers import attest_problem, heard, open_breakers
from tradecanary.processors.decision.transitions import CARRYING, Trigger
from tradecanary.schemas.decisions import DecisionKind, RolloutStatus
from tradecanary.schemas.units import CANARY, STABLE, US_PER_S

_FRESH_US = 5 * US_PER_S


@dataclass(frozen=True, slots=True)
class Hold:
    """Why nothing rises now; an empty code means nothing holds."""

    code: str
    cause: Cause


def look(strategy: StrategyState, at: At) -> Changed:
    """Return the strategy after this look at its rollout, and what was decided."""
    rollout = strategy.rollout
    if rollout is not None and rollout.status is RolloutStatus.PENDING:
        return _pending(strategy, rollout, at)
    if rollout is None or rollout.status not in CARRYING:
        return strategy, ()
    strategy, harm = _harm(strategy, rollout, at)
    if harm is not None:
        return _must(apply(strategy, Trigger.HARM, harm, at))
    problem = data_problem(rollout, at.flow, at.now_us)
    if problem is not None:
        cause = Cause(problem.reason, checks=(problem.check,))
        if problem.harm:
            return _must(apply(strategy, Trigger.HARM, cause, at))
        return _hold(strategy, Hold(problem.code, cause), at)
    return _forward(strategy, at)


def _harm(strategy: StrategyState, rollout: Rollout, at: At) -> tuple[StrategyState, Cause | None]:
    """Return why to roll back, a guard before the judge; a promotion verdict is latched."""
    harm = _guard_harm(strategy, rollout, at)
    if harm is not None or rollout.status is RolloutStatus.WATCHING:
        return strategy, harm
    judgement = judge(rollout)
    if judgement.verdict is Verdict.HARMFUL:
        cause = Cause(judgement.reason, checks=judgement.checks, streams=judgement.streams)
        return strategy, cause
    if judgement.promotable and not rollout.promotable:
        strategy = replace(strategy, rollout=replace(rollout, promotable=True))
    return strategy, None


def _forward(strategy: StrategyState, at: At) -> Changed:
    rollout = strategy.rollout
    if rollout is not None and rollout.status is RolloutStatus.ACTIVE:
        return _active(strategy, rollout, at)
    if rollout is not None and rollout.status is RolloutStatus.WATCHING:
        return _watching(strategy, rollout, at)
    return strategy, ()


def judge(rollout: Rollout) -> Judgement:
    """Return the judge's verdict on the rollout as it stands."""
    settings = rollout.spec.policy.judge
    stable, canary = rollout.stable.evidence(STABLE), rollout.canary.evidence(CANARY)
    if not stable.orders:
        return Judgement(Verdict.INCONCLUSIVE, promotable=False, reason="no stable orders yet")
    return JUDGES[settings.kind].judge(rollout.judge_state, settings, stable, canary)


def phase_check(rollout: Rollout) -> PhaseCheck:
    """Return whether the running phase has met its minima and criteria."""
    policy = rollout.spec.policy
    phase = policy.ramp[rollout.phase.index]
    minimum = None
    if rollout.status is RolloutStatus.WATCHING:
        minimum = max(phase.min_orders, policy.judge.min_orders)
    run = rollout.phase
    return check_phase(phase, run.time_us, run.canary, run.all_orders, minimum)


def _must(changed: Changed | None) -> Changed:
    if changed is None:
        raise AssertionError("a carrying rollout must have a row for harm")
    return changed


def _guard_harm(strategy: StrategyState, rollout: Rollout, at: At) -> Cause | None:
    found = check_guards(GuardInput(strategy, rollout, at.now_us))
    checks = tuple(check for check, _ in found)
    sentence = next((sentence for check, sentence in found if check.breached), None)
    return None if sentence is None else Cause(sentence, checks=checks)


def _hold(strategy: StrategyState, hold: Hold, at: At) -> Changed:
    """Keep the hold; a new reason is written once, an ended one is only forgotten."""
    rollout = strategy.rollout
    if rollout is None:
        return strategy, ()
    new = hold.code != rollout.hold
    held = replace(rollout, hold=hold.code, hold_reason=hold.cause.reason)
    strategy = replace(strategy, rollout=held)
    if not new or not hold.code:
        return strategy, ()
    return record(strategy, DecisionKind.HOLD, hold.cause, at)


def _pending(strategy: StrategyState, rollout: Rollout, at: At) -> Changed:
    policy = rollout.spec.policy
    if at.now_us - rollout.created_at_us > policy.max_pending_s * US_PER_S:
        reason = f"still PENDING after {policy.max_pending_s:g} s: {rollout.hold_reason}"
        return _must(apply(strategy, Trigger.EXPIRE, Cause(reason), at))
    statuses = heard(strategy, at.now_us)
    hold = _gate(strategy, rollout, "start")
    problem = attest_problem(rollout.spec, statuses)
    if at.flow.data_age_us(at.now_us) > _FRESH_US or not at.flow.partitions:
        hold = Hold("stale", Cause("no fresh metrics: is the aggregation running?"))
    elif problem:
        hold = Hold("attest", Cause(problem))
    if hold is not None:
        return _hold(strategy, hold, at)
    rollout = replace(
        rollout,
        order_horizon_us=statuses[0].order_horizon_us,
        markout_horizon_us=statuses[0].markout_horizon_us,
    )
    phase = policy.ramp[0]
    reason = (
        f"{rollout.spec.stable} -> {rollout.spec.canary}: phase 1/{len(policy.ramp)} "
        f"{phase.name}, {phase.weight_bp / 100:g} %"
    )
    strategy = replace(strategy, rollout=rollout)
    return _must(apply(strategy, Trigger.ADMIT, Cause(reason, actor=rollout.starter), at))


def _gate(strategy: StrategyState, rollout: Rollout, gate: str) -> Hold | None:
    """Return what stops any rise here: kill, freeze, missing approval (always the last gate)."""
    if strategy.killed:
        return Hold("killed", Cause("the kill switch is on"))
    if strategy.frozen:
        return Hold("frozen", Cause(strategy.frozen))
    if gate in gates(rollout) and gate not in rollout.approvals:
        return Hold(f"approval {gate}", Cause(f"waiting for approval of {gate}"))
    return None


def _active(strategy: StrategyState, rollout: Rollout, at: At) -> Changed:
    policy = rollout.spec.policy
    if rollout.time_us > policy.max_duration_s * US_PER_S:
        reason = f"INCONCLUSIVE: no promotion within {policy.max_duration_s:g} s of phase time"
        return _must(apply(strategy, Trigger.HARM, Cause(reason), at))
    check = phase_check(rollout)
    if check.answer is PhaseAnswer.BREACH and _criteria_roll_back(rollout):
        return _must(apply(strategy, Trigger.HARM, Cause(check.reason, checks=check.checks), at))
    if check.answer is PhaseAnswer.PASSED:
        return _rise(strategy, rollout, check, at)
    code = _CRITERIA_HOLDS[check.answer]
    return _hold(strategy, Hold(code, Cause(check.reason, checks=check.checks)), at)


_CRITERIA_HOLDS = {
    PhaseAnswer.WAIT: "",
    PhaseAnswer.BREACH: "criteria",
    PhaseAnswer.SLOW_FLOW: "throughput",
}


def _routers_hold(rollout: Rollout, strategy: StrategyState, at: At) -> Hold | None:
    """All routers heard must have the version loaded, and no breaker may be open."""
    statuses = heard(strategy, at.now_us)
    problem = attest_problem(rollout.spec, statuses)
    breakers = open_breakers(statuses)
    if breakers and not problem:
        problem = f"breaker open at {', '.join(breakers)}: find out why, then rearm"
    return Hold("attest", Cause(problem)) if problem else None


def _rise(strategy: StrategyState, rollout: Rollout, check: PhaseCheck, at: At) -> Changed:
    ramp = rollout.spec.policy.ramp
    index = rollout.phase.index + 1
    promotes = index == len(ramp) - 1
    if promotes and not rollout.promotable:
        reason = f"phase passed, but no promotion verdict yet: {judge(rollout).reason}"
        return _hold(strategy, Hold("verdict", Cause(reason)), at)
    hold = _routers_hold(rollout, strategy, at) or _gate(strategy, rollout, next_gate(rollout))
    if hold is not None:
        return _hold(strategy, hold, at)
    orders, stable = rollout.phase.canary.orders, rollout.phase.stable.orders
    reason = (
        f"phase {ramp[index - 1].name} passed ({orders} canary, {stable} stable orders); "
        f"phase {index + 1}/{len(ramp)} {ramp[index].name}, {ramp[index].weight_bp / 100:g} %"
    )
    cause = Cause(reason, checks=(*check.checks, *judge(rollout).checks))
    trigger = Trigger.RAMP_COMPLETED if promotes else Trigger.PHASE_PASSED
    return _must(apply(strategy, trigger, cause, at))


def _watching(strategy: StrategyState, rollout: Rollout, at: At) -> Changed:
    """No control is left: only guards and absolute criteria act, then the rollout finishes."""
    check = phase_check(rollout)
    if check.answer is PhaseAnswer.BREACH and _criteria_roll_back(rollout):
        return _must(apply(strategy, Trigger.HARM, Cause(check.reason, checks=check.checks), at))
    if strategy.killed or rollout.phase.time_us < rollout.spec.policy.watch_s * US_PER_S:
        return strategy, ()
    seconds = rollout.spec.policy.watch_s
    reason = f"watched for {seconds:g} s at 100 %; {rollout.spec.canary} is the new baseline"
    return _must(apply(strategy, Trigger.WATCH_OVER, Cause(reason), at))


def _criteria_roll_back(rollout: Rollout) -> bool:
    policy = rollout.spec.policy
    if policy.criteria == "default":
        return JUDGES[policy.judge.kind].criteria_roll_back
    return policy.criteria == "roll_back"
