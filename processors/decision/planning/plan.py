"""The plan of a rollout: durations, effects with orders and loss until caught, and blind spots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tradecanary.processors.decision.judge_settings import Sequential
from tradecanary.processors.decision.judges.sequential.reference import Reference, freeze
from tradecanary.processors.decision.judges.sequential.state import SequentialState, start
from tradecanary.processors.decision.judges.sequential.streams import STREAMS
from tradecanary.processors.decision.planning.blind import blind_spots
from tradecanary.processors.decision.planning.effects import (
    Effect,
    Orders,
    canary_orders,
    effects_of,
    stable_orders,
)
from tradecanary.processors.decision.planning.growth import Arms, harm, health, pairing
from tradecanary.processors.decision.planning.ramp import Point, Span, reached, spans
from tradecanary.processors.decision.policy import Policy
from tradecanary.processors.decision.sums import Sums
from tradecanary.schemas.units import MICROS

MINIMA = "the minima of the phases"


class CannotPlan(ValueError):
    """There is nothing to plan; the text names the field and says what to do."""


class Fate(StrEnum):
    """What is expected of a rollout whose canary has an effect."""

    CAUGHT = "caught"
    PROMOTED = "promoted first"
    RUN_OUT = "max_duration first"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class PlannedPhase:
    """A phase below 10000 with an equal canary: its own duration, and canary orders at its end."""

    name: str
    weight_bp: int
    seconds: float
    canary_orders: float


@dataclass(frozen=True, slots=True)
class Wait:
    """One thing a promotion waits for, and until when on average; None: it never comes."""

    name: str
    canary_orders: float | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class PlannedEffect:
    """An effect: the stream expected to catch it first, after how long, and what it has cost then.

    `loss` is in the reporting currency, or (`loss_in_bp`) in bp of one order's notional; None where
    the measure says nothing of money.
    """

    effect: Effect
    stream: str
    canary_orders: float | None
    seconds: float | None
    phase: str
    fate: Fate
    loss: float | None
    loss_in_bp: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What a policy would do with this strategy's orders; `waits` and phases: an equal canary."""

    orders_per_s: float
    reference_orders: int
    phases: tuple[PlannedPhase, ...]
    waits: tuple[Wait, ...]
    promotion: Wait
    effects: tuple[PlannedEffect, ...]
    cannot: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Basis:
    """What a plan is computed from, made once: reference, judge's terms, ramp.

    `notional`: of a stable order on average, in the reporting currency; 0 when none was recorded.
    """

    policy: Policy
    settings: Sequential
    orders_per_s: float
    reference: Reference
    state: SequentialState
    stable: Orders
    notional: float
    ramp: list[Span]

    def arms(self, canary: Orders) -> Arms:
        """Return stable's orders beside the canary's, under the weights of the ramp."""
        weights = tuple(span.weight_bp for span in self.ramp)
        return Arms(self.stable, canary, weights, (pairing(self.orders_per_s),) * len(weights))


def basis(policy: Policy, stable: Sums, orders_per_s: float) -> Basis:
    """Return the basis of a plan; the policy's judge must be `sequential` (else CannotPlan)."""
    settings = policy.judge
    if not isinstance(settings, Sequential):
        raise CannotPlan(
            f"judge.kind was {settings.kind}: it bounds no error rate, so there is nothing to "
            "plan; use sequential"
        )
    reference = freeze(stable, settings)
    orders = stable_orders(stable, reference)
    state = start(settings, reference)
    seen = stable.measure("notional_micros")
    notional = seen.total / seen.n / MICROS if seen.total > 0 else 0.0
    ramp = spans(policy, orders_per_s)
    return Basis(policy, settings, orders_per_s, reference, state, orders, notional, ramp)


