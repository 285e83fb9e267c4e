"""What people are shown of a rollout: one plain table of facts, made from the decider's state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tradecanary.kill_switches import ruling
from tradecanary.processors.decision.chain import streams_of
from tradecanary.processors.decision.criteria import limits, p99_us
from tradecanary.processors.decision.guards import GuardInput, check_guards
from tradecanary.processors.decision.judges.thresholds import (
    fill_rate_pct,
    latency_ms,
    pnl_per_order,
    slippage_bp,
)
from tradecanary.processors.decision.model import PartitionState, Rollout, StrategyState
from tradecanary.processors.decision.rollout_look import judge
from tradecanary.processors.decision.routers import heard
from tradecanary.processors.decision.transitions import CARRYING, ENDED
from tradecanary.schemas.decisions import Check, RolloutStatus, VariantEvidence
from tradecanary.schemas.routing import LeaseState
from tradecanary.schemas.units import CANARY, FULL_WEIGHT_BP, MICROS, STABLE, US_PER_MS, US_PER_S
from tradecanary.stream_view import stream_views

View = dict[str, Any]
STALE_LOOK_US = 3 * US_PER_S
"""A decider that runs records a look each second; after so long it is said that none does."""


def no_decider(states: Iterable[PartitionState], now_us: int) -> str:
    """Return the sentence that no decider runs, an empty text when all partitions have looks."""
    known = [each.recorded_at_us for each in states if each.strategies]
    age_us = now_us - min(known, default=now_us)
    if age_us <= STALE_LOOK_US:
        return ""
    return (
        f"no decider: no look was recorded for {age_us // US_PER_S} s by this host's clock; what "
        "is shown is as of then (kill works without one)"
    )


def strategy_view(partition: PartitionState, strategy: StrategyState, now_us: int) -> View:
    """Return what `status` shows of one strategy: plain values, units in the names.

    `now_us` gives ages alone; the rollout is shown as of the decider's last look.
    """
    flow, vector, looked_us = partition.flow, strategy.vector, partition.recorded_at_us
    return {
        "strategy": strategy.strategy,
        "baseline": vector.baseline if vector else None,
        "revision": strategy.revision,
        "epoch": partition.epoch,
        "killed": strategy.killed,
        "kill": _kill(partition, strategy),
        "frozen": strategy.frozen or None,
        "look_age_s": round(max(0, now_us - looked_us) / US_PER_S, 1),
        "data_age_s": round(flow.data_age_us(now_us) / US_PER_S, 1) if flow else None,
        "routers": _routers(strategy, looked_us),
        "rollout": _rollout(strategy, strategy.rollout, looked_us) if strategy.rollout else None,
    }


def _kill(partition: PartitionState, strategy: StrategyState) -> View | None:
    found = ruling(partition.kills, strategy.strategy)
    if found is None:
        return None
    return {"strategy": found.strategy, "actor": found.actor, "reason": found.reason}


def line_view(partition: PartitionState, strategy: StrategyState) -> View:
    """Return what a list shows of a strategy with a rollout: little, so that many take no time."""
    rollout = strategy.rollout
    if rollout is None:
        raise AssertionError("only a rollout has a line")
    ended = rollout.status in ENDED
    until_us = rollout.ended_at_us if ended else partition.recorded_at_us
    routers = _routers(strategy, partition.recorded_at_us)
    ramp, index = rollout.spec.policy.ramp, rollout.phase.index
    return {
        "strategy": strategy.strategy,
        "rollout": rollout.spec.rollout,
        "status": rollout.status.value,
        "phase": index + 1,
        "phases": len(ramp),
        "phase_name": ramp[index].name,
        "set_weight_bp": set_weight_bp(strategy, rollout),
        "actual_weight_bp": actual_weight_bp(rollout),
        "canary_orders": rollout.canary.orders,
        "routers_heard": routers["heard"],
        "routers_following": routers["following"],
        "running_s": _running_s(rollout, until_us),
        "hold": rollout.hold_reason if rollout.hold else None,
        "killed": strategy.killed,
        "frozen": strategy.frozen or None,
        "outcome": rollout.outcome or None,
    }


def _running_s(rollout: Rollout, until_us: int) -> int:
    begun = rollout.started_at_us >= 0
    return (until_us - rollout.started_at_us) // US_PER_S if begun else 0


def _routers(strategy: StrategyState, now_us: int) -> View:
    statuses = heard(strategy, now_us)
    return {
        "heard": len(statuses),
        "following": sum(
            status.revision == strategy.revision and status.lease is LeaseState.VALID
            for status in statuses
        ),
        "fallbacks": {s.router: s.fallback for s in statuses if s.fallback},
    }


def _rollout(strategy: StrategyState, rollout: Rollout, now_us: int) -> View:
    ended = rollout.status in ENDED
    until_us = rollout.ended_at_us if ended else now_us
    stable, canary = rollout.stable.evidence(STABLE), rollout.canary.evidence(CANARY)
    judgement = judge(rollout)
    found = check_guards(GuardInput(strategy, rollout, now_us))
    return {
        "id": rollout.spec.rollout,
        "status": rollout.status.value,
        "stable": rollout.spec.stable,
        "canary": rollout.spec.canary,
        "policy": f"{rollout.spec.policy.name}@{rollout.spec.policy.hash[:8]}",
        "running_s": _running_s(rollout, until_us),
        "phase": _phase(rollout),
        "hold": rollout.hold_reason if rollout.hold else None,
        "outcome": rollout.outcome or None,
        "set_weight_bp": set_weight_bp(strategy, rollout),
        "actual_weight_bp": actual_weight_bp(rollout),
        "measures": _measures(stable, canary),
        "p99_latency_ms": _scaled(p99_us(rollout.canary), US_PER_MS),
        "judge": {
            "kind": rollout.spec.policy.judge.kind,
            "verdict": judgement.verdict.value,
            "reason": judgement.reason,
            "promotable": rollout.promotable,
            "streams": stream_views(streams_of(rollout)),
        },
        "guards": [_check(check) for check, _ in found],
        "counts": {
            "misrouted": rollout.misrouted,
            "late": rollout.late,
            "unbenchmarked": rollout.canary.unbenchmarked,
            "unacknowledged": rollout.canary.unacknowledged,
        },
    }


def _phase(rollout: Rollout) -> View:
    ramp, run = rollout.spec.policy.ramp, rollout.phase
    phase = ramp[run.index]
    need_s = phase.min_duration_s
    if rollout.status.value == "WATCHING":
        need_s = rollout.spec.policy.watch_s
    elapsed_s = run.time_us / US_PER_S
    criteria = limits(phase, run.time_us, run.canary, run.all_orders)
    return {
        "number": run.index + 1,
        "of": len(ramp),
        "name": phase.name,
        "orders": run.canary.orders,
        "orders_required": phase.min_orders,
        "elapsed_s": round(elapsed_s, 1),
        "remaining_s": round(max(0.0, need_s - elapsed_s), 1),
        "criteria": [_check(check) for check in criteria],
    }


def _check(check: Check) -> View:
    return {
        "name": check.name,
        "value": round(check.value, 4),
        "limit": check.limit,
        "unit": check.unit,
        "breached": check.breached,
    }


def set_weight_bp(strategy: StrategyState, rollout: Rollout) -> int:
    """Return the canary's weight in the newest vector, in basis points."""
    if rollout.status is RolloutStatus.PROMOTED:
        return FULL_WEIGHT_BP
    facts = rollout.revisions.get(strategy.revision)
    return facts.canary_bp if facts and rollout.status in CARRYING else 0


def actual_weight_bp(rollout: Rollout) -> int | None:
    """Return the canary's share of the phase's orders, in basis points; None without orders."""
    orders = rollout.phase.stable.orders + rollout.phase.canary.orders
    return rollout.phase.canary.orders * FULL_WEIGHT_BP // orders if orders else None


def _measures(stable: VariantEvidence, canary: VariantEvidence) -> list[View]:
    def pnl_total(evidence: VariantEvidence) -> float:
        return evidence.pnl_total_micros / MICROS

    rows = (
        ("orders", "", lambda e: float(e.orders)),
        ("fill rate", "%", fill_rate_pct),
        ("latency", "ms", latency_ms),
        ("slippage", "bp", slippage_bp),
        ("P&L", "", pnl_total),
        ("P&L per order", "", pnl_per_order),
    )
    return [
        {
            "name": name,
            "unit": unit,
            "stable": round(figure(stable), 4),
            "canary": round(figure(canary), 4),
            "difference": round(figure(canary) - figure(stable), 4),
        }
        for name, unit, figure in rows
    ]


def _scaled(value: float | None, unit: int) -> float | None:
    return None if value is None else value / unit
