"""Planted faults, as data: what a bad canary does to its executions, and how a stream goes bad.

A fault changes one thing, so that a rollback can be checked to name the right measure. The
defaults are the sizes that the sequential judge must find (statistics.md 6); plain thresholds,
whose limits lie at some of them, need larger ones (`slow:3`, `slipping:2`, `unfilled:10`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from tradecanary.producers.simulation.market import Rng
from tradecanary.producers.simulation.orders import Execution, Fill
from tradecanary.schemas.execution import OrderStatus, Side

TAIL_SHARE = 0.02
"""Share of the orders that TAIL_HEAVY delays."""
USUAL_FILL_PERCENT = 95.0
"""The fill rate from which UNFILLED takes its points."""


class FaultName(StrEnum):
    """What is wrong with the canary."""

    SLOW = "slow"
    REJECTING = "rejecting"
    SLIPPING = "slipping"
    LOSING = "losing"
    TAIL_HEAVY = "tail_heavy"
    UNFILLED = "unfilled"
    SILENT = "silent"
    HANGING = "hanging"
    CRASHING = "crashing"


@dataclass(frozen=True, slots=True)
class Fault:
    """A planted fault; `magnitude_milli` in thousandths of the unit that FAULTS names."""

    name: FaultName
    magnitude_milli: int

    @property
    def text(self) -> str:
        """The fault as `parse_fault` reads it, as in `slipping:0.5`."""
        return f"{self.name}:{self.magnitude_milli / 1000:g}"

    def crashes_after(self) -> int | None:
        """Return after how many orders the process dies with its open orders; None: never."""
        return self.magnitude_milli // 1000 if self.name is FaultName.CRASHING else None


def _slow(execution: Execution, times: float, _: Rng) -> Execution:
    return _delayed(execution, round((execution.ack_latency_us or 0) * (times - 1)))


def _tail_heavy(execution: Execution, delay_ms: float, rng: Rng) -> Execution:
    return _delayed(execution, round(delay_ms * 1000)) if rng.random() < TAIL_SHARE else execution


def _losing(execution: Execution, loss_bp: float, _: Rng) -> Execution:
    loss = execution.filled_qty * abs(execution.arrival_mid or 0.0) * loss_bp / 10_000
    return replace(execution, pnl=execution.pnl - loss)


def _slipping(execution: Execution, slippage_bp: float, _: Rng) -> Execution:
    """Return it with every fill `slippage_bp` of the arrival mid worse; the P&L pays for it."""
    if execution.avg_price is None or execution.arrival_mid is None:
        return execution
    sign = 1 if execution.order.side is Side.BUY else -1
    worse = abs(execution.arrival_mid) * slippage_bp / 10_000
    return replace(
        execution,
        avg_price=execution.avg_price + sign * worse,
        fills=tuple(
            Fill(fill.time_us, fill.price + sign * worse, fill.qty) for fill in execution.fills
        ),
        pnl=execution.pnl - worse * execution.filled_qty,
    )


def _unfilled(execution: Execution, points: float, rng: Rng) -> Execution:
    if rng.random() >= points / USUAL_FILL_PERCENT or not execution.fills:
        return execution
    return _emptied(execution, OrderStatus.CANCELED, "planted: not filled")


def _rejecting(execution: Execution, percent: float, rng: Rng) -> Execution:
    if rng.random() >= percent / 100:
        return execution
    rejected = _emptied(execution, OrderStatus.REJECTED, "planted: rejected")
    return replace(rejected, ended_after_us=execution.ack_latency_us)


def _silent(execution: Execution, percent: float, rng: Rng) -> Execution | None:
    return None if rng.random() < percent / 100 else execution


def _hanging(execution: Execution, percent: float, rng: Rng) -> Execution:
    if rng.random() >= percent / 100:
        return execution
    hung = _emptied(execution, OrderStatus.TIMED_OUT, "planted: never answered")
    return replace(hung, ack_latency_us=None, ended_after_us=None)


def _crashing(execution: Execution, _: float, __: Rng) -> Execution:
    """Change nothing: it is the process that dies (`Fault.crashes_after`)."""
    return execution


def _delayed(execution: Execution, delay_us: int) -> Execution:
    """Return it with its answers `delay_us` later; the market it met is the same."""
    ack_us, ended_us = execution.ack_latency_us, execution.ended_after_us
    return replace(
        execution,
        ack_latency_us=None if ack_us is None else ack_us + delay_us,
        ended_after_us=None if ended_us is None else ended_us + delay_us,
    )


def _emptied(execution: Execution, status: OrderStatus, reason: str) -> Execution:
    return replace(
        execution,
        status=status,
        fills=(),
        filled_qty=0.0,
        avg_price=None,
        fees=0.0,
        pnl=0.0,
        markout_price=None,
        markout_at_us=0,
        reason=reason,
    )


@dataclass(frozen=True, slots=True)
class FaultKind:
    """A row of FAULTS: what it does, the size planted when none is named, and its range."""

    effect: Callable[[Execution, float, Rng], Execution | None]
    unit: str
    default_milli: int
    least_milli: int = 0
    most_milli: int = 1_000_000_000


_ALL_MILLI = 100_000

FAULTS: Mapping[FaultName, FaultKind] = {
    FaultName.SLOW: FaultKind(_slow, "times the latency", 1_200, 1_000),
    FaultName.REJECTING: FaultKind(_rejecting, "% of orders rejected", 5_000, 0, _ALL_MILLI),
    FaultName.SLIPPING: FaultKind(_slipping, "bp worse average price", 500),
    FaultName.LOSING: FaultKind(_losing, "bp of the filled notional lost", 1_000),
    FaultName.TAIL_HEAVY: FaultKind(_tail_heavy, "ms more latency for 2 % of orders", 30_000),
    FaultName.UNFILLED: FaultKind(
        _unfilled, "points of a fill rate of 95 % lost", 5_000, 0, 95_000
    ),
    FaultName.SILENT: FaultKind(_silent, "% of orders not reported", _ALL_MILLI, 0, _ALL_MILLI),
    FaultName.HANGING: FaultKind(_hanging, "% of orders not answered", _ALL_MILLI, 0, _ALL_MILLI),
    FaultName.CRASHING: FaultKind(_crashing, "orders until the process dies", 200_000, 1_000),
}
"""All faults by name."""


def parse_fault(text: str) -> Fault:
    """Return the fault of `NAME` or `NAME:MAGNITUDE`, as in `slipping:0.5`.

    Raises ValueError, with the names or the range allowed, for anything else.
    """
    name, colon, number = text.partition(":")
    if name not in set(FaultName):
        message = f"fault '{text}': name was '{name}'; allowed are {', '.join(FaultName)}"
        raise ValueError(message)
    kind = FAULTS[FaultName(name)]
    try:
        magnitude_milli = round(float(number) * 1000) if colon else kind.default_milli
    except (ValueError, OverflowError):
        magnitude_milli = -1
    if not kind.least_milli <= magnitude_milli <= kind.most_milli:
        message = (
            f"fault '{text}': magnitude was '{number}'; allowed is a number from "
            f"{kind.least_milli / 1000:g} to {kind.most_milli / 1000:g} ({kind.unit})"
        )
        raise ValueError(message)
    return Fault(FaultName(name), magnitude_milli)


def apply(fault: Fault, execution: Execution, rng: Rng) -> Execution | None:
    """Return what the faulty canary made of `execution`; None when it reports nothing at all.

    A hanging order has neither `ack_latency_us` nor `ended_after_us`. CRASHING changes no
    execution: ask `crashes_after` and drop the service. Draws at most one number.
    """
    return FAULTS[fault.name].effect(execution, fault.magnitude_milli / 1000, rng)
