"""The open orders of one router: what is routed and not yet reported, and when it is due.

Who takes an order out of `open` reports it, and only one can: so every order gives exactly one
OUTCOME, whichever of the gateway's threads and the horizon comes first.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from tradecanary.producers.clock import Clock
from tradecanary.schemas.execution import ERROR_STATUSES, ExecutionEvent, Mode, OrderStatus
from tradecanary.schemas.units import STABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradecanary.producers.plan import Arm
    from tradecanary.producers.route import Route

_NS_PER_US = 1_000


class OpenOrders:
    """Times the horizon and counts. `lock` is held over additions only, never over a call."""

    def __init__(
        self,
        strategy: str,
        clock: Clock,
        *,
        horizon_us: int,
        by_account: bool,
        mode: Mode,
        on_canary_outcome: Callable[[bool], None],
    ) -> None:
        """Report orders of `strategy` at `horizon_us`; tell of canary outcomes, error or not."""
        self.strategy = strategy
        self.by_account = by_account
        self.mode = mode
        self.horizon_ns = horizon_us * _NS_PER_US
        self.lock = threading.Lock()
        self.open: dict[Route, None] = {}
        self.faults = 0
        self.unmatched = 0
        self.monotonic_ns = clock.monotonic_ns
        self._wall_ns = clock.wall_ns
        self._on_canary_outcome = on_canary_outcome
        self._offset_ns = 0
        self.set_clock()

    def set_clock(self) -> None:
        """Learn anew how the two clocks lie to each other; called about once a second."""
        self._offset_ns = self._wall_ns() - self.monotonic_ns()

    def wall_us(self, monotonic_ns: int) -> int:
        """Return microseconds UTC of a moment of the monotonic clock."""
        return (monotonic_ns + self._offset_ns) // _NS_PER_US

    def take_out(self, route: Route) -> bool:
        """Return whether `route` was open; now it is not, and the caller must report it."""
        try:
            del self.open[route]
        except KeyError:
            return False
        return True

    def over(self, route: Route, now_ns: int) -> bool:
        """Return whether `route` has reached its horizon."""
        return now_ns - route.submitted_ns >= self.horizon_ns

    def count(self, arm: Arm[object], status: OrderStatus) -> None:
        """Count one reported order."""
        with self.lock:
            arm.tally.reported += 1
        if arm.variant != STABLE and arm.revision:
            self._on_canary_outcome(status in ERROR_STATUSES)

    def expired(self) -> list[ExecutionEvent]:
        """Return the OUTCOMEs of the orders that reached their horizon, oldest first."""
        now_ns = self.monotonic_ns()
        events = []
        for route in list(self.open):  # in the order of submission, or nearly
            if not self.over(route, now_ns):
                break
            if self.take_out(route):
                events.append(route.unended(now_ns))
        return events

    def rest(self) -> list[ExecutionEvent]:
        """Return the OUTCOMEs of all open orders as they stand now."""
        now_ns = self.monotonic_ns()
        return [route.unended(now_ns) for route in list(self.open) if self.take_out(route)]
