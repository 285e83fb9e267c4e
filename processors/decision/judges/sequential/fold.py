"""Folding mature orders: exact bets first, then closed windows, then what follows from both.

A cohort is folded with the probability and the bins of the revision that routed it, so outcomes of
an earlier phase count correctly however late they come. Windows are closed: what comes after a
cohort was folded counts in the exact bets only.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tradecanary.processors.decision.cohorts import Ripe, Stream
from tradecanary.processors.decision.judge_settings import Sequential
from tradecanary.processors.decision.judges.sequential.bets import Bins, Longs, Tables, tables
from tradecanary.processors.decision.judges.sequential.means import Doubles, Window, sums_of
from tradecanary.processors.decision.judges.sequential.reference import Reference
from tradecanary.processors.decision.judges.sequential.state import (
    SequentialState,
    kept,
    packed,
    phase_means,
    totals_of,
)
from tradecanary.processors.decision.judges.sequential.streams import (
    INDEX,
    MEASURED,
    PNL,
    ROLLBACK_ROWS,
    STREAMS,
    Measured,
)
from tradecanary.processors.decision.judges.sequential.verdict import weighed
from tradecanary.processors.decision.sums import MeasureTotal, Sums
from tradecanary.schemas.units import CANARY, FULL_WEIGHT_BP, STABLE

_NOTHING = Sums()
_ORDERS = frozenset({Stream.ORDERS, Stream.LATE_ORDERS})
_CLOSED = frozenset({Stream.ORDERS, Stream.PNL})


def fold(
    state: SequentialState,
    settings: Sequential,
    ripe: Ripe,
    phase: int,
    canary_bp: int,
    reference: Reference,
) -> SequentialState:
    """Return the state with a cohort's orders (or their P&L) taken in and weighed.

    Orders without a control (weight 0 or 10000) are no evidence.
    """
    if not 0 < canary_bp < FULL_WEIGHT_BP:
        return state
    if phase > state.phase:
        state = replace(_restarted(state) if state.phase >= 0 else state, phase=phase)
    arms = tuple(ripe.cohort.variants.get(name, _NOTHING) for name in (CANARY, STABLE))
    known = tables(reference, settings, canary_bp)
    totals = totals_of(state).copy()
    window = np.zeros((len(STREAMS), 6))
    if ripe.stream in _ORDERS:
        _statuses(totals, window, known, arms)
    for measured, bins in zip(MEASURED, known.measures, strict=True):
        if bins is not None and (measured is PNL) != (ripe.stream in _ORDERS):
            _measure(totals, window, bins, measured, arms)
    orders = state.canary_orders + (arms[0].orders if ripe.stream in _ORDERS else 0)
    state = replace(state, totals=packed(totals), canary_orders=orders)
    if ripe.stream in _CLOSED:
        summed = phase_means(state, phase) + sums_of(Window(*window.T))
        state = replace(state, means=state.means | {phase: packed(summed)})
    state = weighed(state, settings)
    if orders >= state.restart_at:
        every = settings.restart_orders
        state = replace(_restarted(state), restart_at=(orders // every + 1) * every)
    return state


def _restarted(state: SequentialState) -> SequentialState:
    """Start one more e-process here: a fault that begins late is found sooner (2.4)."""
    begun = packed(totals_of(state)[:ROLLBACK_ROWS])
    restarts = kept((*state.restarts, begun))
    return replace(state, restarts=restarts, restarted=state.restarted + 1)


def _statuses(totals: Longs, window: Doubles, known: Tables, arms: tuple[Sums, ...]) -> None:
    counts = [
        count
        for arm in arms
        for count in (arm.orders - arm.filled, arm.filled, arm.errors, arm.orders - arm.errors)
    ]
    totals[known.statuses.rows] += known.statuses.increments(np.array(counts))
    for name, bad in (
        ("fill_rate", (counts[0], counts[4])),
        ("error_rate", (counts[2], counts[6])),
    ):
        window[INDEX[name]] = _rates(bad, (arms[0].orders, arms[1].orders))


def _measure(
    totals: Longs, window: Doubles, bins: Bins, measured: Measured, arms: tuple[Sums, ...]
) -> None:
    pair = tuple(arm.measure(measured.measure) for arm in arms)
    if not (pair[0].n or pair[1].n):
        return
    counts = np.stack([bins.counts(total.histogram) for total in pair])
    totals[bins.group.rows] += bins.group.increments(counts.ravel())
    n = counts.sum(axis=1)
    window[INDEX[f"{measured.name}_tail"]] = _rates(counts[:, bins.tail].sum(axis=1), n)
    mean = counts @ bins.height / np.maximum(n, 1)
    ssw = np.maximum(counts @ bins.height**2 - n * mean**2, 0)
    window[INDEX[f"{measured.name}_rank"]] = (*n, *mean, *ssw)
    means = (total.total / max(total.n, 1) for total in pair)
    window[INDEX[f"{measured.name}_mean"]] = (*n, *means, *map(_squares, pair))


def _rates(bad: tuple[int, ...] | Longs, orders: tuple[int, ...] | Longs) -> Doubles:
    """Return a window's line for a rate: the values are 0 and 1."""
    n, x = np.array(orders, float), np.array(bad, float)
    mean = x / np.maximum(n, 1)
    return np.concatenate([n, mean, x * (1 - mean)])


def _squares(total: MeasureTotal) -> float:
    """Return the sum of squared deviations from the mean, by exact integers."""
    return (total.n * total.total_sq - total.total**2) / total.n if total.n else 0.0
