"""ExecutionEvent: what happened to one routed order, and the values it may hold.

Every routed order gives exactly one OUTCOME, scored at a fixed age, and at most one MARKOUT that
brings the P&L that was not known yet.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from tradecanary.schemas.units import FULL_WEIGHT_BP


class Kind(StrEnum):
    """What an event reports: the order's end (or horizon), or its P&L later."""

    OUTCOME = "OUTCOME"
    MARKOUT = "MARKOUT"


class Mode(StrEnum):
    """Where the order went. Only LIVE moves live weights."""

    LIVE = "LIVE"
    SHADOW = "SHADOW"
    REPLAY = "REPLAY"


class Side(StrEnum):
    """The side of the order (FIX 54)."""

    BUY = "BUY"
    SELL = "SELL"


class OrderStatus(StrEnum):
    """How the order stood at its end or at its horizon; the order of the names is the wire's."""

    FILLED = "FILLED"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    TIMED_OUT = "TIMED_OUT"
    WORKING = "WORKING"


ERROR_STATUSES = frozenset({OrderStatus.REJECTED, OrderStatus.TIMED_OUT})
FOREIGN_SEQ = -1
"""`source_seq` of a producer that does not number its events: its losses cannot be seen."""
SEQ_LIMIT = 1 << 44
"""No publisher gets there (a million events a second for 200 days), and counts stay in 64 bits."""


@dataclass(frozen=True, slots=True)
class ExecutionEvent:
    """One OUTCOME or MARKOUT of one routed order; fields as in `avro/execution_event.avsc`."""

    source: str
    source_seq: int
    kind: Kind
    mode: Mode
    strategy: str
    version: str
    variant: str
    routing_revision: int
    weight_bp: int
    unit: str
    account: str
    region: str
    venue: str
    symbol: str
    order_id: str
    side: Side
    status: OrderStatus
    order_qty: float
    filled_qty: float
    arrival_mid: float | None
    avg_price: float | None
    notional: float
    fees: float
    pnl: float | None
    submitted_at: int
    event_time: int
    ack_latency_us: int | None


VALUE_LIMIT = 1 << 55
"""Scaled values lie below it in size, so that their squares can be summed exactly by limbs."""


def range_problem(event: ExecutionEvent) -> str | None:  # noqa: C901, PLR0911 - one rule a line
    """Return why `event` breaks the contract although it decodes, or None.

    The limits on the scaled measures are checked by `measures.scaled_values`.
    """
    if not (event.source and event.strategy and event.variant):
        return "source, strategy and variant must not be empty"
    if not FOREIGN_SEQ <= event.source_seq < SEQ_LIMIT or event.routing_revision < 0:
        return "source_seq must be in -1..2^44-1 and routing_revision >= 0"
    if not 0 <= event.weight_bp <= FULL_WEIGHT_BP:
        return "weight_bp must be in 0..10000"
    if not (math.isfinite(event.order_qty) and event.order_qty > 0):
        return "order_qty must be finite and > 0"
    if not (math.isfinite(event.filled_qty) and event.filled_qty >= 0):
        return "filled_qty must be finite and >= 0"
    if not (math.isfinite(event.notional) and event.notional >= 0 and math.isfinite(event.fees)):
        return "notional must be finite and >= 0, fees finite"
    for value in (event.arrival_mid, event.avg_price, event.pnl):
        if value is not None and not math.isfinite(value):
            return "arrival_mid, avg_price and pnl must be finite or null"
    if event.ack_latency_us is not None and event.ack_latency_us < 0:
        return "ack_latency_us must be >= 0 or null"
    if not 0 <= event.submitted_at <= event.event_time < VALUE_LIMIT:
        return "0 <= submitted_at <= event_time must hold"
    return None
