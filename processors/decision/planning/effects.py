"""Effects to plan for, and what the orders of a canary that has one are like.

Stable's orders are those of the reference. A shifted canary's are the same ones moved, a canary
with a heavier tail has more of them beyond stable's worst percent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from tradecanary.processors.decision.judge_settings import Sequential
from tradecanary.processors.decision.judges.sequential.bets import Doubles, Longs
from tradecanary.processors.decision.judges.sequential.reference import (
    Q99_ORDERS,
    MeasureReference,
    Reference,
    middle,
)
from tradecanary.processors.decision.judges.sequential.streams import MEASURED, Measured
from tradecanary.processors.decision.sums import Sums
from tradecanary.schemas.histogram import bucket_of

LADDER = (0.5, 1.0, 2.0, 5.0)
"""Effects planned for, as multiples of the margin d1."""
FILL, ERROR = "fill rate", "error rate"


@dataclass(frozen=True, slots=True)
class Values:
    """One measure's orders: their buckets, the share in each, and how many orders have one."""

    buckets: Longs
    shares: Doubles
    mean: float
    variance: float
    coverage: float


@dataclass(frozen=True, slots=True)
class Orders:
    """What the orders of one variant are like."""

    unfilled: float
    errors: float
    values: tuple[Values | None, ...]


@dataclass(frozen=True, slots=True)
class Effect:
    """How a canary is worse: `size` in `unit`, in the bad direction, `times` the margin.

    `index`: position in MEASURED, -1 for the rates of statuses. A tail effect has `size` as many
    orders beyond stable's worst percent. `money_bp`: what it costs an order, in bp of notional,
    where that follows from the measure.
    """

    name: str
    index: int
    tail: bool
    size: float
    unit: str
    times: float
    money_bp: float | None


def stable_orders(stable: Sums, reference: Reference) -> Orders:
    """Return what stable's orders are like, as the reference froze them."""
    found = tuple(
        None if known is None else _values(stable, known, stable.measure(known.measure).histogram)
        for known in reference.measures
    )
    return Orders(reference.unfilled_rate, reference.error_rate, found)


def effects_of(reference: Reference, settings: Sequential, orders: Orders) -> list[Effect]:
    """Return the ladder of effects of every measure that is judged."""
    margins = settings.margins
    found = [
        Effect(name, -1, False, margin * times, "pp", times, None)  # noqa: FBT003
        for name, margin in ((FILL, margins.fill_rate_pp), (ERROR, margins.error_rate_pp))
        for times in LADDER
    ]
    for index, (measured, known) in enumerate(zip(MEASURED, reference.measures, strict=True)):
        if known is None:
            continue
        if known.margin > 0:
            found += [_shift(index, measured, known, times) for times in LADDER]
        if known.n >= Q99_ORDERS:
            ratios = [(times, 1 + times * (margins.tail_ratio - 1)) for times in LADDER]
            found += [_tail(index, measured, times, ratio) for times, ratio in ratios]
    return [replace(effect, money_bp=_money_bp(effect, reference, orders)) for effect in found]


def canary_orders(effect: Effect, reference: Reference, stable: Orders) -> Orders:
    """Return what the orders of a canary with this effect are like."""
    if effect.index < 0:
        worse = effect.size / 100
        if effect.name == FILL:
            return replace(stable, unfilled=min(stable.unfilled + worse, 1.0))
        return replace(stable, errors=min(stable.errors + worse, 1.0))
    known, values = reference.measures[effect.index], stable.values[effect.index]
    assert known is not None, "an effect is of a judged measure"
    assert values is not None, "an effect is of a judged measure"
    measured = MEASURED[effect.index]
    moved = (
        _heavier(values, known, measured, effect.size)
        if effect.tail
        else _moved(values, known, measured, effect.times)
    )
    return replace(
        stable,
        values=tuple(moved if at == effect.index else v for at, v in enumerate(stable.values)),
    )


def _shift(index: int, measured: Measured, known: MeasureReference, times: float) -> Effect:
    size, unit = known.margin * times / measured.scale, measured.unit
    if known.relative:
        size, unit = known.margin * times * 100, "%"
    return Effect(measured.name, index, False, size, unit, times, None)  # noqa: FBT003


def _tail(index: int, measured: Measured, times: float, ratio: float) -> Effect:
    return Effect(f"{measured.name} tail", index, True, ratio, "x", times, None)  # noqa: FBT003


def _money_bp(effect: Effect, reference: Reference, orders: Orders) -> float | None:
    """Slippage and P&L are money: the change of their mean, spread over all orders."""
    measured = MEASURED[effect.index] if effect.index >= 0 else None
    if measured is None or not measured.unit.startswith("bp"):
        return None
    before, after = (
        each.values[effect.index] for each in (orders, canary_orders(effect, reference, orders))
    )
    assert before is not None, "an effect is of a judged measure"
    assert after is not None, "an effect is of a judged measure"
    worse = measured.bad_sign * (after.mean - before.mean) / measured.scale
    return worse * before.coverage


def _values(stable: Sums, known: MeasureReference, histogram: Mapping[int, int]) -> Values:
    buckets = np.array(sorted(histogram), np.int64)
    counts = np.array([histogram[bucket] for bucket in buckets.tolist()], float)
    coverage = known.n / max(stable.orders, known.n)
    return Values(buckets, counts / counts.sum(), known.mean, known.variance, coverage)


def _moved(values: Values, known: MeasureReference, measured: Measured, times: float) -> Values:
    shift = known.margin * times
    x = np.array([middle(bucket) for bucket in values.buckets.tolist()])
    worse = x * (1 + shift) if known.relative else x + measured.bad_sign * shift
    buckets = np.array([bucket_of(round(value)) for value in worse.tolist()], np.int64)
    if known.relative:
        mean, variance = values.mean * (1 + shift), values.variance * (1 + shift) ** 2
    else:
        mean, variance = values.mean + measured.bad_sign * shift, values.variance
    return replace(values, buckets=buckets, mean=mean, variance=variance)


def _heavier(values: Values, known: MeasureReference, measured: Measured, ratio: float) -> Values:
    """Orders beyond the reference's worst percent happen `ratio` times as often."""
    edge = known.edges[known.q99]
    beyond = values.buckets > edge if measured.bad_sign > 0 else values.buckets <= edge
    share = float(values.shares[beyond].sum())
    now = min(share * ratio, 1.0)
    lighter = (1 - now) / (1 - share)
    shares = np.where(beyond, values.shares * (now / share if share else 1.0), 0.0)
    shares = shares + np.where(beyond, 0.0, values.shares * lighter)
    x = np.array([middle(bucket) for bucket in values.buckets.tolist()])
    change = shares - values.shares
    mean = values.mean + float(change @ x)
    grown = float(change @ x**2) - (mean**2 - values.mean**2)
    return replace(values, shares=shares, mean=mean, variance=max(0.0, values.variance + grown))
