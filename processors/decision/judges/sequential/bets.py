"""Exact bets on the routing coin: what one order adds to the log e-values (statistics.md 2.1, 2.2).

Each order went to the canary by an independent coin of known probability, so the centred
inverse-probability-weighted score of an order has mean at most the margin under the null, whatever
the outcomes' law. An order adds log1p(bet * that); the e-process averages over a grid of bets. It
is a betting martingale (Waudby-Smith and Ramdas 2024; for rates Lindon and Malek, NeurIPS 2022).

Increments are integers of nano-nats, rounded down: sums are exact, so they do not depend on how
orders were batched, and rounding only ever makes the evidence smaller.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from tradecanary.processors.decision.judge_settings import Sequential
from tradecanary.processors.decision.judges.sequential import streams
from tradecanary.processors.decision.judges.sequential.reference import (
    MeasureReference,
    Reference,
    scores,
    tolerated_ratio,
)
from tradecanary.processors.decision.judges.sequential.streams import BETS, MEASURED
from tradecanary.schemas.units import FULL_WEIGHT_BP

NANO = 1_000_000_000
Longs = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]

FRACTIONS = 0.9 * 0.5 ** np.arange(BETS)
"""Bets on a score, as fractions of the largest legal bet."""
HARM_RATIOS = np.array([1.1, 1.25, 1.6, 2.5, 5.0, 15.0])
"""Ratios of bad orders bet on against the harmless ratio."""
HEALTH_RATIOS = np.array([0.75, 0.5, 0.33, 0.2])
"""Ratios of bad orders bet on against the unacceptable ratio (promotion)."""
GRID = np.array(
    [
        len(HEALTH_RATIOS)
        if row in {streams.promotion_row(m, streams.PROMOTE_Q99) for m in range(len(MEASURED))}
        else BETS
        for row in range(streams.ROWS)
    ]
)
"""How many bets each row averages; a row's columns beyond are not used."""
_UNUSED = np.where(np.arange(BETS) < GRID[:, None], 0.0, -np.inf)


@dataclass(frozen=True, slots=True)
class Group:
    """Increments of the rows that one kind of count carries: counts @ table.

    `table` has a line for each canary count, then for each stable count; its columns are the bets
    of `rows`, row by row.
    """

    rows: Longs
    table: Longs

    def increments(self, counts: Longs) -> Longs:
        """Return what `counts` add to the rows (rows x BETS), in nano-nats."""
        found: Longs = (counts @ self.table).reshape(len(self.rows), BETS)
        return found


@dataclass(frozen=True, slots=True)
class Bins:
    """A measure's bins: their upper edges, and what their counts add up to.

    `powers` has a line for each bin: 1, whether it lies in the tail, its score, its score squared.
    """

    group: Group
    edges: Longs
    powers: Doubles

    def counts(self, histogram: Mapping[int, int]) -> Longs:
        """Return how many orders of a sparse histogram lie in each bin."""
        size = len(self.powers)
        if not histogram:
            return np.zeros(size, np.int64)
        buckets = np.fromiter(histogram.keys(), np.int64, len(histogram))
        orders = np.fromiter(histogram.values(), np.int64, len(histogram))
        found = np.bincount(np.searchsorted(self.edges, buckets), orders, size)
        return found.astype(np.int64)

    def moments(self, counts: Longs) -> list[list[float]]:
        """Return orders, those in the tail, sum and sum of squares of scores; canary, stable."""
        found: list[list[float]] = (counts.reshape(2, -1) @ self.powers).tolist()
        return found


@dataclass(frozen=True, slots=True)
class Tables:
    """All increments under one reference and one weight.

    `statuses` takes (unfilled, filled, error, no error) of canary, then of stable. A measure that
    is not judged has no bins.
    """

    statuses: Group
    measures: tuple[Bins | None, ...]


_TABLES: WeakKeyDictionary[Reference, dict[tuple[Sequential, int], Tables]] = WeakKeyDictionary()
"""Each look asks for the same few again; they go with the rollout that froze the reference."""


def tables(reference: Reference, settings: Sequential, canary_bp: int) -> Tables:
    """Return the increments for orders of a revision that gave the canary `canary_bp`."""
    known, key = _TABLES.setdefault(reference, {}), (settings, canary_bp)
    if key not in known:
        known[key] = _tables(reference, settings, canary_bp)
    return known[key]


def _tables(reference: Reference, settings: Sequential, canary_bp: int) -> Tables:
    share = canary_bp / FULL_WEIGHT_BP
    return Tables(
        _statuses(reference, settings, share),
        tuple(
            None if known is None else _measure(index, known, settings, share)
            for index, known in enumerate(reference.measures)
        ),
    )


