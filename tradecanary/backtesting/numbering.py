"""Publishers' numbers for a backtest: only what the record lost is a hole in them.

A publisher numbers the events of all its strategies in one go, so leaving others out must not look
like a loss. Nor may sorting by event time, where a late event comes back to its time: numbers that
pass each other at a look would be missing for 200 ms. So the numbers are closed up but for the true
holes, and given out again by event time. A hole stays next to the events that it lay between.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class Numbers(NamedTuple):
    """New numbers of the chosen events, and how many numbers of the record were lost."""

    numbers: Ints
    missing: int


def gapless(publisher: Ints, number: Ints) -> Numbers:
    """Return numbers for events in the order of time of which the record says nothing is missing.

    A number of -1 (a foreign producer's) stays: its losses are not visible.
    """
    order = np.argsort(publisher, kind="stable")
    new = np.empty(len(order), np.int64)
    new[order] = _ranks(publisher[order])
    return Numbers(np.where(number < 0, -1, new), 0)


def closed_up(publisher: Ints, number: Ints, chosen: Ints, *, from_start: bool) -> Numbers:
    """Return numbers for the events at `chosen`, which are in the order of time.

    `publisher` and `number` are of all events, each number once. `from_start`: then the first
    number of a publisher was 0, else it is taken as its beginning.
    """
    known = np.flatnonzero(number >= 0)
    order = known[np.lexsort((number[known], publisher[known]))]
    rank = _ranks(publisher[order])
    begin = np.zeros(len(order), np.int64) if from_start else number[order][_starts(rank)]
    lost_before = np.zeros(len(number), np.int64)
    lost_before[order] = number[order] - begin - rank
    last = np.r_[rank[1:] == 0, True] if len(rank) else np.zeros(0, np.bool_)
    missing = int(lost_before[order][last].sum())

    new = np.full(len(chosen), -1, np.int64)
    mine = np.flatnonzero(number[chosen] >= 0)
    by_time = mine[np.argsort(publisher[chosen[mine]], kind="stable")]
    by_number = mine[np.lexsort((number[chosen[mine]], publisher[chosen[mine]]))]
    ranks = _ranks(publisher[chosen[by_number]])
    new[by_time] = ranks + lost_before[chosen[by_number]]
    return Numbers(new, missing)


def _starts(rank: Ints) -> Ints:
    """Return, for each place, where its group begins."""
    return np.arange(len(rank)) - rank


def _ranks(groups: Ints) -> Ints:
    """Return each place's number within its run of equal values."""
    places = np.arange(len(groups))
    if not len(groups):
        return places
    begins = np.r_[True, groups[1:] != groups[:-1]]
    ranks: Ints = places - np.maximum.accumulate(np.where(begins, places, 0))
    return ranks
