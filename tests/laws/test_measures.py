"""Measures: signs and units of the trading rules, rounding once, limits."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.executions import EXTREMES, event
from tradecanary.schemas.execution import VALUE_LIMIT, Kind, Side, range_problem
from tradecanary.schemas.measures import MEASURE_NAMES, scaled_values


def _value(name: str, **changes: Any) -> int | None:  # noqa: ANN401 - any field
    values = scaled_values(event(**changes))
    assert values is not None
    return values[MEASURE_NAMES.index(name)]


def test_slippage_is_positive_when_worse() -> None:
    """A buyer pays up, a seller gets less: +1 bp = +1000 milli-bp; improvement stays negative."""
    dear, cheap = (
        {"arrival_mid": 100.0, "avg_price": 100.01},
        {"arrival_mid": 100.0, "avg_price": 99.99},
    )
    assert _value("slippage_milli_bp", side=Side.BUY, **dear) == 1_000
    assert _value("slippage_milli_bp", side=Side.SELL, **dear) == -1_000
    assert _value("slippage_milli_bp", side=Side.SELL, **cheap) == 1_000
    assert _value("slippage_milli_bp", side=Side.BUY, **cheap) == -1_000


def test_a_negative_price_keeps_the_sign_of_slippage() -> None:
    """Paying -36.9 where the mid was -37 is worse for the buyer: the mid's size divides."""
    assert _value("slippage_milli_bp", arrival_mid=-37.0, avg_price=-36.963) == 10_000


@pytest.mark.parametrize(
    "changes",
    [
        {"arrival_mid": None},
        {"arrival_mid": 0.0},
        {"arrival_mid": -0.0},
        {"avg_price": None},
        {"filled_qty": 0.0},
    ],
)
def test_slippage_needs_a_fill_and_a_mid(changes: dict[str, Any]) -> None:
    """Without a mid, a price or a fill there is no slippage, and that is no error."""
    assert _value("slippage_milli_bp", **changes) is None


def test_a_markout_brings_its_profit_only() -> None:
    """Latency, slippage and notional are the outcome's; P&L is added by whichever knows it."""
    values = scaled_values(event(kind=Kind.MARKOUT, pnl=2.5, notional=1_000.0))
    assert values is not None
    assert dict(zip(MEASURE_NAMES, values, strict=True)) == {
        "latency_us": None,
        "slippage_milli_bp": None,
        "pnl_milli_bp": 25_000,
        "pnl_micros": 2_500_000,
        "notional_micros": None,
    }


def test_profit_in_basis_points_needs_a_notional() -> None:
    """Without notional the P&L counts in money only; unknown P&L counts nowhere."""
    assert (_value("pnl_milli_bp", notional=0.0), _value("pnl_micros", notional=0.0)) == (
        None,
        1_250_000,
    )
    assert (_value("pnl_milli_bp", pnl=None), _value("pnl_micros", pnl=None)) == (None, None)


@given(st.floats(-3e10, 3e10))
def test_rounding_is_half_to_even_once(pnl: float) -> None:
    """The scaled double is rounded to the nearest integer, ties to even."""
    scaled = Fraction(pnl * 1e6)
    value = _value("pnl_micros", pnl=pnl, notional=0.0)
    assert value == round(scaled)


@given(st.sampled_from(EXTREMES) | st.floats(), st.sampled_from(EXTREMES) | st.floats())
def test_values_are_within_the_limit_or_the_event_is_bad(mid: float, avg: float) -> None:
    """Whatever the numbers: refused by range, refused by scale, or integers below 2^55."""
    made = event(arrival_mid=mid, avg_price=avg, pnl=mid)
    if range_problem(made) is not None:
        return
    values = scaled_values(made)
    assert values is None or all(v is None or abs(v) <= VALUE_LIMIT for v in values)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"source": ""}, "must not be empty"),
        ({"variant": ""}, "must not be empty"),
        ({"source_seq": -2}, "source_seq"),
        ({"source_seq": 1 << 44}, "source_seq"),
        ({"routing_revision": -1}, "routing_revision"),
        ({"weight_bp": 10_001}, "weight_bp"),
        ({"order_qty": 0.0}, "order_qty"),
        ({"filled_qty": -1.0}, "filled_qty"),
        ({"notional": float("inf")}, "notional"),
        ({"fees": float("nan")}, "fees"),
        ({"pnl": float("nan")}, "pnl must be finite"),
        ({"ack_latency_us": -1}, "ack_latency_us"),
        ({"submitted_at": -1}, "submitted_at"),
        ({"event_time": 5}, "submitted_at <= event_time"),
    ],
)
def test_what_is_out_of_range_is_named(changes: dict[str, Any], problem: str) -> None:
    """range_problem names the field, and finds nothing wrong with a good event."""
    assert range_problem(event()) is None
    assert problem in (range_problem(replace(event(), **changes)) or "")
