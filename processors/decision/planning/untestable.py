"""What a policy asks for and its orders cannot bring: refused before a rollout is lost."""

from __future__ import annotations

from collections.abc import Iterator

from tradecanary.processors.decision.judges.sequential.streams import MEASURED
from tradecanary.processors.decision.planning.plan import MINIMA, Basis, Wait, last_of, waits_of
from tradecanary.processors.decision.planning.ramp import after
from tradecanary.processors.decision.policy import Policy

_HOUR_S = 3600


def untestable(base: Basis) -> Iterator[str]:
    """Yield a sentence for each field that keeps even an equal canary from its promotion.

    The canary is planned the orders that the phases below 10000 give it until `max_duration_s`;
    what needs more on average is refused: such a rollout would end INCONCLUSIVE.
    """
    limit_s = base.policy.max_duration_s
    planned = after(base.ramp, base.orders_per_s, limit_s)
    gives = (
        f"{base.orders_per_s:g} orders/s and max_duration_s {limit_s:g} "
        f"({limit_s / _HOUR_S:.3g} h) plan {planned:,.0f} below 10000"
    )
    by_field: dict[str, str] = {}
    for wait in waits_of(base, base.stable):
        if wait.seconds is not None and wait.seconds <= limit_s:
            continue
        if wait.name == MINIMA:
            yield f"max_duration_s was {limit_s:g}; {MINIMA} take {wait.seconds:,.0f} s"
        else:
            needs = f"{_needs(wait)}, and {gives}"
            by_field.setdefault(_field(wait, base), needs)
    yield from (f"{field}; {needs}" for field, needs in by_field.items())
    yield from too_slow(base.policy, base.orders_per_s)
    yield from _too_little(base)


def too_slow(policy: Policy, orders_per_s: float) -> Iterator[str]:
    """Yield a sentence for each throughput minimum that this order rate never reaches."""
    phases: dict[float, list[str]] = {}
    for phase in policy.ramp:
        least = phase.criteria.min_orders_per_s
        if least is not None and orders_per_s < least:
            phases.setdefault(least, []).append(phase.name)
    for least, names in phases.items():
        yield (
            f"criteria.min_orders_per_s was {least:g} in {', '.join(names)}; the strategy trades "
            f"{orders_per_s:g} orders/s, so the first of them is held until max_duration_s"
        )


def _too_little(base: Basis) -> Iterator[str]:
    """Yield a sentence for each guard of exposure that an equal canary uses up first."""
    guards, promotion = base.policy.guards, last_of(waits_of(base, base.stable))
    if promotion.canary_orders is None:
        return
    orders = promotion.canary_orders + base.policy.watch_s * base.orders_per_s
    needs = (
        f"an equal canary has about {promotion.canary_orders:,.0f} orders when it is promoted and "
        f"{orders:,.0f} when it was watched for {base.policy.watch_s:g} s at 10000"
    )
    if guards.max_orders is not None and guards.max_orders < orders:
        yield f"guards.max_orders was {guards.max_orders:g}; {needs}"
    if guards.max_notional is not None and guards.max_notional < orders * base.notional:
        money = f"{orders * base.notional:,.0f} of notional"
        yield f"guards.max_notional was {guards.max_notional:g}; {needs}: {money}"


def waiting(base: Basis) -> Iterator[str]:
    """Yield how long the last phase waits when its minima are over before the tests."""
    waits = waits_of(base, base.stable)
    minima = next(wait.seconds for wait in waits if wait.name == MINIMA)
    limit_s = base.policy.max_duration_s
    late = [
        (wait.seconds, wait.name)
        for wait in waits
        if wait.seconds is not None and minima is not None and minima < wait.seconds <= limit_s
    ]
    if late:
        seconds, name = max(late)
        yield (
            f"ramp: an equal canary meets the minima of its phases after {minima:,.0f} s and waits "
            f"in {base.ramp[-1].name} until about {seconds:,.0f} s for {name}, at "
            f"{base.orders_per_s:g} orders/s"
        )


def _needs(wait: Wait) -> str:
    if wait.canary_orders is None:
        return f"{wait.name} passes with no number of canary orders"
    return f"{wait.name} needs {wait.canary_orders:,.0f} canary orders on average"


def _field(wait: Wait, base: Basis) -> str:
    """Return the field of the policy that the wait follows from, with its value."""
    name = wait.name
    if name == "promotion_orders":
        return f"judge.promotion_orders was {base.settings.promotion_orders}"
    margins = base.settings.margins.model_dump()
    measure = name.partition("_")[0]
    field = next(
        key
        for key in margins
        if (key == "tail_ratio" if name.endswith("_tail") else key.startswith(measure))
    )
    if margins[field] is not None:
        return f"judge.margins.{field} was {margins[field]:g}"
    here = next(
        known.margin / measured.scale
        for measured, known in zip(MEASURED, base.reference.measures, strict=True)
        if measured.name == measure and known is not None
    )
    return f"judge.margins.{field} was null ({here:.3g} bp of notional by stable's spread)"
