"""The two clocks of a trading service, as values: a simulation hands in its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """Nanoseconds UTC, and nanoseconds of a clock that never goes back (leases, latencies)."""

    wall_ns: Callable[[], int]
    monotonic_ns: Callable[[], int]

    @classmethod
    def of(cls, now_us: Callable[[], int]) -> Clock:
        """Return a clock driven by one simulated time in microseconds UTC."""
        return cls(lambda: now_us() * 1000, lambda: now_us() * 1000)


SYSTEM_CLOCK = Clock(time.time_ns, time.monotonic_ns)
