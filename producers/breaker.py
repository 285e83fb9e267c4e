"""The router's own breaker: latched by consecutive canary errors, re-armed only by a person.

The person's command reaches the router as a higher `rearm` number in the vector.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

DEFAULT_LIMIT = 10


@dataclass(frozen=True, slots=True)
class Breaker:
    """Counts consecutive errors (REJECTED, TIMED_OUT) of the canary; open from `limit` on."""

    limit: int = DEFAULT_LIMIT
    errors: int = 0
    rearm: int = 0
    open: bool = False

    def after(self, *, error: bool) -> Breaker:
        """Return the breaker after one more canary outcome. Nothing but `rearmed` closes it."""
        if self.open or (self.errors == 0 and not error):
            return self
        errors = self.errors + 1 if error else 0
        return replace(self, errors=errors, open=errors >= self.limit)

    def rearmed(self, rearm: int) -> Breaker:
        """Return the breaker after a vector with this `rearm` number: closed if it is higher."""
        if rearm <= self.rearm:
            return self
        return replace(self, errors=0, rearm=rearm, open=False)