def plan(policy: Policy, stable: Sums, orders_per_s: float, accounts: int | None = None) -> Plan:
    """Return the plan for stable's recorded orders at this rate.

    `accounts`: how many send orders, where the account is the unit. Raises CannotPlan for a policy
    whose judge is not `sequential`.
    """
    base = basis(policy, stable, orders_per_s)
    waits = waits_of(base, base.stable)
    promotion = last_of(waits)
    price = base.notional or None
    effects = effects_of(base.reference, base.settings, base.stable)
    planned = tuple(_effect(base, effect, price) for effect in effects)
    return Plan(
        orders_per_s=orders_per_s,
        reference_orders=base.reference.orders,
        phases=_phases(base, promotion),
        waits=waits,
        promotion=promotion,
        effects=planned,
        cannot=tuple(blind_spots(policy, base.settings, base.reference, accounts)),
    )


def waits_of(base: Basis, canary: Orders) -> tuple[Wait, ...]:
    """Return what a promotion of this canary waits for, and until when.

    Every non-inferiority test, the minima of the phases, and `promotion_orders`: so many orders
    must every mean have, and not every order fills.
    """
    found = health(base.state, base.settings, base.reference, base.arms(canary))
    points = {name: reached(base.ramp, base.orders_per_s, nats) for name, nats in found.items()}
    covered = (values.coverage for values in canary.values if values is not None)
    least = base.settings.promotion_orders / min(covered, default=1.0)
    points["promotion_orders"] = reached(base.ramp, base.orders_per_s, lambda _: 0.0, least)
    points[MINIMA] = _end(base.ramp)
    return tuple(
        Wait(name, None, None) if point is None else Wait(name, point.orders, point.seconds)
        for name, point in points.items()
    )


def last_of(waits: Sequence[Wait]) -> Wait:
    """Return what a promotion waits for longest."""
    return max(waits, key=lambda wait: _seconds(wait.seconds))


def _end(ramp: Sequence[Span]) -> Point:
    orders, seconds = sum(s.orders for s in ramp), sum(s.seconds for s in ramp)
    return Point(orders, seconds, ramp[-1].name)


def _seconds(seconds: float | None) -> float:
    return float("inf") if seconds is None else seconds


def _phases(base: Basis, promotion: Wait) -> tuple[PlannedPhase, ...]:
    found, orders, seconds = [], 0.0, 0.0
    for span in base.ramp:
        orders, seconds = orders + span.orders, seconds + span.seconds
        found.append(PlannedPhase(span.name, span.weight_bp, span.seconds, orders))
    if promotion.seconds is not None and promotion.canary_orders is not None:
        last = found[-1]
        waits = last.seconds + promotion.seconds - seconds
        found[-1] = PlannedPhase(last.name, last.weight_bp, waits, promotion.canary_orders)
    return tuple(found)


def _effect(base: Basis, effect: Effect, price: float | None) -> PlannedEffect:
    canary = canary_orders(effect, base.reference, base.stable)
    streams = harm(base.state, base.settings, base.reference, base.arms(canary))
    points = [reached(base.ramp, base.orders_per_s, nats) for nats in streams]
    caught = [(p, s.name) for p, s in zip(points, STREAMS, strict=True) if p is not None]
    promoted = last_of(waits_of(base, canary))
    limit = base.policy.max_duration_s
    if not caught:
        fate = Fate.PROMOTED if _seconds(promoted.seconds) <= limit else Fate.NEVER
        return PlannedEffect(effect, "", None, None, "", fate, None, price is None)
    point, stream = min(caught, key=lambda pair: pair[0].seconds)
    fate = Fate.CAUGHT
    if point.seconds > min(limit, _seconds(promoted.seconds)):
        fate = Fate.PROMOTED if _seconds(promoted.seconds) <= limit else Fate.RUN_OUT
    loss = None
    if effect.money_bp is not None:
        in_bp = effect.money_bp * point.orders
        loss = in_bp if price is None else in_bp / 10_000 * price
    return PlannedEffect(
        effect, stream, point.orders, point.seconds, point.phase, fate, loss, price is None
    )
