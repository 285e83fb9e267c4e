"""A ramp as time and canary orders: how long phases take, and where evidence is enough.

The phase before 10000 goes on until the promotion, or until `max_duration`; there is no evidence at
10000, for there is no control.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tradecanary.processors.decision.planning.growth import Nats
from tradecanary.processors.decision.policy import Policy
from tradecanary.schemas.units import FULL_WEIGHT_BP

_MOST_ORDERS = 1e12
_HALVINGS = 60


@dataclass(frozen=True, slots=True)
class Span:
    """One phase below 10000: its weight, and the least canary orders and seconds it takes."""

    name: str
    weight_bp: int
    orders: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Point:
    """A moment of a rollout: canary orders and seconds since the start, and the phase it is in."""

    orders: float
    seconds: float
    phase: str


def spans(policy: Policy, orders_per_s: float) -> list[Span]:
    """Return the phases below 10000 at this order rate, as their minima make them."""
    found = []
    for phase in policy.ramp[:-1]:
        canary_per_s = orders_per_s * phase.weight_bp / FULL_WEIGHT_BP
        seconds = max(phase.min_duration_s, phase.min_orders / canary_per_s)
        found.append(Span(phase.name, phase.weight_bp, seconds * canary_per_s, seconds))
    return found


def least_canary_orders(policy: Policy) -> float:
    """Return the canary's orders when the phases below 10000 pass, at any rate: by their minima."""
    return sum(
        max(
            phase.min_orders,
            phase.min_duration_s
            * (phase.criteria.min_orders_per_s or 0)
            * phase.weight_bp
            / FULL_WEIGHT_BP,
        )
        for phase in policy.ramp[:-1]
    )


def reached(ramp: list[Span], orders_per_s: float, nats: Nats, least: float = 0) -> Point | None:
    """Return when `nats` is expected to turn positive, not before `least` orders; None: never."""
    before: list[float] = []
    for index, span in enumerate(ramp):
        most = span.orders if index < len(ramp) - 1 else _MOST_ORDERS
        enough = _enough(nats, before, len(ramp), least)
        if enough(most):
            return _at(ramp, index, _smallest(enough, most), orders_per_s)
        before = [*before, span.orders]
    return None


def after(ramp: list[Span], orders_per_s: float, seconds: float) -> float:
    """Return the canary orders of so many seconds since the start."""
    orders = 0.0
    for index, span in enumerate(ramp):
        last = index == len(ramp) - 1
        spent = seconds if last else min(seconds, span.seconds)
        orders += spent * orders_per_s * span.weight_bp / FULL_WEIGHT_BP
        seconds -= spent
    return orders


def _enough(nats: Nats, before: list[float], phases: int, least: float) -> Callable[[float], bool]:
    """Return whether n canary orders in the phase after `before` are enough."""
    rest = [0.0] * (phases - len(before) - 1)
    return lambda n: sum(before) + n >= least and nats([*before, n, *rest]) >= 0


def _smallest(enough: Callable[[float], bool], most: float) -> float:
    low, high = 0.0, most
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _at(ramp: list[Span], index: int, orders: float, orders_per_s: float) -> Point:
    earlier, span = ramp[:index], ramp[index]
    seconds = orders / (orders_per_s * span.weight_bp / FULL_WEIGHT_BP)
    return Point(
        sum(each.orders for each in earlier) + orders,
        sum(each.seconds for each in earlier) + seconds,
        span.name,
    )
