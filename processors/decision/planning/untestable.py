"""What a policy asks to be shown and its orders cannot show: refused before a rollout is lost."""

from __future__ import annotations

from collections.abc import Iterator

from tradecanary.processors.decision.judges.sequential.streams import MEASURED
from tradecanary.processors.decision.planning.plan import MINIMA, Basis, Wait, waits_of
from tradecanary.processors.decision.planning.ramp import after

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
