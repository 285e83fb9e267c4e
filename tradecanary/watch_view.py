"""What `watch` and the dashboard show of a rollout beside its status: measures, budget, lease."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tradecanary.processors.decision.chain import LEASE_MS
from tradecanary.processors.decision.guards import canary_notional_micros, canary_pnl_micros
from tradecanary.processors.decision.judge_settings import Sequential
from tradecanary.processors.decision.judges.judge import Judgement
from tradecanary.processors.decision.judges.sequential.evidence import MICRO
from tradecanary.processors.decision.judges.sequential.words import e_value
from tradecanary.processors.decision.judges.thresholds import (
    fill_rate_pct,
    latency_ms,
    pnl_per_order,
    slippage_bp,
)
from tradecanary.processors.decision.model import PartitionState, Rollout, StrategyState
from tradecanary.processors.decision.rollout_look import judge
from tradecanary.processors.decision.transitions import CARRYING
from tradecanary.rollout_view import strategy_view
from tradecanary.schemas.decisions import Check, Decision, VariantEvidence
from tradecanary.schemas.units import CANARY, MICROS, STABLE, US_PER_MS, US_PER_S

View = dict[str, Any]
_LAST = 5


def watch_view(
    partition: PartitionState,
    strategy: StrategyState,
    decisions: Iterable[Decision],
    now_us: int,
) -> View:
    """Return all that `watch` shows of a strategy; `decisions`: its newest, oldest first."""
    view = strategy_view(partition, strategy, now_us)
    rollout, shown = strategy.rollout, view["rollout"]
    view["lease_left_s"] = _lease_left_s(strategy, now_us)
    view["decisions"] = [
        {
            "number": one.number,
            "time_us": one.time_us,
            "kind": one.kind.value,
            "reason": one.reason,
        }
        for one in list(decisions)[-_LAST:]
    ]
    if rollout is None:
        return view
    judgement = judge(rollout)
    shown["owner"] = rollout.spec.owner or None
    shown["limits_waived"] = rollout.spec.limits_waived
    shown["next_weight_bp"] = _next_weight_bp(rollout)
    shown["budget"] = _budget(rollout)
    shown["e_value"], shown["e_limit"] = _e_value(judgement), _e_limit(rollout)
    shown["rows"] = _rows(rollout, shown["judge"]["streams"], judgement.checks)
    return view


def _lease_left_s(strategy: StrategyState, now_us: int) -> float | None:
    """Seconds until routers that heard the last renewal go to the baseline; None: no lease yet."""
    if strategy.vector is None or strategy.written_at_us < 0:
        return None
    end_us = strategy.written_at_us + LEASE_MS * US_PER_MS
    return round(max(0, end_us - now_us) / US_PER_S, 1)


def _next_weight_bp(rollout: Rollout) -> int | None:
    ramp, index = rollout.spec.policy.ramp, rollout.phase.index + 1
    return ramp[index].weight_bp if rollout.status in CARRYING and index < len(ramp) else None


def _budget(rollout: Rollout) -> list[View]:
    """What was used of what the guards allow; a limit of None is none."""
    guards = rollout.spec.guards
    used = (
        ("loss", max(0.0, -canary_pnl_micros(rollout) / MICROS), guards.loss_budget),
        ("orders", rollout.canary.orders, guards.max_orders),
        ("notional", canary_notional_micros(rollout) / MICROS, guards.max_notional),
    )
    return [{"name": name, "used": round(value, 2), "limit": limit} for name, value, limit in used]


def _e_value(judgement: Judgement) -> str | None:
    """The whole evidence of a harm, which the judge holds to 1 / alpha; None: it keeps no such."""
    found = (check.value for check in judgement.checks if check.name == "e_value")
    log_e = next(found, None)
    return None if log_e is None else e_value(round(log_e * MICRO))


def _e_limit(rollout: Rollout) -> float | None:
    settings = rollout.spec.policy.judge
    return 1 / settings.alpha if isinstance(settings, Sequential) else None


_FIGURES: dict[str, tuple[Callable[[VariantEvidence], float], str]] = {
    "fill_rate": (fill_rate_pct, "%"),
    "error_rate": (lambda evidence: 100 * evidence.errors / max(1, evidence.orders), "%"),
    "latency": (latency_ms, "ms"),
    "slippage": (slippage_bp, "bp"),
    "pnl": (pnl_per_order, ""),
}
"""Both variants' figures since the start, by measure."""


def _rows(rollout: Rollout, streams: Iterable[View], checks: Iterable[Check]) -> list[View]:
    """A row a stream of the judge; for the plain rules, which have none, a row a measure."""
    both = rollout.stable.evidence(STABLE), rollout.canary.evidence(CANARY)
    rows = [_stream_row(stream, both) for stream in streams]
    known = {check.name: check for check in checks}
    return rows or [_plain_row(name, known.get(name), both) for name in _FIGURES]


def _stream_row(stream: View, both: tuple[VariantEvidence, VariantEvidence]) -> View:
    name = stream["stream"]
    return {
        "name": name,
        **_figures(name.removesuffix("_mean"), both),
        "difference": stream["effect"],
        "low": stream["low"],
        "high": stream["high"],
        "unit": stream["unit"],
        "e_value": stream["e_value"],
        "limit": stream["tolerance"],
        "canary_orders": stream["canary_orders"],
        "state": stream["state"],
    }


def _plain_row(
    name: str, check: Check | None, both: tuple[VariantEvidence, VariantEvidence]
) -> View:
    state = "open" if check is None else "worse" if check.breached else "not worse"
    return {
        "name": name,
        **_figures(name, both),
        "difference": check.value if check else None,
        "low": None,
        "high": None,
        "unit": check.unit if check else "",
        "e_value": None,
        "limit": check.limit if check else None,
        "canary_orders": both[1].orders,
        "state": state,
    }


def _figures(measure: str, both: tuple[VariantEvidence, VariantEvidence]) -> View:
    """Both variants' figures of a measure; ranks and tails have none of their own."""
    known = _FIGURES.get(measure)
    if known is None:
        return {"stable": None, "canary": None, "figure_unit": ""}
    figure, unit = known
    stable, canary = (round(figure(one), 4) for one in both)
    return {"stable": stable, "canary": canary, "figure_unit": unit}
