"""One look at one rollout: guards, sample ratio, judge, data, phase (DESIGN 5)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tradecanary.processors.decision.chain import At, Cause, Changed, record
from tradecanary.processors.decision.commands import gates, next_gate
from tradecanary.processors.decision.criteria import PhaseAnswer, PhaseCheck, check_phase
from tradecanary.processors.decision.data import DataProblem, data_problem
from tradecanary.processors.decision.guards import GuardInput, check_guards
from tradecanary.processors.decision.judges import JUDGES
from tradecanary.processors.decision.judges.judge import Judgement, Verdict
from tradecanary.processors.decision.model import Rollout, StrategyState
from tradecanary.processors.decision.moves import apply
from tradecanary.processors.decision.routers import attest_problem, heard
from tradecanary.processors.decision.sample_ratio import sample_ratio
from tradecanary.processors.decision.transitions import CARRYING, Trigger
from tradecanary.schemas.decisions import DecisionKind, RolloutStatus
from tradecanary.schemas.units import CANARY, STABLE, US_PER_S

_FRESH_US = 5 * US_PER_S


@dataclass(frozen=True, slots=True)
class Hold:
    """Why nothing rises now; an empty code means nothing holds."""

    code: str
    cause: Cause


_NOTHING_HOLDS = Hold("", Cause(""))


def look(strategy: StrategyState, at: At) -> Changed:
    """Return the strategy after this look at its rollout, and what was decided.

    What is broken in the data or in the split holds; it never hides what asks for a roll-back.
    """
    rollout = strategy.rollout
    if rollout is not None and rollout.status is RolloutStatus.PENDING:
        return _pending(strategy, rollout, at)
    if rollout is None or rollout.status not in CARRYING:
        return strategy, ()
    problem = data_problem(rollout, at.flow, at.now_us)
    harm = _harm(strategy, rollout, problem, at)
    if harm is not None:
        return _must(apply(strategy, Trigger.HARM, harm, at))
    strategy, rollout = _latched(strategy, rollout)
    hold = _broken(rollout, problem)
    if hold is not None:
        return _hold(strategy, hold, at)
    return _forward(strategy, rollout, at)


def _broken(rollout: Rollout, problem: DataProblem | None) -> Hold | None:
    ratio = sample_ratio(rollout)
    if ratio is not None and ratio[0].breached:
        return Hold("sample ratio", Cause(ratio[1], checks=(ratio[0],)))
    return None if problem is None else Hold(problem.code, problem.cause)


def _forward(strategy: StrategyState, rollout: Rollout, at: At) -> Changed:
    match rollout.status:
        case RolloutStatus.ACTIVE:
            return _active(strategy, rollout, at)
        case RolloutStatus.WATCHING:
            return _watching(strategy, rollout, at)
        case _:
            return _hold(strategy, _NOTHING_HOLDS, at)


def _harm(
    strategy: StrategyState, rollout: Rollout, problem: DataProblem | None, at: At
) -> Cause | None:
    """Return why to roll back, None when nothing asks for it."""
    found = _guard_harm(strategy, rollout, at) or _judged_harmful(rollout)
    if found is None and problem is not None and problem.harm:
        found = problem.cause
    return found or _criteria_harm(rollout) or _run_out(rollout)


def _judged_harmful(rollout: Rollout) -> Cause | None:
    """At 100 % there is no control, so nothing to judge by."""
    if rollout.status is RolloutStatus.WATCHING:
        return None
    judgement = judge(rollout)
    if judgement.verdict is not Verdict.HARMFUL:
        return None
    return Cause(judgement.reason, checks=judgement.checks, streams=judgement.streams)


def _latched(strategy: StrategyState, rollout: Rollout) -> tuple[StrategyState, Rollout]:
    """A promotion verdict once reached below 100 % stays reached."""
    below = rollout.status is not RolloutStatus.WATCHING
    if below and not rollout.promotable and judge(rollout).promotable:
        rollout = replace(rollout, promotable=True)
        strategy = replace(strategy, rollout=rollout)
    return strategy, rollout


def _criteria_harm(rollout: Rollout) -> Cause | None:
    if rollout.status is RolloutStatus.HALTED or not _criteria_roll_back(rollout):
        return None
    check = phase_check(rollout)
    breached = check.answer is PhaseAnswer.BREACH
    return Cause(check.reason, checks=check.checks) if breached else None


def _run_out(rollout: Rollout) -> Cause | None:
    """Return that the time for a promotion is over, whatever holds it back."""
    limit_s = rollout.spec.policy.max_duration_s
    if rollout.status is RolloutStatus.WATCHING or rollout.time_us <= limit_s * US_PER_S:
        return None
    held = f"; held: {rollout.hold_reason}" if rollout.hold else ""
    return Cause(f"INCONCLUSIVE: no promotion within {limit_s:g} s of phase time{held}")


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
    if rollout is None or (rollout.hold, rollout.hold_reason) == (hold.code, hold.cause.reason):
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
    check = phase_check(rollout)
    if check.answer is PhaseAnswer.PASSED:
        return _rise(strategy, rollout, check, at)
    code = _CRITERIA_HOLDS[check.answer]
    return _hold(strategy, Hold(code, Cause(check.reason, checks=check.checks)), at)


_CRITERIA_HOLDS = {
    PhaseAnswer.WAIT: "",
    PhaseAnswer.BREACH: "criteria",
    PhaseAnswer.SLOW_FLOW: "throughput",
}


def _rise(strategy: StrategyState, rollout: Rollout, check: PhaseCheck, at: At) -> Changed:
    ramp = rollout.spec.policy.ramp
    index = rollout.phase.index + 1
    promotes = index == len(ramp) - 1
    if promotes and not rollout.promotable:
        reason = f"phase passed, but no promotion verdict yet: {judge(rollout).reason}"
        return _hold(strategy, Hold("verdict", Cause(reason)), at)
    hold = _gate(strategy, rollout, next_gate(rollout))
    problem = attest_problem(rollout.spec, heard(strategy, at.now_us), rollout.horizons)
    if problem:
        hold = Hold("attest", Cause(problem))
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
    if check.answer is PhaseAnswer.BREACH:
        return _hold(strategy, Hold("criteria", Cause(check.reason, checks=check.checks)), at)
    if strategy.killed or rollout.phase.time_us < rollout.spec.policy.watch_s * US_PER_S:
        return _hold(strategy, _NOTHING_HOLDS, at)
    seconds = rollout.spec.policy.watch_s
    reason = f"watched for {seconds:g} s at 100 %; {rollout.spec.canary} is the new baseline"
    return _must(apply(strategy, Trigger.WATCH_OVER, Cause(reason), at))


def _criteria_roll_back(rollout: Rollout) -> bool:
    policy = rollout.spec.policy
    if policy.criteria == "default":
        return JUDGES[policy.judge.kind].criteria_roll_back
    return policy.criteria == "roll_back"
