"""Guards: hard limits that need no statistics; every event counts at once. A breach rolls back.

Each guard is a row of GUARDS: a function that returns its comparison and sentence, or None when
neither policy nor spec sets a limit. Money is that of reported orders: an open position is not
seen.
"""

from __future__ import annotations

from collections.abc import Callable
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


Found = tuple[Check, str] | None


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


def _loss_budget(seen: GuardInput) -> Found:
    limit = seen.limits.loss_budget
    if limit is None:
        return None
    loss = -canary_pnl_micros(seen.rollout) / MICROS
    check = Check("loss_budget", loss, limit, "money", loss >= limit)
    return check, f"canary loss {loss:,.2f} has used the loss budget (limit {limit:,.2f})"


def _drawdown(seen: GuardInput) -> Found:
    limit = seen.limits.drawdown
    if limit is None:
        return None
    fall = seen.rollout.deepest_micros / MICROS
    check = Check("drawdown", fall, limit, "money", fall >= limit)
    return check, f"canary drawdown {fall:,.2f} is at its limit (limit {limit:,.2f})"


def _excess_loss(seen: GuardInput) -> Found:
    limit = seen.limits.excess_loss
    if limit is None:
        return None
    excess = excess_loss_micros(seen.rollout) / MICROS
    check = Check("excess_loss", excess, limit, "money", excess >= limit)
    return check, f"canary earned {excess:,.2f} less than stable would have (limit {limit:,.2f})"


def _error_burst(seen: GuardInput) -> Found:
    burst, limit = seen.rollout.burst, seen.limits.error_burst
    horizon_us = seen.rollout.order_horizon_us
    age_us = seen.now_us - max(burst.since_us, seen.rollout.canary_since_us)
    several = burst.accounts.bit_count() >= 2  # noqa: PLR2004 - one bad account is not a burst
    breached = burst.errors >= limit and several and age_us >= horizon_us
    check = Check("error_burst", burst.errors, limit, "orders", breached)
    return check, (
        f"error burst: {burst.errors} canary orders in error and no other outcome for "
        f"{age_us / US_PER_S:.1f} s (limit {limit} orders, {horizon_us / US_PER_S:g} s)"
    )


def _max_orders(seen: GuardInput) -> Found:
    limit = seen.limits.max_orders
    if limit is None:
        return None
    orders = seen.rollout.canary.orders + seen.rollout.astray_orders
    check = Check("orders_exposed", orders, limit, "orders", orders > limit)
    return check, f"canary was given {orders} orders (limit {limit})"


def _max_notional(seen: GuardInput) -> Found:
    limit = seen.limits.max_notional
    if limit is None:
        return None
    notional = canary_notional_micros(seen.rollout) / MICROS
    check = Check("notional_exposed", notional, limit, "money", notional > limit)
    return check, f"canary was given {notional:,.2f} of notional (limit {limit:,.2f})"


def _vanished(seen: GuardInput) -> Found:
    found = vanished(seen.strategy, seen.rollout, seen.now_us)
    limit = max(seen.limits.vanished_orders, found.routed * seen.limits.vanished_pct / 100)
    check = Check("vanished", found.orders, limit, "orders", found.orders > limit)
    return check, (
        f"vanished: {found.orders} of {found.routed} canary orders were routed and never "
        f"reported (limit {limit:g})"
    )


GUARDS: tuple[Callable[[GuardInput], Found], ...] = (
    _loss_budget, _drawdown, _excess_loss, _error_burst, _max_orders, _max_notional, _vanished,
)  # fmt: skip


def check_guards(seen: GuardInput) -> tuple[tuple[Check, str], ...]:
    """Return the comparison and sentence of every guard that has a limit, in the table's order."""
    return tuple(found for guard in GUARDS if (found := guard(seen)) is not None)
