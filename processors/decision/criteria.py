"""The absolute limits of a phase, weighed only after its minimum time and orders.

Order (pinned by the reference decisions): minimum time, minimum orders, error rate, p99 latency;
throughput last.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from tradecanary.processors.decision.policy import Phase
from tradecanary.processors.decision.sums import Sums
from tradecanary.schemas.decisions import Check
from tradecanary.schemas.histogram import bucket_of, lower_edge, quantile_bucket
from tradecanary.schemas.units import US_PER_MS, US_PER_S


class PhaseAnswer(Enum):
    """Whether the phase may end."""

    WAIT = auto()
    BREACH = auto()
    SLOW_FLOW = auto()
    PASSED = auto()


@dataclass(frozen=True, slots=True)
class PhaseCheck:
    """The answer with its sentence and comparisons."""

    answer: PhaseAnswer
    reason: str
    checks: tuple[Check, ...] = ()


def check_phase(
    phase: Phase, elapsed_us: int, canary: Sums, all_orders: int, min_orders: int | None = None
) -> PhaseCheck:
    """Return whether `phase` may end after `elapsed_us` with these canary sums.

    `all_orders`: orders of the whole strategy in the phase, for the throughput.
    `min_orders`: replaces the phase's own minimum.
    """
    need_us = round(phase.min_duration_s * US_PER_S)
    if elapsed_us < need_us:
        left = (need_us - elapsed_us) / US_PER_S
        return PhaseCheck(PhaseAnswer.WAIT, f"{left:.0f} s of {phase.min_duration_s:g} s to go")
    need = phase.min_orders if min_orders is None else min_orders
    if canary.orders < need:
        return PhaseCheck(PhaseAnswer.WAIT, f"{canary.orders} of {need} canary orders")
    checks = limits(phase, elapsed_us, canary, all_orders)
    for check in checks:
        if check.breached and check.name != "throughput":
            return PhaseCheck(PhaseAnswer.BREACH, _sentence(check), checks)
    for check in checks:
        if check.breached:
            return PhaseCheck(PhaseAnswer.SLOW_FLOW, _sentence(check), checks)
    return PhaseCheck(PhaseAnswer.PASSED, f"phase {phase.name} passed", checks)


def p99_us(canary: Sums) -> float | None:
    """Return the p99 latency in us (lower edge of its bucket), None when nothing was measured."""
    bucket = quantile_bucket(canary.measure("latency_us").histogram, 99, 100)
    return None if bucket is None else lower_edge(bucket)


def limits(phase: Phase, elapsed_us: int, canary: Sums, all_orders: int) -> tuple[Check, ...]:
    """Return the comparisons with the phase's criteria, in their order."""
    found: list[Check] = []
    criteria = phase.criteria
    if criteria.max_error_rate_pct is not None and canary.orders:
        rate = canary.errors * 100 / canary.orders
        limit = criteria.max_error_rate_pct
        found.append(Check("error_rate", rate, limit, "%", rate > limit))
    if criteria.max_p99_latency_ms is not None:
        bucket = quantile_bucket(canary.measure("latency_us").histogram, 99, 100)
        if bucket is not None:
            limit_us = round(criteria.max_p99_latency_ms * US_PER_MS)
            value = lower_edge(bucket) / US_PER_MS
            breached = bucket > bucket_of(limit_us)
            found.append(Check("p99_latency", value, criteria.max_p99_latency_ms, "ms", breached))
    if criteria.min_orders_per_s is not None and elapsed_us > 0:
        rate = all_orders * US_PER_S / elapsed_us
        limit = criteria.min_orders_per_s
        found.append(Check("throughput", rate, limit, "orders/s", rate < limit))
    return tuple(found)


def _sentence(check: Check) -> str:
    if check.name == "error_rate":
        return f"error rate {check.value:.2f} % exceeds its limit (limit {check.limit:.2f} %)"
    if check.name == "p99_latency":
        return f"p99 latency {check.value:.2f} ms exceeds its limit (limit {check.limit:.2f} ms)"
    return (
        f"throughput {check.value:.1f} orders/s is below its minimum "
        f"(limit {check.limit:g} orders/s)"
    )
