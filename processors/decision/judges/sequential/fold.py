"""Folding what became ripe at a look: exact bets, closed windows, then what follows from both.

A cohort is folded with the probability and the bins of the revision that routed it, so outcomes of
an earlier phase count correctly however late they come. Windows are closed: what comes after a
cohort was folded counts in the exact bets only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tradecanary.processors.decision.cohorts import Ripe, Stream
from tradecanary.processors.decision.judge_settings import Sequential
from tradecanary.processors.decision.judges.judge import Terms
from tradecanary.processors.decision.judges.sequential.bets import Bins, Longs, Tables, tables
from tradecanary.processors.decision.judges.sequential.means import sums_of
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
_EMPTY = (0.0,) * 6

Line = tuple[float, float, float, float, float, float]
"""A stream in one window: orders, mean and squared deviations, each of canary and stable."""


def fold(
    state: SequentialState, settings: Sequential, ripe: Iterable[tuple[Ripe, Terms]]
) -> SequentialState:
    """Return the state with all that became ripe at a look taken in, and weighed once.

    Orders without a control (weight 0 or 10000) are no evidence.
    """
    taking = _Taking(state, totals_of(state).copy())
    for found, terms in ripe:
        if 0 < terms.canary_bp < FULL_WEIGHT_BP:
            taking.take(found, terms, settings)
    if not taking.took:
        return state
    state = weighed(replace(taking.state, totals=packed(taking.totals)), settings)
    if state.canary_orders >= state.restart_at:
        every = settings.restart_orders
        due = (state.canary_orders // every + 1) * every
        state = replace(_restarted(state, taking.totals), restart_at=due)
    return state


@dataclass(slots=True)
class _Taking:
    """The state while a look's cohorts are taken in; totals are written back once."""

    state: SequentialState
    totals: Longs
    took: bool = False

    def take(self, ripe: Ripe, terms: Terms, settings: Sequential) -> None:
        """Take in one stream of a cohort."""
        self.took = True
        state = self.state
        if terms.phase > state.phase:
            begun = _restarted(state, self.totals) if state.phase >= 0 else state
            state = replace(begun, phase=terms.phase)
        assert terms.reference is not None, "a rollout without reference stays PENDING"
        known = tables(terms.reference, settings, terms.canary_bp)
        arms = tuple(ripe.cohort.variants.get(name, _NOTHING) for name in (CANARY, STABLE))
        window = list[Sequence[float]]([_EMPTY] * len(STREAMS))
        of_orders = ripe.stream in _ORDERS
        if of_orders:
            _statuses(self.totals, window, known, arms)
            state = replace(state, canary_orders=state.canary_orders + arms[0].orders)
        for measured, bins in zip(MEASURED, known.measures, strict=True):
            if bins is not None and (measured is PNL) != of_orders:
                _measure(self.totals, window, bins, measured, arms)
        if ripe.stream in _CLOSED:
            summed = phase_means(state, terms.phase) + sums_of(np.array(window))
            state = replace(state, means=state.means | {terms.phase: packed(summed)})
        self.state = state


def _restarted(state: SequentialState, totals: Longs) -> SequentialState:
    """Start one more e-process here: a fault that begins late is found sooner (2.4)."""
    restarts = kept((*state.restarts, packed(totals[:ROLLBACK_ROWS])))
    return replace(state, restarts=restarts, restarted=state.restarted + 1)


def _statuses(
    totals: Longs, window: list[Sequence[float]], known: Tables, arms: tuple[Sums, ...]
) -> None:
    counts = [
        count
        for arm in arms
        for count in (arm.orders - arm.filled, arm.filled, arm.errors, arm.orders - arm.errors)
    ]
    totals[known.statuses.rows] += known.statuses.increments(np.array(counts))
    n_c, n_s = arms[0].orders, arms[1].orders
    window[INDEX["fill_rate"]] = _rates(n_c, n_s, counts[0], counts[4])
    window[INDEX["error_rate"]] = _rates(n_c, n_s, counts[2], counts[6])


def _measure(
    totals: Longs,
    window: list[Sequence[float]],
    bins: Bins,
    measured: Measured,
    arms: tuple[Sums, ...],
) -> None:
    pair = tuple(arm.measure(measured.measure) for arm in arms)
    if not (pair[0].n or pair[1].n):
        return
    counts = np.concatenate([bins.counts(total.histogram) for total in pair])
    totals[bins.group.rows] += bins.group.increments(counts)
    (n_c, beyond_c, sum_c, sq_c), (n_s, beyond_s, sum_s, sq_s) = bins.moments(counts)
    mean_c, mean_s = sum_c / max(n_c, 1.0), sum_s / max(n_s, 1.0)
    window[INDEX[f"{measured.name}_tail"]] = _rates(n_c, n_s, beyond_c, beyond_s)
    window[INDEX[f"{measured.name}_rank"]] = (
        n_c, n_s, mean_c, mean_s, max(sq_c - sum_c * mean_c, 0.0), max(sq_s - sum_s * mean_s, 0.0)
    )  # fmt: skip
    means = (total.total / max(total.n, 1) for total in pair)
    window[INDEX[f"{measured.name}_mean"]] = (n_c, n_s, *means, *map(_squares, pair))


def _rates(n_c: float, n_s: float, bad_c: float, bad_s: float) -> Line:
    """Return a window's line for a rate: the values are 0 and 1."""
    mean_c, mean_s = bad_c / max(n_c, 1), bad_s / max(n_s, 1)
    return n_c, n_s, mean_c, mean_s, bad_c * (1 - mean_c), bad_s * (1 - mean_s)


def _squares(total: MeasureTotal) -> float:
    """Return the sum of squared deviations from the mean, by exact integers."""
    return (total.n * total.total_sq - total.total**2) / total.n if total.n else 0.0
