"""One look at a PENDING rollout: it begins when data, routers and the past of stable are there."""

from __future__ import annotations

from dataclasses import replace

from tradecanary.processors.decision.chain import At, Cause, Changed
from tradecanary.processors.decision.data import late_evidence
from tradecanary.processors.decision.holds import Hold, HoldCode, hold_on
from tradecanary.processors.decision.judges import judge_of
from tradecanary.processors.decision.model import Rollout, StrategyState
from tradecanary.processors.decision.moves import apply, frozen_reference, must
from tradecanary.processors.decision.rises import gate_hold, unread
from tradecanary.processors.decision.routers import attest_problem, heard
from tradecanary.processors.decision.transitions import Trigger
from tradecanary.schemas.units import US_PER_S

_FRESH_US = 5 * US_PER_S


def pending(strategy: StrategyState, rollout: Rollout, at: At, *, is_read: bool) -> Changed:
    """Return the strategy after this look, with the rollout begun, held or expired."""
    policy = rollout.spec.policy
    if at.now_us - rollout.created_at_us > policy.max_pending_s * US_PER_S:
        reason = f"still PENDING after {policy.max_pending_s:g} s: {rollout.hold_reason}"
        return must(apply(strategy, Trigger.EXPIRE, Cause(reason), at))
    statuses = heard(strategy, at.now_us)
    hold = gate_hold(strategy, rollout, "start")
    problem = attest_problem(rollout.spec, statuses)
    late = late_evidence(rollout, at.flow, at.now_us)
    if at.flow.data_age_us(at.now_us) > _FRESH_US or not at.flow.partitions:
        hold = Hold(HoldCode.STALE, Cause("no fresh metrics: is the aggregation running?"))
    elif problem:
        hold = Hold(HoldCode.ATTEST, Cause(problem))
    elif late is not None:
        hold = Hold(HoldCode.STALE, late.cause)
    hold = hold or _reference_missing(strategy, rollout)
    if hold is not None:
        return hold_on(strategy, hold, at)
    if not is_read:
        return unread(strategy, at)
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
    rollout = frozen_reference(strategy, rollout, 0)
    reason += _reference_warning(rollout)
    strategy = replace(strategy, rollout=rollout)
    return must(apply(strategy, Trigger.ADMIT, Cause(reason, actor=rollout.starter), at))


def _reference_missing(strategy: StrategyState, rollout: Rollout) -> Hold | None:
    """Return how many of stable's orders are missing before the canary can be judged."""
    settings = rollout.spec.policy.judge
    need = judge_of(rollout.spec).reference_orders(settings)
    seen = strategy.history.of(rollout.spec.stable).orders
    if seen >= need:
        return None
    text = f"reference: {need - seen} of {need} orders of {rollout.spec.stable} are missing"
    return Hold(HoldCode.REFERENCE, Cause(text))


def _reference_warning(rollout: Rollout) -> str:
    reference = rollout.references.get(0)
    costs = judge_of(rollout.spec).shortcomings(reference)
    orders = reference.orders if reference is not None else 0
    return f"; a small reference of {orders:,} orders: {costs}" if costs else ""
