"""What a rollout cannot catch, in sentences: too rare, too small, unmeasured, too few accounts."""

from __future__ import annotations

from collections.abc import Iterator

from tradecanary.processors.decision.judge_settings import Sequential
from tradecanary.processors.decision.judges.accounts.looks import enough_accounts
from tradecanary.processors.decision.judges.sequential.reference import Reference, shortcomings
from tradecanary.processors.decision.judges.sequential.streams import MEASURED
from tradecanary.processors.decision.policy import Policy

_RARE = 3.0
"""A harm carried by fewer than 3 / n orders is missed by n orders with 5 % (statistics.md 8)."""


def blind_spots(
    policy: Policy, settings: Sequential, reference: Reference, accounts: int | None
) -> Iterator[str]:
    """Yield what cannot be caught under this policy with this reference."""
    rare = _RARE / settings.promotion_orders
    yield (
        f"harm carried by less than {rare:.2%} of the orders: fewer than 3 of the "
        f"{settings.promotion_orders:,} canary orders that a promotion needs. Only a loss_budget, "
        "drawdown or excess_loss guard carries that risk"
    )
    harmless = _tolerances(settings, reference)
    yield f"effects within the tolerance, which count as harmless: {harmless}"
    lacking = shortcomings(reference)
    if lacking:
        yield f"{lacking} (the reference of {reference.orders:,} orders has too few)"
    for measured, known in zip(MEASURED, reference.measures, strict=True):
        if known is not None and known.margin <= 0:
            yield f"{measured.name}: stable's values do not differ, so no margin follows from them"
    if accounts is not None:
        yield (
            "harm as soon as the table says: it counts one coin an order; with one coin an "
            "account every figure is higher"
        )
        for phase in policy.ramp[:-1]:
            problem = enough_accounts(accounts, phase.weight_bp, settings.alpha)
            if problem:
                yield f"anything in phase {phase.name}: {problem}"
    yield "losses of open positions, and what the canary does to stable's orders (interference)"


def _tolerances(settings: Sequential, reference: Reference) -> str:
    share, margins = settings.tolerance, settings.margins
    found = [
        f"fill rate {share * margins.fill_rate_pp:.2g} pp",
        f"error rate {share * margins.error_rate_pp:.2g} pp",
    ]
    for measured, known in zip(MEASURED, reference.measures, strict=True):
        if known is not None:
            size = share * known.margin
            shown = f"{size:.2g} of the mean" if known.relative else ""
            found.append(f"{measured.name} {shown or f'{size / measured.scale:.2g} bp'}")
    return ", ".join([*found, f"tails x{1 + share * (margins.tail_ratio - 1):.2g}"])
