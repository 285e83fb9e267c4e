"""The plain rules: pooled differences since the start of the rollout against fixed limits.

Exact on all events at once. Checked in the order fill rate, latency, slippage, P&L; the first
breach wins; every limit is exclusive. Latency is compared only where stable's mean is positive,
P&L only where stable's mean P&L per order is positive. Stable without any order counts as zeros,
as in the reference decisions: whoever asks sees to it that there is a control. Looked at often with
few orders, plain thresholds roll back healthy canaries: give them minima that noise can bear.
"""

from __future__ import annotations

from collections.abc import Iterable

from tradecanary.processors.decision.cohorts import Ripe
from tradecanary.processors.decision.judge_settings import Thresholds
from tradecanary.processors.decision.judges.judge import (
    Judge,
    Judgement,
    JudgeState,
    Settings,
    Terms,
    Verdict,
)
from tradecanary.processors.decision.judges.sequential.reference import Reference
from tradecanary.processors.decision.sums import Sums
from tradecanary.schemas.decisions import Check, StreamEvidence, VariantEvidence
from tradecanary.schemas.units import MICROS, US_PER_MS


def mean(total: int, n: int, scale: int) -> float:
    """Return total / n / scale, 0 when nothing was measured."""
    return total / (n * scale) if n else 0.0


def fill_rate_pct(evidence: VariantEvidence) -> float:
    """Return FILLED orders in percent of all orders."""
    return evidence.filled * 100 / evidence.orders if evidence.orders else 0.0


def latency_ms(evidence: VariantEvidence) -> float:
    """Return the mean acknowledgement latency in ms."""
    return mean(evidence.latency_total_us, evidence.latency_n, US_PER_MS)


def slippage_bp(evidence: VariantEvidence) -> float:
    """Return the mean slippage in bp, positive = worse."""
    return mean(evidence.slippage_total_milli_bp, evidence.slippage_n, 1000)


def pnl_per_order(evidence: VariantEvidence) -> float:
    """Return the mean P&L per order with a known P&L, in the reporting currency."""
    return mean(evidence.pnl_total_micros, evidence.pnl_n, MICROS)


def compare(
    settings: Thresholds, stable: VariantEvidence, canary: VariantEvidence
) -> tuple[tuple[Check, str], ...]:
    """Return the comparisons that can be made, in order, each with its sentence."""
    pairs = (
        _fill_rate(settings, stable, canary),
        _latency(settings, stable, canary),
        _slippage(settings, stable, canary),
        _pnl(settings, stable, canary),
    )
    return tuple(pair for pair in pairs if pair is not None)


_Pair = tuple[Check, str] | None


def _fill_rate(settings: Thresholds, stable: VariantEvidence, canary: VariantEvidence) -> _Pair:
    was, now, limit = fill_rate_pct(stable), fill_rate_pct(canary), settings.fill_rate_pp
    drop = was - now
    sentence = (
        f"fill rate {now:.1f} % is {drop:.1f} pp below stable's {was:.1f} % (limit {limit:g} pp)"
    )
    return Check("fill_rate", drop, limit, "pp", drop > limit), sentence


def _latency(settings: Thresholds, stable: VariantEvidence, canary: VariantEvidence) -> _Pair:
    was, now, limit = latency_ms(stable), latency_ms(canary), settings.latency_pct
    if was <= 0:
        return None
    rise = (now - was) / was * 100
    sentence = (
        f"latency {now:.2f} ms is {rise:.1f} % above stable's {was:.2f} ms (limit {limit:g} %)"
    )
    return Check("latency", rise, limit, "%", rise > limit), sentence


def _slippage(settings: Thresholds, stable: VariantEvidence, canary: VariantEvidence) -> _Pair:
    unmeasured = stable.orders and not stable.slippage_n
    if unmeasured or not canary.slippage_n:
        return None
    was, now, limit = slippage_bp(stable), slippage_bp(canary), settings.slippage_bp
    more = now - was
    sentence = (
        f"slippage {now:.2f} bp is {more:.2f} bp above stable's {was:.2f} bp (limit {limit:g} bp)"
    )
    return Check("slippage", more, limit, "bp", more > limit), sentence


def _pnl(settings: Thresholds, stable: VariantEvidence, canary: VariantEvidence) -> _Pair:
    was, now, limit = pnl_per_order(stable), pnl_per_order(canary), settings.pnl_ratio
    if was <= 0 or not canary.pnl_n:
        return None
    ratio = now / was
    sentence = f"P&L {now:.2f} per order is {ratio:.2f} of stable's {was:.2f} (limit {limit:g})"
    return Check("pnl", ratio, limit, "ratio", ratio < limit), sentence


def _judge(
    _: JudgeState, settings: Settings, stable: VariantEvidence, canary: VariantEvidence
) -> Judgement:
    assert isinstance(settings, Thresholds), "a judge is asked with its own settings"
    if canary.orders < settings.min_orders:
        reason = f"{canary.orders} of {settings.min_orders} canary orders that the judge needs"
        return Judgement(Verdict.INCONCLUSIVE, promotable=False, reason=reason)
    found = compare(settings, stable, canary)
    checks = tuple(check for check, _ in found)
    for check, sentence in found:
        if check.breached:
            return Judgement(Verdict.HARMFUL, promotable=False, reason=sentence, checks=checks)
    reason = "; ".join(f"{check.name} within its limit" for check in checks)
    return Judgement(Verdict.HEALTHY, promotable=True, reason=reason, checks=checks)


# Pooled evidence is all that the plain rules look at: no reference, no state, no streams.


def _no_orders(_: Settings) -> int:
    return 0


def _no_reference(_: Settings, __: Sums, ___: Reference | None) -> None:
    return None


def _nothing_short(_: Reference | None) -> str:
    return ""


def _no_state(_: Settings, __: Reference | None) -> JudgeState:
    return None


def _fold(state: JudgeState, _: Settings, __: Iterable[tuple[Ripe, Terms]]) -> JudgeState:
    return state


def _no_streams(_: JudgeState, __: Settings) -> tuple[StreamEvidence, ...]:
    return ()


JUDGE = Judge(
    reference_orders=_no_orders,
    freeze=_no_reference,
    shortcomings=_nothing_short,
    start=_no_state,
    fold=_fold,
    judge=_judge,
    streams=_no_streams,
    criteria_roll_back=True,
)
