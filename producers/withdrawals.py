"""Variants taken out of service at this router, and whether the service was told."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from tradecanary.schemas.routing import Withdrawal
from tradecanary.schemas.units import STABLE

Served = frozenset[tuple[str, str]]
"""(variant, version) pairs that get new orders."""

_KEPT = 16


class Withdrawals:
    """Calls `on_withdrawn` for each variant that got orders and whose version gets none now.

    Stable is withdrawn by a kill alone: promoting another version leaves its orders the time to
    end. A variant whose version goes on under another tag (FINISH) is not withdrawn.
    """

    def __init__(self, on_withdrawn: Callable[[str], object] | None, served: Served) -> None:
        """Start with what is served before any vector."""
        self._on_withdrawn = on_withdrawn
        self._served = served
        self._newest: deque[Withdrawal] = deque(maxlen=_KEPT)

    @property
    def newest(self) -> tuple[Withdrawal, ...]:
        """The newest 16, oldest first. Acknowledged: the callback returned."""
        return tuple(self._newest)

    def now_served(self, served: Served, cause: str, time_us: int) -> None:
        """Note what is served from now on (nothing: killed), and tell what was withdrawn."""
        versions = {version for _, version in served}
        gone = {variant for variant, version in self._served if version not in versions}
        self._served = served
        for variant in sorted(gone - {STABLE} if served else gone):
            self._newest.append(Withdrawal(variant, cause, time_us, self._told(variant)))

    def _told(self, variant: str) -> bool:
        if self._on_withdrawn is None:
            return False
        try:
            self._on_withdrawn(variant)
        except Exception:  # noqa: BLE001 -- the service's own fault; the status says it was not told
            return False
        return True
