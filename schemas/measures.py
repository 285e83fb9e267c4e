"""The table of measures: what is summed of an execution event, in exact integers.

A later stream adds a row here and touches nothing else. Values are rounded half to even once per
event, so merged sums are equal to the bit whatever the batching, restart or number of processes.
The order of the float operations below is part of the contract: the compiled kernel repeats it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tradecanary.schemas.execution import VALUE_LIMIT, ExecutionEvent, Kind, Side


@dataclass(frozen=True, slots=True)
class Measure:
    """One row: `value` gives the unscaled float (or int) of an event, or None where undefined."""

    name: str
    unit: str
    value: Callable[[ExecutionEvent], float | None]


def _latency_us(event: ExecutionEvent) -> float | None:
    return event.ack_latency_us if event.kind is Kind.OUTCOME else None


def _slippage_milli_bp(event: ExecutionEvent) -> float | None:
    """Slippage = side * (avg_price - arrival_mid) / |arrival_mid|, positive = worse."""
    mid, avg = event.arrival_mid, event.avg_price
    if event.kind is not Kind.OUTCOME or mid is None or avg is None:
        return None
    if mid == 0 or event.filled_qty <= 0:
        return None
    value = (avg - mid) / abs(mid) * 1e7
    return value if event.side is Side.BUY else -value


def _pnl_milli_bp(event: ExecutionEvent) -> float | None:
    if event.pnl is None or event.notional <= 0:
        return None
    return event.pnl / event.notional * 1e7


def _pnl_micros(event: ExecutionEvent) -> float | None:
    return None if event.pnl is None else event.pnl * 1e6


def _notional_micros(event: ExecutionEvent) -> float | None:
    return event.notional * 1e6 if event.kind is Kind.OUTCOME else None


MEASURES: tuple[Measure, ...] = (
    Measure("latency_us", "us", _latency_us),
    Measure("slippage_milli_bp", "milli-bp", _slippage_milli_bp),
    Measure("pnl_milli_bp", "milli-bp of notional", _pnl_milli_bp),
    Measure("pnl_micros", "1e-6 of the reporting currency", _pnl_micros),
    Measure("notional_micros", "1e-6 of the reporting currency", _notional_micros),
)
MEASURE_NAMES: tuple[str, ...] = tuple(measure.name for measure in MEASURES)


def scaled_values(event: ExecutionEvent) -> tuple[int | None, ...] | None:
    """Return the exact integers of `event`, in the order of MEASURES.

    None when a value lies outside +-2^55: then the event is a bad record.
    """
    values: list[int | None] = []
    for measure in MEASURES:
        value = measure.value(event)
        if value is None:
            values.append(None)
            continue
        if not -VALUE_LIMIT < value < VALUE_LIMIT:
            return None
        values.append(round(value))
    return tuple(values)
