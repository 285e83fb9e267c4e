"""What the routers say: who is heard, what they have loaded, which orders vanished."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tradecanary.processors.decision.model import Rollout, RouterSeen, StrategyState
from tradecanary.processors.decision.policy import RolloutSpec
from tradecanary.schemas.decisions import RouterFact
from tradecanary.schemas.routing import BreakerState, LeaseState, RouterStatus
from tradecanary.schemas.units import CANARY, US_PER_S

HEARD_US = 10 * US_PER_S
FORGET_US = 3600 * US_PER_S


def take_in(
    routers: Mapping[str, RouterSeen], facts: Iterable[RouterFact], now_us: int
) -> dict[str, RouterSeen]:
    """Return the newest status per router incarnation; incarnations silent for 1 h are dropped."""
    kept = {name: seen for name, seen in routers.items() if now_us - seen.heard_at_us < FORGET_US}
    for fact in facts:
        status = fact.status
        kept[f"{status.router}/{status.incarnation}"] = RouterSeen(status, now_us)
    return kept


def heard_now(routers: Mapping[str, RouterSeen], now_us: int) -> dict[str, RouterSeen]:
    """Return the routers as if all were just heard: a new decider waits before it misses one."""
    return {name: RouterSeen(seen.status, now_us) for name, seen in routers.items()}


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


def attest_problem(spec: RolloutSpec, statuses: list[RouterStatus]) -> str:
    """Return why the routers cannot carry the canary yet, or an empty text.

    All routers heard, and at least the expected number, must have the version loaded.
    """
    if len(statuses) < spec.expected_routers:
        return f"{len(statuses)} of {spec.expected_routers} expected routers heard in the last 10 s"
    missing = [status.router for status in statuses if spec.canary not in status.versions]
    if missing:
        return f"{spec.canary} is not loaded at {', '.join(missing)}"
    wrong_unit = [status.router for status in statuses if status.unit != spec.unit]
    if wrong_unit:
        return f"unit is not {spec.unit} at {', '.join(wrong_unit)}"
    horizons = {(status.order_horizon_us, status.markout_horizon_us) for status in statuses}
    if len(horizons) > 1:
        return f"routers disagree on order_horizon and markout_horizon: {sorted(horizons)} us"
    return ""


def open_breakers(statuses: list[RouterStatus]) -> list[str]:
    """Return the routers whose breaker is open: anywhere one forbids increases."""
    return [status.router for status in statuses if status.breaker is BreakerState.OPEN]


@dataclass(frozen=True, slots=True)
class Vanished:
    """Canary orders that were routed and can no longer be reported."""

    orders: int
    routed: int


def vanished(strategy: StrategyState, rollout: Rollout, now_us: int) -> Vanished:
    """Return routed - reported - open over all incarnations.

    What an incarnation silent for 10 s still had open counts as vanished.
    """
    lost = routed = 0
    for seen in strategy.routers.values():
        alive = now_us - seen.heard_at_us < HEARD_US
        for counts in seen.status.counts:
            if counts.variant != CANARY or counts.revision not in rollout.revisions:
                continue
            routed += counts.routed
            lost += counts.routed - counts.reported - (counts.open if alive else 0)
    return Vanished(lost, routed)


def wait_for_reissue(strategy: StrategyState, now_us: int) -> bool:
    """Return whether a router strategy by account is back after a lapse and needs a new revision.

    Such a router follows its lease again, but stays at the baseline so that positions do not flap.
    """
    if strategy.unit != "account":
        return False
    return any(
        status.lease is LeaseState.LAPSED
        and status.revision == strategy.revision
        and status.epoch == strategy.written_epoch
        and status.time_us > 0
        for status in heard(strategy, now_us)
        if now_us - strategy.written_at_us < 2 * US_PER_S
    )
