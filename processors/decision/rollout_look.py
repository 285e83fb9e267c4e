"""One look at one rollout: guards, sample ratio, judge, data, phase."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tradecanary.processors.decision.chain import At, Cause, Changed
from tradecanary.processors.decision.commands import next_gate
from tradecanary.processors.decision.criteria import PhaseAnswer, PhaseCheck, check_phase
from tradecanary.processors.decision.data import DataProblem, data_problem
from tradecanary.processors.decision.guards import GuardInput, check_guards
from tradecanary.processors.decision.holds import NOTHING_HOLDS, Hold, HoldCode, hold_on
from tradecanary.processors.decision.judges import judge_of
from tradecanary.processors.decision.judges.judge import Judgement, Verdict
from tradecanary.processors.decision.model import Rollout, StrategyState
from tradecanary.processors.decision.moves import apply, must
from tradecanary.processors.decision.pending import pending
from tradecanary.processors.decision.rises import gate_hold, unread
from tradecanary.processors.decision.routers import attest_problem, heard
from tradecanary.processors.decision.sample_ratio import sample_ratio
from tradecanary.processors.decision.transitions import CARRYING, Trigger
from tradecanary.schemas.decisions import RolloutStatus
from tradecanary.schemas.units import CANARY, STABLE, US_PER_S


def look(strategy: StrategyState, at: At, *, is_read: bool) -> Changed:
    """Return the strategy after this look at its rollout, and what was decided.

    What is broken in the data or in the split holds; it never hides what asks for a roll-back.
    Unless `is_read`, an abort or a kill may lie unread: then nothing rises.
    """
    rollout = strategy.rollout
    if rollout is not None and rollout.status is RolloutStatus.PENDING:
        return pending(strategy, rollout, at, is_read=is_read)
    if rollout is None or rollout.status not in CARRYING:
        return strategy, ()
    seen = _weighed(strategy, rollout, at, is_read=is_read)
    harm = _harm(seen)
    if harm is not None:
        return must(apply(strategy, Trigger.HARM, harm, at))
    if seen.judgement.promotable and not rollout.promotable:  # once reached, it stays reached
        seen = replace(seen, rollout=replace(rollout, promotable=True))
        strategy = replace(strategy, rollout=seen.rollout)
    hold = _broken(seen)
    if hold is not None:
        return hold_on(strategy, hold, at)
    return _forward(strategy, seen, at)


@dataclass(frozen=True, slots=True)
class Weighed:
    """All that one look finds out about a rollout, each thing once."""

    rollout: Rollout
    guards: Cause | None
    judgement: Judgement
    problem: DataProblem | None
    phase: PhaseCheck
    is_read: bool


_UNJUDGED = Judgement(Verdict.INCONCLUSIVE, promotable=False, reason="at 100 % without control")


def _weighed(strategy: StrategyState, rollout: Rollout, at: At, *, is_read: bool) -> Weighed:
    watching = rollout.status is RolloutStatus.WATCHING
    return Weighed(
        rollout=rollout,
        guards=_guard_harm(strategy, rollout, at),
        judgement=_UNJUDGED if watching else judge(rollout),
        problem=data_problem(rollout, at.flow, at.now_us),
        phase=phase_check(rollout),
        is_read=is_read,
    )


def _broken(seen: Weighed) -> Hold | None:
    if seen.rollout.gap:
        return Hold(HoldCode.GAP, Cause(seen.rollout.gap))
    ratio, problem = sample_ratio(seen.rollout), seen.problem
    if ratio is not None and ratio[0].breached:
        return Hold(HoldCode.SAMPLE_RATIO, Cause(ratio[1], checks=(ratio[0],)))
    if problem is None or problem.hold is None:
        return None
    return Hold(problem.hold, problem.cause)


def _forward(strategy: StrategyState, seen: Weighed, at: At) -> Changed:
    match seen.rollout.status:
        case RolloutStatus.ACTIVE:
            return _active(strategy, seen, at)
        case RolloutStatus.WATCHING:
            return _watching(strategy, seen, at)
        case _:
            return hold_on(strategy, NOTHING_HOLDS, at)


def _harm(seen: Weighed) -> Cause | None:
    """Return why to roll back, the first of the list; None when nothing asks for it."""
    return (
        seen.guards
        or _judged_harmful(seen.judgement)
        or (seen.problem.cause if seen.problem is not None and seen.problem.harm else None)
        or _criteria_harm(seen)
        or _run_out(seen.rollout)
    )


def _judged_harmful(judgement: Judgement) -> Cause | None:
    if judgement.verdict is not Verdict.HARMFUL:
        return None
    return Cause(judgement.reason, checks=judgement.checks)


def _criteria_harm(seen: Weighed) -> Cause | None:
    breached = seen.phase.answer is PhaseAnswer.BREACH
    if not breached or seen.rollout.status is RolloutStatus.HALTED:
        return None
    if not _criteria_roll_back(seen.rollout):
        return None
    return Cause(seen.phase.reason, checks=seen.phase.checks)


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
    return judge_of(rollout.spec).judge(rollout.judge_state, settings, stable, canary)


def phase_check(rollout: Rollout) -> PhaseCheck:
    """Return whether the running phase has met its minima and criteria."""
    policy = rollout.spec.policy
    phase = policy.ramp[rollout.phase.index]
    minimum = None
    if rollout.status is RolloutStatus.WATCHING:
        minimum = max(phase.min_orders, policy.judge.watch_orders)
    run = rollout.phase
    return check_phase(phase, run.time_us, run.canary, run.all_orders, minimum)


def _guard_harm(strategy: StrategyState, rollout: Rollout, at: At) -> Cause | None:
    found = check_guards(GuardInput(strategy, rollout, at.now_us))
    checks = tuple(check for check, _ in found)
    sentence = next((sentence for check, sentence in found if check.breached), None)
    return None if sentence is None else Cause(sentence, checks=checks)


def _active(strategy: StrategyState, seen: Weighed, at: At) -> Changed:
    check = seen.phase
    if check.answer is PhaseAnswer.PASSED:
        return _rise(strategy, seen, at)
    code = _CRITERIA_HOLDS[check.answer]
    return hold_on(strategy, Hold(code, Cause(check.reason, checks=check.checks)), at)


_CRITERIA_HOLDS = {
    PhaseAnswer.WAIT: HoldCode.NOTHING,
    PhaseAnswer.BREACH: HoldCode.CRITERIA,
    PhaseAnswer.SLOW_FLOW: HoldCode.THROUGHPUT,
}


def _rise(strategy: StrategyState, seen: Weighed, at: At) -> Changed:
    rollout, ramp = seen.rollout, seen.rollout.spec.policy.ramp
    index = rollout.phase.index + 1
    promotes = index == len(ramp) - 1
    if promotes and not rollout.promotable:
        reason = f"phase passed, but no promotion verdict yet: {seen.judgement.reason}"
        return hold_on(strategy, Hold(HoldCode.VERDICT, Cause(reason)), at)
    hold = gate_hold(strategy, rollout, next_gate(rollout))
    problem = attest_problem(rollout.spec, heard(strategy, at.now_us), rollout.horizons)
    if problem:
        hold = Hold(HoldCode.ATTEST, Cause(problem))
    if hold is not None:
        return hold_on(strategy, hold, at)
    if not seen.is_read:
        return unread(strategy, at)
    orders, stable = rollout.phase.canary.orders, rollout.phase.stable.orders
    reason = (
        f"phase {ramp[index - 1].name} passed ({orders} canary, {stable} stable orders); "
        f"phase {index + 1}/{len(ramp)} {ramp[index].name}, {ramp[index].weight_bp / 100:g} %"
    )
    cause = Cause(reason, checks=(*seen.phase.checks, *seen.judgement.checks))
    trigger = Trigger.RAMP_COMPLETED if promotes else Trigger.PHASE_PASSED
    return must(apply(strategy, trigger, cause, at))


def _watching(strategy: StrategyState, seen: Weighed, at: At) -> Changed:
    """No control is left: only guards and absolute criteria act, then the rollout finishes.

    Not before every router attests: a breaker that opened sends all orders to stable, and after
    FINISH the canary is what a breaker falls back to.
    """
    rollout, check = seen.rollout, seen.phase
    if check.answer is PhaseAnswer.BREACH:
        cause = Cause(check.reason, checks=check.checks)
        return hold_on(strategy, Hold(HoldCode.CRITERIA, cause), at)
    problem = attest_problem(rollout.spec, heard(strategy, at.now_us), rollout.horizons)
    if problem:
        return hold_on(strategy, Hold(HoldCode.ATTEST, Cause(problem)), at)
    if strategy.killed or rollout.phase.time_us < rollout.spec.policy.watch_s * US_PER_S:
        return hold_on(strategy, NOTHING_HOLDS, at)
    if not seen.is_read:
        return unread(strategy, at)
    seconds = rollout.spec.policy.watch_s
    reason = f"watched for {seconds:g} s at 100 %; {rollout.spec.canary} is the new baseline"
    return must(apply(strategy, Trigger.WATCH_OVER, Cause(reason), at))


def _criteria_roll_back(rollout: Rollout) -> bool:
    policy = rollout.spec.policy
    if policy.criteria == "default":
        return judge_of(rollout.spec).criteria_roll_back
    return policy.criteria == "roll_back"
