"""Recorded flow for backtests: events of both variants, routed by a real coin, and small policies.

`flow` gives what a topic would hold of one strategy; nothing in it knows of backtests.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Any

from tests.executions import T0_US, event
from tradecanary.backtesting.record import Reading, Record
from tradecanary.processors.decision.policy import Policy
from tradecanary.producers.assignment import assign
from tradecanary.schemas.codec import encode
from tradecanary.schemas.execution import ExecutionEvent, OrderStatus
from tradecanary.schemas.units import CANARY, FULL_WEIGHT_BP, STABLE, US_PER_S

VERSIONS = {STABLE: "momentum-1.0.0-9f2c41aa", CANARY: "momentum-2.0.0-77b0e3d1"}
Steps = Sequence[tuple[float, int]]
"""(from this second on, canary weight in basis points); 0: no vector yet, revision 0."""


def flow(
    steps: Steps = ((0, 3_000),),
    *,
    seconds: float = 20,
    per_s: int = 200,
    slow: float = 1.0,
    seed: int = 1,
) -> list[ExecutionEvent]:
    """Return outcomes in the order of event time; the canary's latency is `slow` times stable's."""
    rng = random.Random(seed)
    made = []
    for number in range(round(seconds * per_s)):
        at_s = number / per_s
        revision = max(index for index, (since_s, _) in enumerate(steps) if at_s >= since_s) + 1
        canary_bp = steps[revision - 1][1]
        unit = f"order-{number}"
        weights = {STABLE: FULL_WEIGHT_BP - canary_bp, CANARY: canary_bp}
        variant = assign("recorded-salt", unit, weights)
        latency_us = round(1_000 * rng.lognormvariate(0, 0.3) * (slow if variant == CANARY else 1))
        filled = rng.random() < 0.95
        submitted_at = T0_US + round(at_s * US_PER_S)
        made.append(
            event(
                source=f"gateway-{number % 3}",
                source_seq=number // 3,
                version=VERSIONS[variant],
                variant=variant,
                routing_revision=revision if canary_bp else 0,
                weight_bp=weights[variant],
                unit=unit,
                order_id=unit,
                account=f"A{number % 50}",
                status=OrderStatus.FILLED if filled else OrderStatus.CANCELED,
                filled_qty=100.0 if filled else 0.0,
                avg_price=187.0 + rng.gauss(0, 0.01) if filled else None,
                pnl=rng.gauss(0, 1) if filled else 0.0,
                ack_latency_us=latency_us,
                submitted_at=submitted_at,
                event_time=submitted_at + latency_us + rng.randrange(500_000),
            )
        )
    return sorted(made, key=lambda one: one.event_time)


def record_of(events: Iterable[ExecutionEvent], *, numbered: bool = False) -> Record:
    """Return the record of these events, as one partition in this order."""
    values = [encode(one) for one in events]
    reading = Reading(numbered=numbered, from_start=numbered)
    reading.add(values, range(len(values)))
    return reading.record(None)


def policy(*rungs: tuple[int, float, int], name: str = "test", **changes: object) -> Policy:
    """Return a policy of (weight_bp, min_duration_s, min_orders) and the promotion.

    Its judge compares latency only, from 60 canary orders on, with a limit of 30 %.
    """
    phases: list[dict[str, Any]] = [
        {"name": f"Step {bp}", "weight_bp": bp, "min_duration_s": seconds, "min_orders": orders}
        for bp, seconds, orders in rungs
    ]
    judge = {"min_orders": 60, "fill_rate_pp": 100, "latency_pct": 30, "slippage_bp": 1_000}
    return Policy.model_validate(
        {
            "name": name,
            "ramp": [*phases, {"name": "Full", "weight_bp": FULL_WEIGHT_BP}],
            "judge": {"kind": "thresholds", "pnl_ratio": -1e9, **judge},
            **changes,
        }
    )
