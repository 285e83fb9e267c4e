"""Guards: hard limits that need no statistics; every event counts at once. A breach rolls back.

Each guard is a row of GUARDS: its name, and a function that returns its comparison and sentence,
or None when neither policy nor spec sets a limit. Money is that of reported orders: an open
position is not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tradecanary.processors.decision.model import Rollout, StrategyState
from tradecanary.processors.decision.policy import Guards
from tradecanary.processors.decision.routers import vanished
from tradecanary.schemas.decisions import Check
from tradecanary.schemas.units import MICROS, US_PER_S


@dataclass(frozen=True, slots=True)
class GuardInput:
    """What a guard may look at."""

    strategy: StrategyState
    rollout: Rollout
    now_us: int

    @property
    def limits(self) -> Guards:
        """The limits of policy and spec, of each the stricter."""
        return self.rollout.spec.guards


@dataclass(frozen=True, slots=True)
class Compared:
    """What a guard found: value and limit in `unit`, and the sentence for a breach."""

    value: float
    limit: float
    unit: str
    breached: bool
    sentence: str


def canary_pnl_micros(rollout: Rollout) -> int:
    """Return the canary's cumulative P&L since the start of the rollout, misrouted orders too."""
    return rollout.canary_pnl_micros


def canary_notional_micros(rollout: Rollout) -> int:
    """Return the notional of the canary's orders since the start of the rollout, misrouted too."""
    given = sum(facts.canary.notional_micros for facts in rollout.revisions.values())
    return given + rollout.astray.notional_micros


def excess_loss_micros(rollout: Rollout) -> int:
    """Return by how much the canary earned less than stable would have on as many orders.

    Summed revision by revision, so that an allocation ramp during a drift does not show as a loss:
    sum over revisions of n_canary * (mean_stable - mean_canary).
    """
    excess = 0
    for facts in rollout.revisions.values():
        stable, canary = facts.stable, facts.canary
        if stable.orders and canary.orders:
            excess += stable.pnl_micros * canary.orders // stable.orders - canary.pnl_micros
    return excess


def _loss_budget(seen: GuardInput) -> Compared | None:
    limit = seen.limits.loss_budget
    if limit is None:
        return None
    loss = -canary_pnl_micros(seen.rollout) / MICROS
    sentence = f"canary loss {loss:,.2f} has used the loss budget (limit {limit:,.2f})"
    return Compared(loss, limit, "money", loss >= limit, sentence)


def _drawdown(seen: GuardInput) -> Compared | None:
    limit = seen.limits.drawdown
    if limit is None:
        return None
    fall = seen.rollout.deepest_micros / MICROS
    sentence = f"canary drawdown {fall:,.2f} is at its limit (limit {limit:,.2f})"
    return Compared(fall, limit, "money", fall >= limit, sentence)


def _excess_loss(seen: GuardInput) -> Compared | None:
    limit = seen.limits.excess_loss
    if limit is None:
        return None
    excess = excess_loss_micros(seen.rollout) / MICROS
    sentence = f"canary earned {excess:,.2f} less than stable would have (limit {limit:,.2f})"
    return Compared(excess, limit, "money", excess >= limit, sentence)


def _error_burst(seen: GuardInput) -> Compared | None:
    burst, limit = seen.rollout.burst, seen.limits.error_burst
    horizon_us = seen.rollout.order_horizon_us
    age_us = seen.now_us - max(burst.since_us, seen.rollout.canary_since_us)
    several = burst.accounts.bit_count() >= 2  # noqa: PLR2004 - one bad account is not a burst
    breached = burst.errors >= limit and several and age_us >= horizon_us
    sentence = (
        f"error burst: {burst.errors} canary orders in error and no other outcome for "
        f"{age_us / US_PER_S:.1f} s (limit {limit} orders, {horizon_us / US_PER_S:g} s)"
    )
    return Compared(burst.errors, limit, "orders", breached, sentence)


def _max_orders(seen: GuardInput) -> Compared | None:
    limit = seen.limits.max_orders
    if limit is None:
        return None
    orders = seen.rollout.canary.orders + seen.rollout.astray_orders
    sentence = f"canary was given {orders} orders (limit {limit})"
    return Compared(orders, limit, "orders", orders > limit, sentence)


def _max_notional(seen: GuardInput) -> Compared | None:
    limit = seen.limits.max_notional
    if limit is None:
        return None
    notional = canary_notional_micros(seen.rollout) / MICROS
    sentence = f"canary was given {notional:,.2f} of notional (limit {limit:,.2f})"
    return Compared(notional, limit, "money", notional > limit, sentence)


def _vanished(seen: GuardInput) -> Compared | None:
    found = vanished(seen.strategy, seen.rollout, seen.now_us)
    limit = max(seen.limits.vanished_orders, found.routed * seen.limits.vanished_pct / 100)
    sentence = (
        f"vanished: {found.orders} of {found.routed} canary orders were routed and never "
        f"reported (limit {limit:g})"
    )
    return Compared(found.orders, limit, "orders", found.orders > limit, sentence)


GUARDS: Mapping[str, Callable[[GuardInput], Compared | None]] = {
    "loss_budget": _loss_budget,
    "drawdown": _drawdown,
    "excess_loss": _excess_loss,
    "error_burst": _error_burst,
    "orders_exposed": _max_orders,
    "notional_exposed": _max_notional,
    "vanished": _vanished,
}


def check_guards(seen: GuardInput) -> tuple[tuple[Check, str], ...]:
    """Return the comparison and sentence of every guard that has a limit, in the table's order."""
    return tuple(
        (Check(name, found.value, found.limit, found.unit, found.breached), found.sentence)
        for name, guard in GUARDS.items()
        if (found := guard(seen)) is not None
    )
