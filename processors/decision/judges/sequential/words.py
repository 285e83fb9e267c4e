"""The judge's sentences: measure, value, limit, and how strong the evidence is."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tradecanary.processors.decision.judge_settings import Sequential
from tradecanary.processors.decision.judges.sequential.evidence import MICRO, interval
from tradecanary.processors.decision.judges.sequential.means import differences
from tradecanary.processors.decision.judges.sequential.state import (
    SequentialState,
    means_of,
    tests_of,
)
from tradecanary.processors.decision.judges.sequential.streams import INDEX, STREAMS, Stream

_LARGEST_SAID = 1_000_000


def harm(
    carrier: Stream,
    state: SequentialState,
    total: int,
    settings: Sequential,
) -> str:
    """Return why the canary is taken back: the stream that carried most of the evidence."""
    said = _compared(carrier, state)
    orders = f"{state.canary_orders:,} canary orders"
    return (
        f"{said}; e-value {e_value(total)} after {orders} (limit {1 / settings.alpha:,.0f}), "
        f"carried by {carrier.name}"
    )


def standing(state: SequentialState, settings: Sequential, waiting: Sequence[str]) -> str:
    """Return where the evidence stands while nothing is harmful."""
    tests = len(tests_of(state))
    e = f"e-value {e_value(state.log_e_micro_nats)} (limit {1 / settings.alpha:,.0f})"
    orders = f"{state.canary_orders:,} of {settings.promotion_orders:,} canary orders"
    passed = f"{tests - len(waiting)} of {tests} promotion tests passed"
    return f"{e}; {orders}; {passed}" + (f", open: {', '.join(waiting)}" if waiting else "")


def e_value(micro_nats: int) -> str:
    """Return an e-value as people read it."""
    nats = micro_nats / MICRO
    if nats > math.log(_LARGEST_SAID):
        return f"above {_LARGEST_SAID:,}"
    e = math.exp(nats)
    return f"{e:,.0f}" if nats > math.log(10) else f"{e:.2g}"


def _compared(stream: Stream, state: SequentialState) -> str:
    """Return the comparison in natural units; ranks are told by their measure's mean."""
    ranked = stream.name.endswith("_rank")
    shown = STREAMS[INDEX[stream.name.replace("_rank", "_mean")]] if ranked else stream
    index = INDEX[shown.name]
    shift, term = differences(means_of(state), [index]).get(index), state.terms[index]
    name = stream.name.removesuffix("_rank").removesuffix("_mean").replace("_", " ")
    if shift is None:
        return f"{name} is worse than stable's"
    now, was = (_natural(shown, value / shift.omega) for value in (shift.canary, shift.stable))
    factor = shown.shown_sign / shown.scale
    low, high = sorted(end * factor for end in interval(term, shift))
    base = abs(shift.stable / shift.omega) if term.relative else 1.0
    limit = term.tolerance * base / shown.scale
    unit = "%" if shown.unit == "pp" else shown.unit
    tail = " of orders beyond stable's worst percent" if stream.name.endswith("_tail") else ""
    side = "above" if now > was else "below"
    return (
        f"{name} {now:.2f} {unit}{tail} is {abs(now - was):.2f} {shown.unit} {side} stable's "
        f"{was:.2f} {unit} (95 % interval {low:+.2f} to {high:+.2f}, tolerance {limit:.2g})"
    )


def _natural(stream: Stream, value: float) -> float:
    """Return a mean as it is shown: unfilled orders become the fill rate."""
    return (1 - value if stream.shown_sign < 0 else value) / stream.scale
