"""Variants taken out of service at this router, and whether the service was told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from tradecanary.producers.standing import Served
from tradecanary.schemas.routing import Withdrawal
from tradecanary.schemas.units import STABLE

_KEPT = 16


class Withdrawals:
    """Calls `on_withdrawn` for each variant that got orders and whose version gets none now.

    Stable is withdrawn by a kill alone: promoting another version leaves its orders the time to
    end. A variant whose version goes on under another tag (FINISH) is not withdrawn. Noting and
    telling are two steps, so that a service which takes its time to cancel holds nothing up; two
    threads may do one each.
    """

    def __init__(self, on_withdrawn: Callable[[str], object] | None, served: Served) -> None:
        """Start with what is served before any vector."""
        self._on_withdrawn = on_withdrawn
        self._served = served
        self._lock = threading.Lock()  # never held over the callback
        self._noted = 0
        self._newest: dict[int, Withdrawal] = {}
        self._untold: dict[str, int] = {}

    @property
    def newest(self) -> tuple[Withdrawal, ...]:
        """The newest 16, oldest first. Acknowledged: the callback returned."""
        with self._lock:
            return tuple(self._newest.values())

    def now_served(self, served: Served, cause: str, time_us: int) -> None:
        """Note what is served from now on (nothing: killed), and what was withdrawn, untold."""
        versions = {version for _, version in served}
        gone = {variant for variant, version in self._served if version not in versions}
        self._served = served
        for variant in sorted(gone - {STABLE} if served else gone):
            with self._lock:
                self._noted += 1
                self._newest[self._noted] = Withdrawal(variant, cause, time_us, acknowledged=False)
                self._newest.pop(self._noted - _KEPT, None)
                # A variant waits once: the next call tells of all its withdrawals until then.
                self._untold.setdefault(variant, self._noted)

    def tell(self) -> None:
        """Call the service for what waits; acknowledge what it returned from."""
        while (waiting := self._next()) is not None:
            variant, first, last = waiting
            if self._told(variant):
                self._acknowledge(variant, first, last)

    def _next(self) -> tuple[str, int, int] | None:
        with self._lock:
            for variant, first in self._untold.items():
                del self._untold[variant]
                return variant, first, self._noted
        return None

    def _acknowledge(self, variant: str, first: int, last: int) -> None:
        with self._lock:
            for number, one in self._newest.items():
                if one.variant == variant and first <= number <= last:
                    self._newest[number] = replace(one, acknowledged=True)

    def _told(self, variant: str) -> bool:
        if self._on_withdrawn is None:
            return False
        try:
            self._on_withdrawn(variant)
        except (Exception, SystemExit):  # noqa: BLE001 -- the service's own fault; the status says it was not told
            return False
        return True
