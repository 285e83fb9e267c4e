"""What others do, re-implemented with their published defaults, each generously.

All judge four measures and roll back at the first that is bad. The pooled sequence and the polled
test look at every row, the fixed-horizon test once a measure.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np

from benchmarks.decisions.columns import WORSE, Column, Columns, first_rows
from benchmarks.decisions.flow import Flow
from benchmarks.decisions.judging import Outcome
from benchmarks.decisions.orders import Bools, Floats
from tradecanary.processors.decision.sums import MeasureTotal, Sums
from tradecanary.schemas.histogram import lower_edge, quantile_bucket

Peer = Callable[[Columns, Sums], int | None]
"""Returns the row of the first alarm in these columns, given stable's reference; None: none."""

_NORMAL = NormalDist()


def peer_orders_until(peer: Peer, flow: Flow) -> Outcome:
    """Return when the peer rolls back, on as much of the flow as it takes to know; no promotion."""
    blocks, whole = 2, False
    while not whole:
        columns, whole = first_rows(flow, blocks)
        row = peer(columns, flow.reference)
        if row is not None:
            return Outcome(int(columns.canary_orders[: row + 1].sum()), None)
        blocks *= 2
    return Outcome(None, None)


# --- polled Mann-Whitney, after Kayenta ----------------------------------------------------------

CONFIDENCE = 0.98
TOLERANCE = 0.25
FIRST_POINTS = 50
_POLL_POINTS = 10
_MOST_POINTS = 200
_GROWTH = 1.1


