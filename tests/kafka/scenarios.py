"""The canaries of the pipeline's day: what is wrong with each, its policy, and how it must end.

Phases of seconds and minima that the noise of 80 orders a second can bear: the limits lie far from
a healthy canary and far inside the planted fault. A judge's limit that is not the scenario's own is
so wide that it never speaks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.kafka.services import Service
from tradecanary.schemas.routing import UnitKind

_WIDE = {"fill_rate_pp": 100, "latency_pct": 10_000, "slippage_bp": 1_000, "pnl_ratio": -1e9}
_HALF = {"name": "Half", "weight_bp": 5_000, "min_duration_s": 3, "min_orders": 150}
_FULL = {"name": "Full", "weight_bp": 10_000}


def steps(*rungs: tuple[int, float, int]) -> list[dict[str, Any]]:
    """Return a ramp of (weight_bp, min_duration_s, min_orders), and the promotion."""
    phases = [
        {"name": f"Step {bp // 100} %", "weight_bp": bp, "min_duration_s": s, "min_orders": n}
        for bp, s, n in rungs
    ]
    return [*phases, _FULL]


def policy(
    ramp: list[dict[str, Any]] | None = None,
    criteria: dict[str, float] | None = None,
    guards: dict[str, float] | None = None,
    watch_s: float = 2,
    **limits: float,
) -> dict[str, Any]:
    """Return a policy with wide limits but those given."""
    phases = [{**phase, "criteria": criteria or {}} for phase in ramp or [_HALF, _FULL]]
    return {
        "ramp": phases,
        "judge": {"kind": "thresholds", "min_orders": 60, **_WIDE, **limits},
        "guards": guards or {},
        "watch_s": watch_s,
        "max_duration_s": 600,
    }


HEALTHY = policy(
    steps((1_000, 1.5, 20), (2_500, 1.5, 20), (5_000, 2, 60)),
    {"max_error_rate_pct": 10, "max_p99_latency_ms": 2_000, "min_orders_per_s": 10},
    {"loss_budget": 100},
    fill_rate_pp=20, latency_pct=100, slippage_bp=8,
)  # fmt: skip
"""All measures, criteria and a guard, with limits of the size that the faults below break.

But for p99: one moment in which the machine stands still is slower than the fault. The simulated
venue rejects an order now and then: one of the first 20 is below the limit, one of 9 was not.
"""

LONG = policy(steps((2_000, 600, 0), (5_000, 600, 0)))
"""Stays where it is until somebody commands."""


@dataclass(frozen=True)
class Scenario:
    """One strategy: `fault` planted in its canary, and what the reason of its end must name."""

    strategy: str
    fault: str
    policy: dict[str, Any] = field(hash=False)
    reason: str
    check: str
    seed: int = 1
    order_horizon_ms: int = 500
    unit: str = UnitKind.ORDER.value
    rate: float = 60.0

    @property
    def service(self) -> Service:
        """The service that trades it."""
        return Service(
            self.strategy,
            self.fault,
            rate=self.rate,
            seed=self.seed,
            order_horizon_ms=self.order_horizon_ms,
            unit=self.unit,
        )


FAULTY = (
    Scenario("slow", "slow:4", policy(latency_pct=100), "latency ", "latency"),
    Scenario("slipping", "slipping:20", policy(slippage_bp=8), "slippage ", "slippage"),
    Scenario("unfilled", "unfilled:60", policy(fill_rate_pp=20), "fill rate ", "fill_rate"),
    Scenario(
        "rejecting", "rejecting:40", policy(criteria={"max_error_rate_pct": 10}),
        "error rate ", "error_rate",
    ),
    Scenario(
        "losing", "losing:100", policy(guards={"loss_budget": 60}), "canary loss ", "loss_budget"
    ),
    Scenario(
        "tail-heavy", "tail_heavy:400", policy(criteria={"max_p99_latency_ms": 100}),
        "p99 latency ", "p99_latency", seed=169,
    ),
    Scenario(
        "weighed", "slow:4", policy() | {"judge": {"kind": "sequential"}}, "latency ", "e_value"
    ),
    Scenario(
        "sticky", "slow:4", policy() | {"judge": {"kind": "sequential"}}, "latency is ",
        "latency_mean", unit=UnitKind.ACCOUNT.value, rate=120.0,
    ),
    Scenario("silent", "silent:100", policy(), "silent: 0 canary orders ", "silent"),
    Scenario("hanging", "hanging:100", policy(), "error burst: ", "error_burst"),
)  # fmt: skip
"""Each planted fault, and the one measure, criterion or guard that sees it."""

CRASHING = Scenario(
    "crashing", "crashing:40", policy(), "vanished: ", "vanished", order_horizon_ms=5_000
)
"""Takes its process with it, so it has one of its own; its orders outlive the 2 s until it dies."""

PROMOTED = "healthy"
SECOND = "healthy-through-crashes"
