"""One number an account: the mean of its orders in the phase, less its own past.

Theory of operation (statistics.md 2.7). Accounts differ for reasons that no build changes: what
they trade and where. An account with at least 20 orders before the rollout is therefore compared
with itself: its score is the difference of the two means, with variance s2/n + s2/n_before. One
without a past is compared with the mean of those that have one, with variance s2/n + tau2. The
weight is one over the variance.

s2 (within an account) and tau2 (between accounts) are estimated by the method of moments of the
one-way layout (Searle, Casella & McCulloch 1992, 3.6) from the accounts with a past. With fewer
than 20 such accounts, or when they never varied, they come from the phase itself, both variants
together. If that cannot tell either, all accounts weigh the same. Whatever is taken never looks at
who is canary, so the weights change the power of the test, never its error rate.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import fsum

import numpy as np
from numpy.typing import NDArray

from tradecanary.processors.decision.account_totals import AccountTotals, Book, Moments

FEWEST_ORDERS = 20
"""Orders before the rollout from which an account has a past."""
FEWEST_ACCOUNTS = 20
"""Accounts with a past from which the variances of the reference period are taken."""

_NO_ORDERS = AccountTotals()


@dataclass(frozen=True, slots=True)
class Variances:
    """Variance within an account (s2) and between accounts' true means (tau2), both >= 0."""

    within: float
    between: float


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores and weights, each of shape (accounts,); weight 0: the account has no score.

    Weights are relative, the largest is 1.
    """

    values: NDArray[np.float64]
    weights: NDArray[np.float64]

    def facing(self, worse: int) -> Scores:
        """Return the scores turned so that more is worse: `worse` is +1, or -1 to turn them."""
        return Scores(worse * self.values, self.weights)


def variances(accounts: Iterable[Moments]) -> Variances | None:
    """Return the moment estimates, tau2 >= 0; None if no account varied or there is only one.

    The sums are exact or correctly rounded, so the order of accounts changes nothing.
    """
    found = [moments for moments in accounts if moments.n]
    orders = sum(moments.n for moments in found)
    spare = orders - len(found)
    if len(found) < 2 or not spare:  # noqa: PLR2004 - a variance between needs a pair
        return None
    within = fsum((m.n * m.total_sq - m.total * m.total) / m.n for m in found) / spare
    if within <= 0:
        return None
    mean = sum(m.total for m in found) / orders
    between_sq = fsum(m.n * (m.total / m.n - mean) ** 2 for m in found)
    groups = len(found) - 1
    size = (orders - sum(m.n * m.n for m in found) / orders) / groups
    return Variances(within, max(0.0, (between_sq / groups - within) / size))


def scores(accounts: Sequence[str], now: Book, before: Book, measure: str) -> Scores:
    """Return the scores of `accounts`, in their order, in the unit of `measure`.

    `now`: totals of the phase; `before`: of the time before the rollout.
    """
    present = [now.get(account, _NO_ORDERS).moments(measure) for account in accounts]
    past = [before.get(account, _NO_ORDERS).moments(measure) for account in accounts]
    reference = [
        moments
        for moments in (totals.moments(measure) for totals in before.values())
        if moments.n >= FEWEST_ORDERS
    ]
    known = variances(reference) if len(reference) >= FEWEST_ACCOUNTS else None
    known = known or variances(present)
    usual = _usual(reference, known)
    pairs = [_score(m, then, known, usual) for m, then in zip(present, past, strict=True)]
    table = np.array(pairs, dtype=np.float64).reshape(len(accounts), 2)
    heaviest = table[:, 1].max(initial=0.0)
    return Scores(table[:, 0], table[:, 1] / heaviest if heaviest > 0 else table[:, 1])


def _usual(reference: Sequence[Moments], known: Variances | None) -> float:
    """The mean of accounts with a past, weighted by precision; 0 without any."""
    if not reference:
        return 0.0
    weights = [
        1 / (known.within / moments.n + known.between) if known else 1.0 for moments in reference
    ]
    total = fsum(w * (m.total / m.n) for w, m in zip(weights, reference, strict=True))
    return total / fsum(weights)


def _score(
    now: Moments, past: Moments, known: Variances | None, usual: float
) -> tuple[float, float]:
    """Score and weight of one account."""
    if not now.n:
        return 0.0, 0.0
    if past.n >= FEWEST_ORDERS:
        value = (now.total * past.n - past.total * now.n) / (now.n * past.n)
        variance = known.within / now.n + known.within / past.n if known else 1.0
    else:
        value = now.total / now.n - usual
        variance = known.within / now.n + known.between if known else 1.0
    return value, 1 / variance