def mann_whitney_shift(canary: Floats, baseline: Floats, confidence: float) -> tuple[float, float]:
    """Return the lower limit of the shift of canary against baseline, and its median.

    The asymptotic two-sided interval of R's wilcox.test, continuity corrected, by order statistics
    of the pairwise differences; the median is the Hodges-Lehmann estimate.
    """
    m, n = canary.size, baseline.size
    z = _NORMAL.inv_cdf(0.5 + confidence / 2)
    rank = max(0, math.floor((m * n - 1) / 2 - z * math.sqrt(m * n * (m + n + 1) / 12)))
    differences = np.subtract.outer(canary, baseline).ravel()
    parted = np.partition(differences, (rank, differences.size // 2))
    return float(parted[rank]), float(parted[differences.size // 2])


def polled_mann_whitney(columns: Columns, _: Sums) -> int | None:
    """The judge of Netflix and Google: Kayenta's NetflixACAJudge, on a growing interval.

    A point of a series is the mean of a row, against an equal-sized baseline; bad when the whole
    98 % interval lies beyond a quarter of the estimated shift. First judged at 50 points as its own
    tooling asks, then every 10 points, from 200 on at every tenth more with points merged to 200.
    Generous: its points are minutes of traffic, one bad metric of four passes it as `marginal`
    unless it was marked critical, and its effect-size gate cannot fail on a negative baseline.
    """
    rows = columns.canary_orders.size
    points = FIRST_POINTS
    while points <= rows:
        merged = math.ceil(points / _MOST_POINTS)
        for column in columns.measures.values():
            canary = _series(column.total[:, 1], column.n[:, 1], points, merged)
            baseline = _series(column.baseline_total, column.baseline_n, points, merged)
            lower, estimate = mann_whitney_shift(canary, baseline, CONFIDENCE)
            if lower > TOLERANCE * abs(estimate):
                return points - 1
        more = points + _POLL_POINTS if points < _MOST_POINTS else math.ceil(points * _GROWTH)
        points = more
    return None


def _series(total: Floats, n: Floats, points: int, merged: int) -> Floats:
    """Return the means of the first rows, `merged` rows a point; empty points are removed."""
    kept = points // merged * merged
    totals = total[:kept].reshape(-1, merged).sum(axis=1)
    counts = n[:kept].reshape(-1, merged).sum(axis=1)
    means: Floats = totals[counts > 0] / counts[counts > 0]
    return means


# --- pooled asymptotic confidence sequence, after GrowthBook and PostHog -------------------------

ALPHA = 0.05
TUNING = 5_000.0
_LEAST_ORDERS = 100


def sequence_radius(variance: Floats, n: Floats, alpha: float = ALPHA) -> Floats:
    """Return the one-sided half-width around a mean of `n` values with this variance of one.

    Waudby-Smith et al. 2024 (arXiv 2103.06476), eq. 134, rho from eq. 161 with N* = 5000.
    """
    rho2 = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / TUNING
    grown = n * rho2 + 1
    inside = 2 * grown / (n * n * rho2) * np.log1p(np.sqrt(grown) / (2 * alpha))
    return np.sqrt(variance * inside)


def pooled_sequence(columns: Columns, _: Sums) -> int | None:
    """GrowthBook's safe rollout: a sequential test of each guardrail on everything so far.

    One-sided, absolute difference, alpha .05 each, as it ships; from 100 canary orders on, because
    the sequence is asymptotic.
    """
    alarms = [_outside(column) for column in columns.measures.values()]
    return _first(np.logical_or.reduce(alarms))


def _outside(column: Column) -> Bools:
    n, difference, variance = _pooled(column)
    every = n.sum(axis=1)
    radius = sequence_radius(variance * every, np.maximum(every, 1))
    enough: Bools = n.min(axis=1) >= _LEAST_ORDERS
    return enough & (difference > radius)


def _pooled(column: Column) -> tuple[Floats, Floats, Floats]:
    """Return counts, the difference of pooled means and its variance, row by row."""
    n = np.cumsum(column.n, axis=0)
    safe = np.maximum(n, 1)
    mean = np.cumsum(column.total, axis=0) / safe
    spread = np.maximum(np.cumsum(column.total_sq, axis=0) / safe - mean**2, 0)
    variance: Floats = (spread / np.maximum(n - 1, 1)).sum(axis=1)
    return n, mean[:, 1] - mean[:, 0], variance


# --- fixed-horizon t-test ------------------------------------------------------------------------

POWER = 0.9
MARGINS_MILLI_BP = {"slippage_milli_bp": 500.0}
_MARGIN_UNFILLED = 0.01
_MARGIN_LATENCY = 0.2


def margin(name: str, reference: Sums) -> float:
    """Return the difference a rollout must find, in the measure's unit (statistics.md 1)."""
    measure = reference.measure(name)
    match name:
        case "unfilled":
            return _MARGIN_UNFILLED
        case "latency_us":
            return _MARGIN_LATENCY * measure.total / measure.n
        case "pnl_milli_bp":
            width = _quantile(measure, 9) - _quantile(measure, 1)
            return max(0.5 * abs(measure.total / measure.n), 0.05 * width)
        case _:
            return MARGINS_MILLI_BP[name]


def _quantile(measure: MeasureTotal, tenths: int) -> float:
    bucket = quantile_bucket(measure.histogram, tenths, 10)
    assert bucket is not None, "a reference has orders"
    return lower_edge(bucket)


def planned_orders(name: str, reference: Sums, weight: float) -> int:
    """Return how many canary orders a t-test at alpha / 4 needs to find the margin in 90 %."""
    if name == "unfilled":
        unfilled = 1 - reference.filled / reference.orders
        variance = unfilled * (1 - unfilled)
    else:
        measure = reference.measure(name)
        variance = measure.total_sq / measure.n - (measure.total / measure.n) ** 2
    z = _NORMAL.inv_cdf(1 - ALPHA / len(WORSE)) + _NORMAL.inv_cdf(POWER)
    both = 1 + weight / (1 - weight)
    return math.ceil(z**2 * variance * both / margin(name, reference) ** 2)


def fixed_horizon(columns: Columns, reference: Sums) -> int | None:
    """A t-test of each measure, looked at once, at the sample size planned for its margin.

    One-sided at alpha / 4. What goes wrong after that look is never found.
    """
    canary = np.cumsum(columns.canary_orders)
    alarms = []
    for name, column in columns.measures.items():
        planned = planned_orders(name, reference, columns.first_weight)
        row = int(np.searchsorted(canary, planned))
        if row == canary.size:
            continue
        _, difference, variance = _pooled(column)
        limit = _NORMAL.inv_cdf(1 - ALPHA / len(WORSE)) * math.sqrt(variance[row])
        if difference[row] > limit:
            alarms.append(row)
    return min(alarms, default=None)


def _first(alarms: Bools) -> int | None:
    return int(alarms.argmax()) if alarms.any() else None
