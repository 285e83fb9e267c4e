"""A service's time: what is due when, and a clock that stands at whatever is being done.

A simulated gateway acts at the times its venue gives, not at those at which a loop comes round: so
latencies are those of the model, whether time is simulated or real.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import NamedTuple


class _Due(NamedTuple):
    time_us: int
    number: int
    action: Callable[[], None]


class Schedule:
    """Actions by time; those of equal time in the sequence they were added."""

    def __init__(self, now_us: int) -> None:
        """Begin at `now_us`, microseconds UTC."""
        self._due: list[_Due] = []
        self._number = 0
        self._now_us = now_us

    def now_us(self) -> int:
        """Return the time of what is being done, or the time last advanced to."""
        return self._now_us

    def at(self, time_us: int, action: Callable[[], None]) -> None:
        """Do `action` when time has come; never before what is being done now."""
        heapq.heappush(self._due, _Due(max(time_us, self._now_us), self._number, action))
        self._number += 1

    def advance(self, to_us: int) -> None:
        """Do all that is due up to `to_us`, in time order, and stand there."""
        while self._due and self._due[0].time_us <= to_us:
            due = heapq.heappop(self._due)
            self._now_us = max(self._now_us, due.time_us)
            due.action()
        self._now_us = max(self._now_us, to_us)

    def next_us(self) -> int | None:
        """Return when the next action is due, None when there is none."""
        return self._due[0].time_us if self._due else None

    def drop(self) -> None:
        """Forget all that is due: the process died."""
        self._due.clear()
