"""The randomisation test: what relabelling the accounts does to the difference of the variants.

Theory of operation. The coin was tossed by account, independently, so given how many accounts are
canary every choice of that many was equally likely. If the canary's only effect is to add `d` to
its accounts' scores, taking `d` off them and relabelling gives the exact law of the weighted mean
difference T, whatever the distribution of orders and their dependence within an account
(statistics.md 2.7; Fisher 1935; Ernst 2004, "Permutation methods").

T is linear in the scores, T_S(x - d*c) = T_S(x) - d*T_S(c), with c = 1 on canary accounts, and
T_obs(c) = 1. So relabelling S reaches the observed difference at one effect only, its *crossing*

    d_S = (T_obs(x) - T_S(x)) / (1 - T_S(c)):    T_S >= T_obs  iff  d_S <= d.

One set of crossings answers everything: harm (effect <= d0) has p = (1 + #{d_S <= d0}) / (P + 1),
inferiority (effect >= d1) has p = (1 + #{d_S >= d1}) / (P + 1), and the interval of all effects not
refuted is read off their order (Garthwaite 1996, confidence intervals from randomization tests).

Numbers. Weights and products are rounded to multiples of one power of two, so that every partial
sum is exact in float64: neither the order of accounts nor the linear-algebra library changes a bit.
Where S cannot be told from the observed labelling it ties, and counts against either claim.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, frexp, fsum

import numpy as np
from numpy.typing import NDArray

from tradecanary.processors.decision.judges.accounts.scores import Scores

_Floats = NDArray[np.float64]
_BITS = 50  # of the 53 of a float64: sums of absolute values stay below 2^51
_BLOCK = 1 << 16  # random numbers drawn at once: they stay in the cache, and BLAS in one thread
_SLACK = 1e-9  # of the largest score: what rounding could have made of a tie


@dataclass(frozen=True, slots=True)
class Crossings:
    """Effect of one measure, and the crossings of P relabellings, shape (P,), NaN = always ties.

    `effect` is NaN when a variant has no account with a score. `slack`: differences up to here are
    ties. All in the unit of the scores, in the same direction.
    """

    effect: float
    values: _Floats
    slack: float

    def first(self, permutations: int) -> Crossings:
        """Return the crossings of the first `permutations` relabellings."""
        return Crossings(self.effect, self.values[:permutations], self.slack)

    def p_harm(self, tolerance: float) -> float:
        """Return the p-value of "the effect is at most `tolerance`"."""
        kept = np.count_nonzero(self.values > tolerance + self.slack)
        return (1 + len(self.values) - kept) / (1 + len(self.values))

    def p_inferior(self, margin: float) -> float:
        """Return the p-value of "the effect is at least `margin`"."""
        kept = np.count_nonzero(self.values < margin - self.slack)
        return (1 + len(self.values) - kept) / (1 + len(self.values))

    def interval(self, level: float) -> tuple[float, float]:
        """Return the effects that neither one-sided test refutes at `level`; perhaps infinite."""
        refuting = floor(level * (1 + len(self.values)) + _SLACK) - 1
        if not 0 <= refuting < len(self.values):
            return -np.inf, np.inf
        low = np.sort(np.nan_to_num(self.values, nan=-np.inf))[refuting]
        high = np.sort(np.nan_to_num(self.values, nan=np.inf))[-1 - refuting]
        return float(low - self.slack), float(high + self.slack)


def generator(salt: str, look: int) -> np.random.Generator:
    """Return the random numbers of one look of a rollout: the same in every replay."""
    digest = hashlib.sha256(f"accounts\x1f{salt}\x1f{look}".encode()).digest()
    seed = np.random.SeedSequence(int.from_bytes(digest, "big"))
    return np.random.Generator(np.random.PCG64(seed))


def crossings(
    scored: Sequence[Scores],
    canary: NDArray[np.bool_],
    permutations: int,
    random: np.random.Generator,
) -> tuple[Crossings, ...]:
    """Return one Crossings a measure; all measures are relabelled alike.

    `canary`: shape (accounts,), in the order of the scores. Costs about 10 ns an account and
    relabelling.
    """
    columns, slacks = _columns(scored, canary)
    observed = _differences(canary[None, :].astype(np.float64) @ columns, columns)
    count = int(np.count_nonzero(canary))
    rows = max(1, _BLOCK // max(1, len(canary)))
    blocks = []
    for start in range(0, permutations, rows):
        drawn = _relabellings(min(rows, permutations - start), len(canary), count, random)
        blocks.append(_crossings(_differences(drawn @ columns, columns), observed))
    values = np.concatenate(blocks) if blocks else np.empty((0, len(scored)))
    return tuple(
        Crossings(float(observed[0][0, index]), values[:, index], slack)
        for index, slack in enumerate(slacks)
    )


def joined(some: Sequence[Crossings], more: Sequence[Crossings]) -> tuple[Crossings, ...]:
    """Return the crossings of `some` followed by those of `more`, measure by measure."""
    return tuple(
        Crossings(a.effect, np.concatenate([a.values, b.values]), a.slack)
        for a, b in zip(some, more, strict=True)
    )


def _relabellings(rows: int, accounts: int, canaries: int, random: np.random.Generator) -> _Floats:
    """0/1 rows, shape (rows, accounts), each a uniformly drawn set of `canaries` accounts.

    The accounts with the smallest of independent random numbers: faster than shuffling. A row in
    which the last two places tie is drawn again, which favours no set.
    """
    if canaries in {0, accounts}:
        return np.full((rows, accounts), float(canaries > 0))
    keys = random.integers(0, 1 << 32, size=(rows, accounts), dtype=np.uint32)
    bound = np.partition(keys, canaries, axis=1)[:, canaries : canaries + 1]
    chosen = keys < bound
    for row in np.flatnonzero(np.count_nonzero(chosen, axis=1) != canaries):
        chosen[row] = False
        chosen[row, random.permutation(accounts)[:canaries]] = True
    return chosen.astype(np.float64)


def _columns(
    scored: Sequence[Scores], canary: NDArray[np.bool_]
) -> tuple[_Floats, tuple[float, ...]]:
    """Weight, weight * centred score and weight * canary of each measure; slack of each.

    Columns of shape (accounts, 3 * measures), the three kinds one after the other. T does not
    change when a constant is taken off all scores, and keeps more digits without it.
    """
    weights, products, slacks = [], [], []
    for each in scored:
        total = fsum(each.weights)
        mean = fsum(each.weights * each.values) / total if total > 0 else 0.0
        centred = np.where(each.weights > 0, each.values - mean, 0.0)
        weights.append(_exact(each.weights))
        products.append(_exact(each.weights * centred))
        slacks.append(_SLACK * float(np.abs(centred).max(initial=0.0)))
    shares = [np.where(canary, weight, 0.0) for weight in weights]
    return np.column_stack([*weights, *products, *shares]), tuple(slacks)


def _exact(values: _Floats) -> _Floats:
    """`values` rounded to multiples of one power of two, so that all their sums are exact."""
    size = fsum(np.abs(values))
    if size <= 0:
        return np.zeros_like(values)
    shift = _BITS - frexp(size)[1]
    rounded: _Floats = np.ldexp(np.rint(np.ldexp(values, shift)), -shift)
    return rounded


def _differences(sums: _Floats, columns: _Floats) -> tuple[_Floats, _Floats]:
    """T(x) and T(c) of each row and measure; NaN where a side has no weight."""
    weight, product, share = np.split(sums, 3, axis=1)
    all_weight, all_product, all_share = np.split(columns.sum(axis=0), 3)
    other = all_weight - weight
    with np.errstate(divide="ignore", invalid="ignore"):
        of_scores = product / weight - (all_product - product) / other
        of_canary = share / weight - (all_share - share) / other
    return of_scores, of_canary


def _crossings(drawn: tuple[_Floats, _Floats], observed: tuple[_Floats, _Floats]) -> _Floats:
    """The effects at which the drawn rows reach the observed one, NaN where they always do."""
    gap, moved = observed[0] - drawn[0], observed[1] - drawn[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(moved > _SLACK, gap / moved, np.nan)
