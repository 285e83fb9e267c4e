"""When to look, at which level, and how many relabellings a look needs.

Theory of operation (statistics.md 2.7). A phase is looked at when the orders of both variants have
doubled; that count does not depend on who is canary. Look k of the rollout tests each measure at
alpha * weight * 6 / (pi^2 k^2): over all looks and measures these sum to at most alpha, so the
union bound holds under any dependence. Looks are counted through all phases.

No p-value is smaller than one over the number of ways to choose the canary accounts, nor than
1 / (P + 1). P is 4,000, or as many as let a look refute although three relabellings did as well as
the observed labelling: 4 / level - 1. It is held below 262,144, and above 4,000 also below 2^27
random numbers a look (about 1.5 s), whatever the level; a level that is then out of reach is
reported, not tested at another level.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import ceil, comb, pi

from tradecanary.processors.decision.judges.accounts.settings import WEIGHTS
from tradecanary.schemas.units import FULL_WEIGHT_BP

FEWEST_ACCOUNTS = 20
"""With fewer accounts nothing can be shown (statistics.md 2.7)."""

FEWEST_PERMUTATIONS = 4_000
_MOST_PERMUTATIONS = (1 << 18) - 1
_MOST_CELLS = 1 << 27
_RESOLUTION = 4  # labellings as extreme as the observed one, itself too, that a rejection bears
_MOST_ACCOUNTS = 1 << 30
_UNREACHABLY_MANY = 20  # canaries: then there are more than 10^11 choices, no limit in practice


@dataclass(frozen=True, slots=True)
class Looks:
    """What is remembered between looks: how many were done, when the next is due, what passed.

    `passed` is sorted: a set's sequence differs from process to process, and states have bytes.
    """

    done: int = 0
    next_orders: int = 1
    passed: tuple[str, ...] = ()

    def taken(self, first_orders: int, orders: int, passed: Iterable[str]) -> Looks:
        """Return the state after a look at `orders`; a pass stays."""
        due = doubled(first_orders, orders)
        return Looks(self.done + 1, due, tuple(sorted({*self.passed, *passed})))

    def restarted(self, first_orders: int) -> Looks:
        """Return the state at the start of a phase: its orders count from 0, looks go on."""
        return replace(self, next_orders=first_orders)


def doubled(first_orders: int, orders: int) -> int:
    """Return the first of first_orders * 2^j that is above `orders`.

    >>> doubled(1000, 0), doubled(1000, 1000), doubled(1000, 7999)
    (1000, 2000, 8000)
    """
    return first_orders << (orders // first_orders).bit_length()


def level(rate: float, look: int) -> float:
    """Return the part of `rate` spent on look 1, 2, ...; over all looks they sum to `rate`.

    >>> round(sum(level(0.01, look) for look in range(1, 10_000)), 5)
    0.01
    """
    return rate * 6 / (pi * look) ** 2


def permutations(at_level: float, accounts: int) -> int:
    """Return P for a test at `at_level`; at least 4,000, whatever that costs.

    >>> permutations(0.0015, 300), permutations(0.00004, 300), permutations(1e-9, 300)
    (4000, 99999, 262143)
    """
    bounded = min(_MOST_PERMUTATIONS, _MOST_CELLS // max(1, accounts))
    return max(FEWEST_PERMUTATIONS, min(bounded, ceil(_RESOLUTION / at_level) - 1))


def smallest_p(accounts: int, canaries: int, relabellings: int) -> float:
    """Return a lower bound of every p-value of a look.

    >>> smallest_p(12, 1, 4000) == 1 / 12, smallest_p(300, 30, 3999)
    (True, 0.00025)
    """
    chosen = min(canaries, accounts - canaries, _UNREACHABLY_MANY)
    return max(1 / comb(accounts, chosen), 1 / (relabellings + 1))


def enough_accounts(accounts: int, weight_bp: int, alpha: float) -> str:
    """Return why nothing can be shown about so many accounts at this weight, or an empty text.

    Generous: one measure, the heaviest, at the first look must be within reach.
    """
    needed = level(alpha * max(WEIGHTS.values()), 1)
    problem = _reach(accounts, weight_bp, needed)
    if not problem:
        return ""
    more = range(accounts + 1, _MOST_ACCOUNTS)
    index = bisect_left(more, True, key=lambda n: not _reach(n, weight_bp, needed))  # noqa: FBT003
    remedy = (
        f"at least {more[index]} accounts are needed at this weight"
        if index < len(more)
        else "no number of accounts would do; choose another weight, or a larger alpha"
    )
    return (
        f"{accounts} accounts at {weight_bp / 100:g} %: {problem}. The judge can show nothing, "
        f"only guards protect; {remedy}"
    )


def _reach(accounts: int, weight_bp: int, needed: float) -> str:
    canaries = accounts * weight_bp // FULL_WEIGHT_BP
    smallest = smallest_p(accounts, canaries, _MOST_PERMUTATIONS)
    if smallest > needed:
        return (
            f"with {canaries} of them canary no p-value is below {smallest:.2g}, "
            f"and the first look needs {needed:.2g}"
        )
    if accounts < FEWEST_ACCOUNTS:
        return f"fewer than {FEWEST_ACCOUNTS} are too few to average out what sets them apart"
    return ""
