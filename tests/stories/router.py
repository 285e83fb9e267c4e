"""What a router says of itself in a story, word by word."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tradecanary.schemas.routing import (
    BreakerState,
    LeaseState,
    RevisionCounts,
    RouterStatus,
    UnitKind,
)
from tradecanary.schemas.units import US_PER_S


@dataclass(frozen=True, slots=True)
class Router:
    """What a router says of itself."""

    name: str
    versions: tuple[str, ...]
    silent: bool = False
    unit: UnitKind = UnitKind.ORDER
    lease: LeaseState = LeaseState.VALID
    lapses: int = 0
    incarnation: int = 1
    breaker: BreakerState = BreakerState.CLOSED
    horizon_us: int = 2 * US_PER_S
    routed: int = 0
    reported: int = 0
    open: int = 0
    revision: int = 1

    def told(self, words: list[str]) -> Router:
        """Return the router with the figures of a line."""
        router = self
        for word in words:
            key, value = word.split("=")
            if key in {"foreign", "astray", "coinless"}:  # the flow's
                continue
            match key:
                case "silent":
                    router = replace(router, silent=value == "yes")
                case "unit":
                    router = replace(router, unit=UnitKind(value))
                case "lease":
                    router = replace(router, lease=LeaseState(value))
                case "breaker":
                    router = replace(router, breaker=BreakerState(value))
                case "versions":
                    kept = tuple(v for v in self.versions if v.startswith(value))
                    router = replace(router, versions=kept)
                case "all":
                    router = replace(router, versions=_ALL)
                case "horizon":
                    router = replace(router, horizon_us=int(value) * US_PER_S)
                case _:
                    changed: dict[str, Any] = {key: int(value)}
                    router = replace(router, **changed)
        return router

    def status(self, now_us: int) -> RouterStatus:
        """Return the router's record as of now."""
        counts = RevisionCounts(self.revision, "canary", self.routed, self.reported, self.open)
        return RouterStatus(
            router=self.name,
            incarnation=self.incarnation,
            strategy="momentum",
            time_us=now_us,
            versions=self.versions,
            unit=self.unit,
            baseline=_ALL[0],
            order_horizon_us=self.horizon_us,
            markout_horizon_us=0,
            epoch=1,
            revision=self.revision,
            lease=self.lease,
            breaker=self.breaker,
            rearm=0,
            killed=False,
            lapses=self.lapses,
            fallback="",
            counts=(counts,) if self.routed else (),
            withdrawals=(),
            backlog=0,
            spooled=0,
            dropped=0,
        )


_ALL = ("momentum-1.0.0-aaaaaaaa", "momentum-2.0.0-bbbbbbbb")