def log_e(totals: Longs) -> Doubles:
    """Return log e of each row (..., rows, BETS) in nats: the average over its bets."""
    nats = totals / NANO + _UNUSED[: totals.shape[-2]]
    top = nats.max(axis=-1)
    mean = np.exp(nats - top[..., None]).sum(axis=-1) / GRID[: totals.shape[-2]]
    found: Doubles = top + np.log(mean)
    return found


def _statuses(reference: Reference, settings: Sequential, share: float) -> Group:
    margins, tolerance = settings.margins, settings.tolerance
    fill = tolerated_ratio(reference.unfilled_rate, margins.fill_rate_pp, tolerance)
    error = tolerated_ratio(reference.error_rate, margins.error_rate_pp, tolerance)
    lines = np.zeros((2, 4, 4, BETS))  # arm, count, row, bet
    lines[:, 0, 0], lines[:, 2, 1] = _rate(share, fill), _rate(share, error)
    bad = reference.unfilled_rate
    lines[:, :2, 2] = _health(np.array([1 - bad, -bad]), margins.fill_rate_pp / 100, share)
    bad = reference.error_rate
    lines[:, 2:, 3] = _health(np.array([1 - bad, -bad]), margins.error_rate_pp / 100, share)
    rows = [streams.FILL, streams.ERROR, streams.PROMOTE_FILL, streams.PROMOTE_ERROR]
    return Group(np.array(rows), _floor(lines.reshape(8, -1)))


def _measure(index: int, known: MeasureReference, settings: Sequential, share: float) -> Bins:
    bad_sign = MEASURED[index].bad_sign
    height = np.array(scores(known, bad_sign))
    ratio = settings.margins.tail_ratio
    harmless = 1 + settings.tolerance * (ratio - 1)
    lines = np.zeros((2, len(height), 5, BETS))
    lines[:, :, 0] = _harm(height, known.score_tolerance, share)
    worst = _tail(bad_sign, known.q99)
    lines[:, worst, 1] = _rate(share, harmless)[:, None]
    lines[:, _tail(bad_sign, known.q999), 2] = _rate(share, harmless)[:, None]
    lines[:, :, 3] = _health(height, known.score_margin, share)
    falls = _rate(share, ratio, HEALTH_RATIOS)
    lines[:, worst, 4, : len(HEALTH_RATIOS)] = falls[:, None]
    rows = [
        streams.rollback_row(index, streams.RANK),
        streams.rollback_row(index, streams.Q99),
        streams.rollback_row(index, streams.Q999),
        streams.promotion_row(index, streams.PROMOTE_RANK),
        streams.promotion_row(index, streams.PROMOTE_Q99),
    ]
    group = Group(np.array(rows), _floor(lines.reshape(2 * len(height), -1)))
    in_tail = np.zeros(len(height))
    in_tail[worst] = 1
    powers = np.stack([np.ones(len(height)), in_tail, height, height**2], axis=1)
    return Bins(group, np.array(known.edges), powers)


def _tail(bad_sign: int, edge: int) -> slice:
    """Return the bins beyond an edge on the bad side."""
    return slice(edge + 1, None) if bad_sign > 0 else slice(0, edge + 1)


def _rate(share: float, null: float, ratios: Doubles = HARM_RATIOS) -> Doubles:
    """What a bad order adds (canary, stable) x bets; null: its rate is `null` times stable's."""

    def of_canary(ratio: Doubles | float) -> Doubles:
        return np.asarray(share * ratio / (share * ratio + 1 - share))

    bet, fair = of_canary(null * ratios), of_canary(null)
    return np.log(np.stack([bet / fair, (1 - bet) / (1 - fair)]))


def _harm(height: Doubles, tolerance: float, share: float) -> Doubles:
    """What an order of each bin adds; null: the canary's mean score is at most d0 higher."""
    return _bet(height / share - tolerance, -height / (1 - share) - tolerance)


def _health(height: Doubles, margin: float, share: float) -> Doubles:
    """The same for promotion; null: the canary's mean score is at least d1 higher."""
    return _bet(margin - height / share, margin + height / (1 - share))


def _bet(canary: Doubles, stable: Doubles) -> Doubles:
    z = np.stack([canary, stable])
    worst = max(float(-z.min()), 1e-9)
    found: Doubles = np.log1p(z[..., None] * (FRACTIONS / worst))
    return found


def _floor(lines: Doubles) -> Longs:
    found: Longs = np.floor(lines * NANO).astype(np.int64)
    return found
