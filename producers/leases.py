"""How long a router may follow its vector without hearing from the decider again.

Nobody's host clock is compared with another's: a record's age is told by the broker's append
times alone. The router learns how its own monotonic clock lies to the broker's from the append
times in the delivery reports of its status messages; the smallest difference of the last 10
minutes is the one least delayed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tradecanary.schemas.routing import LeaseState

FRESH_MS = 3_000
"""A record older than this renews nothing: a backlog must not keep a dead decider's lease."""

_NS_PER_MS = 1_000_000
_MINUTE_NS = 60_000 * _NS_PER_MS
_MINUTES = 10


@dataclass(frozen=True, slots=True)
class BrokerClock:
    """The broker's clock as told by delivery reports: smallest difference per minute."""

    minima: tuple[tuple[int, int], ...] = ()

    def heard(self, append_time_ms: int, now_ns: int) -> BrokerClock:
        """Return the clock after a delivery report read at `now_ns` (monotonic)."""
        minute = now_ns // _MINUTE_NS
        kept = {m: least for m, least in self.minima if minute - _MINUTES < m <= minute}
        difference_ns = now_ns - append_time_ms * _NS_PER_MS
        kept[minute] = min(difference_ns, kept.get(minute, difference_ns))
        return BrokerClock(tuple(sorted(kept.items())))

    def age_ms(self, append_time_ms: int, now_ns: int) -> int | None:
        """Return how old a record is; None while the broker's clock is not known."""
        minute = now_ns // _MINUTE_NS
        known = [least for m, least in self.minima if minute - _MINUTES < m]
        if not known:
            return None
        return (now_ns - min(known)) // _NS_PER_MS - append_time_ms


@dataclass(frozen=True, slots=True)
class Lease:
    """One router's lease.

    `waits_beyond` is the revision under which it lapsed where the unit is the account: only a
    newer one makes the lease valid again, so that positions do not flap (-1: waits for none).
    """

    sticky: bool
    state: LeaseState = LeaseState.NONE
    until_ns: int = 0
    lapses: int = 0
    waits_beyond: int = -1

    def at(self, now_ns: int, revision: int) -> Lease:
        """Return the lease at `now_ns`, lapsed when its time is over; `revision` is followed."""
        if self.state is not LeaseState.VALID or now_ns < self.until_ns:
            return self
        return replace(
            self,
            state=LeaseState.LAPSED,
            lapses=self.lapses + 1,
            waits_beyond=revision if self.sticky else -1,
        )

    def heard(self, now_ns: int, age_ms: int | None, lease_ms: int, revision: int) -> Lease:
        """Return the lease after a record that was adopted or equals the one followed.

        `age_ms` is None when the broker's clock is not known: then nothing is renewed. The first
        record at a start, when it is older than its lease, lapsed for everybody.
        """
        waits_beyond = self.waits_beyond if revision <= self.waits_beyond else -1
        if age_ms is None or age_ms > FRESH_MS:
            if self.state is not LeaseState.NONE:
                return replace(self, waits_beyond=waits_beyond)
            lapsed = self.sticky and age_ms is not None and age_ms > lease_ms
            return replace(self, state=LeaseState.LAPSED, waits_beyond=revision if lapsed else -1)
        if waits_beyond >= 0:
            return replace(self, state=LeaseState.LAPSED, waits_beyond=waits_beyond)
        return replace(
            self,
            state=LeaseState.VALID,
            until_ns=now_ns + lease_ms * _NS_PER_MS,
            waits_beyond=-1,
        )
