"""What the routers say: who is heard, what they have loaded, which orders vanished."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from tradecanary.processors.decision.cohorts import Horizons
from tradecanary.processors.decision.model import Rollout, RouterSeen, StrategyState
from tradecanary.processors.decision.spec import RolloutSpec
from tradecanary.processors.decision.transitions import CARRYING
from tradecanary.schemas.decisions import RouterFact
from tradecanary.schemas.routing import BreakerState, LeaseState, RevisionCounts, RouterStatus
from tradecanary.schemas.units import CANARY, US_PER_S

HEARD_US = 10 * US_PER_S
FORGET_US = 3600 * US_PER_S
WAITING_US = 3 * US_PER_S


def take_in(strategy: StrategyState, facts: Iterable[RouterFact], now_us: int) -> StrategyState:
    """Return the strategy with the newest status of each router incarnation.

    Incarnations silent for 1 h are dropped, unless they routed canary orders of a running rollout.
    """
    kept = {
        name: seen
        for name, seen in strategy.routers.items()
        if now_us - seen.heard_at_us < FORGET_US or _routed_canary(seen, strategy)
    }
    for fact in facts:
        status = fact.status
        name = f"{status.router}/{status.incarnation}"
        kept[name] = _seen(kept.get(name), status, now_us)
    if kept == strategy.routers:
        return strategy
    return replace(strategy, routers=kept)


def _seen(old: RouterSeen | None, status: RouterStatus, now_us: int) -> RouterSeen:
    since_us = now_us if status.lease is LeaseState.LAPSED else -1
    if old is None:
        return RouterSeen(status, now_us, since_us)
    same = old.lapsed_since_us >= 0 and old.status.revision == status.revision
    if since_us >= 0 and same:
        since_us = old.lapsed_since_us
    return RouterSeen(status, now_us, since_us, old.reissued_lapses)


def outdates(newer: RouterStatus, older: RouterStatus) -> bool:
    """Return whether `take_in` of both, one look's and one incarnation's, is that of `newer` alone.

    All counts are sums since the incarnation began. Only since when it is LAPSED is not in the
    newest: a lapse ends with any other status in between.
    """
    if newer.lease is not LeaseState.LAPSED:
        return True
    return older.lease is LeaseState.LAPSED and older.revision == newer.revision


def _routed_canary(seen: RouterSeen, strategy: StrategyState) -> bool:
    rollout = strategy.rollout
    return (
        rollout is not None
        and rollout.status in CARRYING
        and any(_is_canary(counts, rollout) for counts in seen.status.counts)
    )


def _is_canary(counts: RevisionCounts, rollout: Rollout) -> bool:
    return counts.variant == CANARY and counts.revision in rollout.revisions


def taken_over(strategy: StrategyState, away_us: int) -> StrategyState:
    """Return the strategy for a new decider: for `away_us` no router was to be heard."""
    seen = {
        name: replace(one, heard_at_us=one.heard_at_us + away_us)
        for name, one in strategy.routers.items()
    }
    return replace(strategy, routers=seen)


def heard(strategy: StrategyState, now_us: int) -> list[RouterStatus]:
    """Return the statuses of the routers heard in the last 10 s, one a router (its newest life)."""
    newest: dict[str, RouterStatus] = {}
    for seen in strategy.routers.values():
        if now_us - seen.heard_at_us >= HEARD_US:
            continue
        old = newest.get(seen.status.router)
        if old is None or old.incarnation < seen.status.incarnation:
            newest[seen.status.router] = seen.status
    return [newest[name] for name in sorted(newest)]


def attest_problem(
    spec: RolloutSpec, statuses: list[RouterStatus], frozen: Horizons | None = None
) -> str:
    """Return why the routers cannot carry more of the canary yet, or an empty text.

    All routers heard, and at least the expected number, must have the version loaded and agree on
    the horizons (with those that START froze, once there are any); no breaker may be open.
    """
    if len(statuses) < spec.expected_routers:
        return f"{len(statuses)} of {spec.expected_routers} expected routers heard in the last 10 s"
    missing = [status.router for status in statuses if spec.canary not in status.versions]
    if missing:
        return f"{spec.canary} is not loaded at {', '.join(missing)}"
    wrong_unit = [status.router for status in statuses if status.unit != spec.unit]
    if wrong_unit:
        return f"unit is not {spec.unit} at {', '.join(wrong_unit)}"
    open_at = [status.router for status in statuses if status.breaker is BreakerState.OPEN]
    if open_at:
        return f"breaker open at {', '.join(open_at)}: find out why, then rearm"
    return _horizons_problem(statuses, frozen)


def _horizons_problem(statuses: list[RouterStatus], frozen: Horizons | None) -> str:
    horizons = {Horizons(status.order_horizon_us, status.markout_horizon_us) for status in statuses}
    said = sorted((one.order_us, one.markout_us) for one in horizons)
    if len(horizons) > 1:
        return f"routers disagree on order_horizon and markout_horizon: {said} us"
    if frozen is not None and horizons != {frozen}:
        return (
            f"order_horizon and markout_horizon were ({frozen.order_us}, {frozen.markout_us}) us "
            f"at the start, routers now say {said} us"
        )
    return ""


@dataclass(frozen=True, slots=True)
class Vanished:
    """Canary orders that were routed and can no longer be reported."""

    orders: int
    routed: int


def vanished(strategy: StrategyState, rollout: Rollout, now_us: int) -> Vanished:
    """Return routed - reported - open over all incarnations.

    What an incarnation still had open counts when it is silent for 10 s and for the horizon: then
    every such order is older than it.
    """
    silent_us = max(HEARD_US, rollout.order_horizon_us)
    lost = routed = 0
    for seen in strategy.routers.values():
        alive = now_us - seen.heard_at_us < silent_us
        for counts in seen.status.counts:
            if _is_canary(counts, rollout):
                routed += counts.routed
                lost += counts.routed - counts.reported - (counts.open if alive else 0)
    return Vanished(lost, routed)


def is_back(strategy: StrategyState, now_us: int) -> bool:
    """Return whether a router by account waits for a newer revision than the one it lapsed under.

    Such a router hears its lease renewed, says LAPSED all the same and stays at the baseline, so
    that positions do not flap. One that only starts says LAPSED too, but for less than 3 s.
    """
    rollout = strategy.rollout
    if strategy.unit != "account" or rollout is None or rollout.status not in CARRYING:
        return False
    return any(_waits(seen, strategy, now_us) for seen in strategy.routers.values())


def _waits(seen: RouterSeen, strategy: StrategyState, now_us: int) -> bool:
    return (
        now_us - seen.heard_at_us < HEARD_US
        and seen.lapsed_since_us >= 0
        and now_us - seen.lapsed_since_us >= WAITING_US
        and seen.status.revision == strategy.revision
        and seen.status.lapses > seen.reissued_lapses
    )


def answered(strategy: StrategyState) -> StrategyState:
    """Return the strategy with its lapsed routers noted: a lapse is answered by one revision."""
    seen = {
        name: replace(one, reissued_lapses=one.status.lapses) if one.lapsed_since_us >= 0 else one
        for name, one in strategy.routers.items()
    }
    return replace(strategy, routers=seen)
