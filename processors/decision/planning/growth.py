"""How fast evidence gathers: expected log e-value of every stream and test, order by order.

The bets are those of the judge, so margins, weights and the freezing of bins count as they will.
An exact bet grows by its mean log over the orders of both variants; for small effects its best is
theta^2 (1 - pi) / (2 v) nats a canary order with v = var(h) / (dE h / d theta)^2, and for rates the
information KL(p_c, p) + (1 - pi) / pi * KL(p_s, p): the planner's formulas of statistics.md 2.6.
A threshold of log(1 / level) + log(1 / weight) nats is reached `SLACK` nats later on average,
which pays for the grid of bets and for the orders that come in one look.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tradecanary.processors.decision.judge_settings import Sequential
from tradecanary.processors.decision.judges.sequential.bets import (
    GRID,
    NANO,
    Doubles,
    Longs,
    Tables,
    tables,
)
from tradecanary.processors.decision.judges.sequential.means import log_half_normal
from tradecanary.processors.decision.judges.sequential.reference import Reference
from tradecanary.processors.decision.judges.sequential.state import (
    SequentialState,
    StreamTerms,
    tests_of,
)
from tradecanary.processors.decision.judges.sequential.streams import (
    BETS,
    MEASURED,
    ROWS,
    STREAMS,
)
from tradecanary.processors.decision.judges.sequential.verdict import BURN_IN
from tradecanary.processors.decision.planning.effects import Orders, Values
from tradecanary.schemas.units import FULL_WEIGHT_BP

SLACK = 1.5
"""Nats: statistics.md 2.6."""
_RESTARTS = 0.5
"""Half of an exact stream's weight waits for restarts (statistics.md 2.4)."""

Nats = Callable[[Sequence[float]], float]
"""Expected log e-value less its threshold, given the canary orders of each phase."""


@dataclass(frozen=True, slots=True)
class Arms:
    """The orders of both variants, and the weights of the phases that route them.

    `pairing`: share of the canary's orders that meet a stable order of the same second, in each
    phase; means compare within a second.
    """

    stable: Orders
    canary: Orders
    weights_bp: tuple[int, ...]
    pairing: tuple[float, ...]


def pairing(orders_per_s: float) -> float:
    """Return E[n n' / (n + n')] over pi (1 - pi) lambda, for lambda orders a second (Poisson)."""
    return 1 + math.expm1(-orders_per_s) / orders_per_s


def harm(state: SequentialState, settings: Sequential, known: Reference, arms: Arms) -> list[Nats]:
    """Return for each of STREAMS how far its evidence of harm is above the limit."""
    rows = _rows(settings, known, arms)
    limit = -math.log(settings.alpha)
    found: list[Nats] = []
    for index, term in enumerate(state.terms):
        if not term.weight:
            found.append(_never)
        elif term.rows:
            needed = limit - math.log(term.weight * _RESTARTS / len(term.rows)) + SLACK
            found.append(_exact(rows[:, list(term.rows)].reshape(len(rows), -1), needed))
        else:
            needed = limit - math.log(term.weight)
            found.append(_mean(index, term, arms, needed))
    return found


def health(
    state: SequentialState, settings: Sequential, known: Reference, arms: Arms
) -> dict[str, Nats]:
    """Return for each non-inferiority test by name how far its evidence is above the limit.

    Means wait for `promotion_orders` besides.
    """
    rows = _rows(settings, known, arms)
    limit = -math.log(settings.beta)
    found: dict[str, Nats] = {}
    for test in tests_of(state):
        if test.row >= 0:
            found[test.name] = _exact(rows[:, test.row, : GRID[test.row]], limit + SLACK)
        else:
            term = state.terms[test.stream]
            found[test.name] = _mean(test.stream, term, arms, limit, promotion=True)
    return found


def _never(_: Sequence[float]) -> float:
    return -math.inf


def _exact(growth: Doubles, needed: float) -> Nats:
    """`growth` is (phases x bets), nats a canary order: the best bet decides."""

    def nats(orders: Sequence[float]) -> float:
        return float((np.asarray(orders) @ growth).max()) - needed

    return nats


def _mean(
    index: int,
    term: StreamTerms,
    arms: Arms,
    needed: float,
    *,
    promotion: bool = False,
) -> Nats:
    """The mixture of statistics.md 2.3 at the sums expected; the larger variance counts."""
    at = next(i for i, m in enumerate(MEASURED) if m.measure == STREAMS[index].source)
    stable, canary = arms.stable.values[at], arms.canary.values[at]
    if stable is None or canary is None:
        return _never
    limit = term.margin if promotion else term.tolerance
    ratio = 1 + limit if term.relative else 1.0
    worse = STREAMS[index].bad_sign * (canary.mean - ratio * stable.mean)
    worse -= 0.0 if term.relative else limit
    step = -worse if promotion else worse
    share = np.array(arms.weights_bp) / FULL_WEIGHT_BP
    pairs = (1 - share) * np.array(arms.pairing) * stable.coverage
    vs = stable.variance * ratio**2
    vc = max(canary.variance, stable.variance)
    spread = pairs * ((1 - share) * vc + share * vs)

    def nats(orders: Sequence[float]) -> float:
        n = np.asarray(orders)
        if float(n.sum()) * stable.coverage < BURN_IN:
            return -math.inf
        return log_half_normal(float(n @ pairs) * step, float(n @ spread), term.rho) - needed

    return nats


def _rows(settings: Sequential, known: Reference, arms: Arms) -> Doubles:
    """Expected growth (phases x rows x bets) of all exact bets, nats a canary order."""
    found = [
        _growth(tables(known, settings, weight_bp), arms, weight_bp / FULL_WEIGHT_BP)
        for weight_bp in arms.weights_bp
    ]
    return np.stack(found)


def _growth(known: Tables, arms: Arms, share: float) -> Doubles:
    found = np.zeros((ROWS, BETS))
    per_order = np.array([1.0, (1 - share) / share])
    statuses = [
        part
        for each in (arms.canary, arms.stable)
        for part in (each.unfilled, 1 - each.unfilled, each.errors, 1 - each.errors)
    ]
    counts = np.array(statuses).reshape(2, 4) * per_order[:, None]
    group = known.statuses
    found[group.rows] = (counts.ravel() @ group.table).reshape(-1, BETS) / NANO
    for index, bins in enumerate(known.measures):
        pair = (arms.canary.values[index], arms.stable.values[index])
        if bins is None or pair[0] is None or pair[1] is None:
            continue
        size = len(bins.powers)
        shares = np.stack([_binned(each, bins.edges, size) for each in (pair[0], pair[1])])
        counts = shares * per_order[:, None] * pair[1].coverage
        group = bins.group
        found[group.rows] = (counts.ravel() @ group.table).reshape(-1, BETS) / NANO
    return found


def _binned(values: Values, edges: Longs, size: int) -> Doubles:
    found: Doubles = np.zeros(size)
    np.add.at(found, np.searchsorted(edges, values.buckets), values.shares)
    return found
