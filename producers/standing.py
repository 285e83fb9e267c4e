"""All that a router knows of what it may do: vector, lease, kills. Frozen; the router swaps it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tradecanary.producers import vectors
from tradecanary.producers.breaker import Breaker
from tradecanary.producers.leases import Lease
from tradecanary.schemas.routing import KillSwitch, LeaseState, RoutingWeights
from tradecanary.schemas.units import STABLE

Served = frozenset[tuple[str, str]]
"""(variant, version) pairs that get new orders."""


@dataclass(frozen=True, slots=True)
class Standing:
    """`problem` says why the newest vector cannot be obeyed, empty when it can."""

    first_baseline: str
    lease: Lease
    vector: RoutingWeights | None = None
    problem: str = "no vector was read yet"
    kills: tuple[KillSwitch, ...] = ()

    @property
    def mark(self) -> tuple[int, int]:
        """Epoch and revision of the newest vector, zeros before any."""
        return (0, 0) if self.vector is None else (self.vector.epoch, self.vector.revision)

    @property
    def baseline(self) -> str:
        """The version served when no vector may be followed: the newest vector names it."""
        return self.first_baseline if self.vector is None else self.vector.baseline

    @property
    def killed(self) -> bool:
        """Whether the strategy, or everything, is killed."""
        return any(record.killed for record in self.kills)

    def at(self, now_ns: int) -> Standing:
        """Return the standing at `now_ns`, the lease lapsed when it is over."""
        lease = self.lease.at(now_ns, self.mark[1])
        return self if lease is self.lease else replace(self, lease=lease)

    def after_kill(self, record: KillSwitch) -> Standing:
        """Return the standing after a record of `kill-switch`: the last one of a key holds."""
        others = tuple(kill for kill in self.kills if kill.strategy != record.strategy)
        return replace(self, kills=(*others, record))

    def fallback(self, breaker: Breaker) -> str:
        """Return why orders go to the baseline, empty when the vector is followed."""
        if self.problem:
            return self.problem
        if breaker.open:
            return f"breaker open after {breaker.errors} consecutive canary errors"
        if self.lease.waits_beyond >= 0:
            return f"lease lapsed; waits for a revision above {self.lease.waits_beyond}"
        return "" if self.lease.state is LeaseState.VALID else "lease lapsed"

    def served(self, fallback: str) -> Served:
        """Return the (variant, version) pairs that get new orders; nothing when killed."""
        if self.killed:
            return frozenset()
        baseline = frozenset({(STABLE, self.baseline)})
        if fallback or self.vector is None:
            return baseline
        return baseline | vectors.served(self.vector)

    def cause(self, fallback: str) -> str:
        """Return what to say of a withdrawal."""
        killed = next((record for record in self.kills if record.killed), None)
        if killed is not None:
            return f"killed by {killed.actor}: {killed.reason}"
        if fallback or self.vector is None:
            return fallback
        return f"revision {self.vector.revision}: {self.vector.reason}"
