"""Effects to plan for, and what the orders of a canary that has one are like.

Stable's orders are those of the reference. A shifted canary's are the same ones moved, a canary
with a heavier tail has more of them beyond stable's worst percent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from tradecanary.processors.decision.judge_settings import Sequential
from tradecanary.processors.decision.judges.sequential.bets import Doubles, Longs
from tradecanary.processors.decision.judges.sequential.reference import (
    Q99_ORDERS,
    MeasureReference,
    Reference,
    has_far_tail,
    middle,
)
from tradecanary.processors.decision.judges.sequential.streams import MEASURED, Measured
from tradecanary.processors.decision.sums import Sums
from tradecanary.schemas.histogram import bucket_of

LADDER = (0.5, 1.0, 2.0, 5.0)
"""Effects planned for, as multiples of the margin d1."""
FILL, ERROR = "fill rate", "error rate"
FAR_SHARE = 0.02
"""So many orders far out about double a p99: the harm that ranks and means see last."""


class Kind(StrEnum):
    """How orders are worse: all a little, more in the worst percent, or a few very far out."""

    SHIFT = "shift"
    TAIL = "tail"
    FAR = "far"


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

    `index`: position in MEASURED, -1 for the rates of statuses. A TAIL has `size` times as many
    orders beyond stable's worst percent; FAR has `size` % of all orders in stable's worst
    thousandth. `money_bp`: what it costs an order, in bp of notional, where that follows.
    """

    name: str
    index: int
    kind: Kind
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
        Effect(name, -1, Kind.SHIFT, margin * times, "pp", times, None)
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
        if has_far_tail(known):
            found.append(_far(index, measured, FAR_SHARE * 100 / (margins.tail_ratio - 1)))
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
    moved = _worse(effect, known, values, measured)
    return replace(
        stable,
        values=tuple(moved if at == effect.index else v for at, v in enumerate(stable.values)),
    )


def _worse(effect: Effect, known: MeasureReference, values: Values, measured: Measured) -> Values:
    if effect.kind is Kind.SHIFT:
        return _moved(values, known, measured, effect.times)
    edge = known.q99 if effect.kind is Kind.TAIL else known.q999
    worst = _beyond(values, known.edges[edge], measured)
    share = float(values.shares[worst].sum())
    if effect.kind is Kind.TAIL:
        return _heavier(values, worst, min(share * effect.size, 1.0))
    return _heavier(values, worst, share + (1 - share) * effect.size / 100)


def _shift(index: int, measured: Measured, known: MeasureReference, times: float) -> Effect:
    size, unit = known.margin * times / measured.scale, measured.unit
    if known.relative:
        size, unit = known.margin * times * 100, "%"
    return Effect(measured.name, index, Kind.SHIFT, size, unit, times, None)


def _tail(index: int, measured: Measured, times: float, ratio: float) -> Effect:
    return Effect(f"{measured.name} tail", index, Kind.TAIL, ratio, "x", times, None)


def _far(index: int, measured: Measured, times: float) -> Effect:
    return Effect(f"{measured.name} far", index, Kind.FAR, FAR_SHARE * 100, "%", times, None)


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


def _beyond(values: Values, edge: int, measured: Measured) -> NDArray[np.bool_]:
    """Return which buckets lie beyond an edge of the reference, on the bad side."""
    found: NDArray[np.bool_] = (
        values.buckets > edge if measured.bad_sign > 0 else values.buckets <= edge
    )
    return found


def _heavier(values: Values, worst: NDArray[np.bool_], now: float) -> Values:
    """Return the values with a share of `now` in the `worst` buckets, each side in proportion."""
    share = float(values.shares[worst].sum())
    if share in {0.0, 1.0}:
        return values
    shares = values.shares * np.where(worst, now / share, (1 - now) / (1 - share))
    x = np.array([middle(bucket) for bucket in values.buckets.tolist()])
    change = shares - values.shares
    mean = values.mean + float(change @ x)
    grown = float(change @ x**2) - (mean**2 - values.mean**2)
    return replace(values, shares=shares, mean=mean, variance=max(0.0, values.variance + grown))
