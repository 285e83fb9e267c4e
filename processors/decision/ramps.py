"""The ramps by name, as data: phases with weights, minima and criteria."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_Rung = tuple[str, int, float, int]


def _ramp(
    rungs: Sequence[_Rung], error_pct: float, p99_ms: float, per_s: float
) -> tuple[dict[str, Any], ...]:
    criteria = {
        "max_error_rate_pct": error_pct,
        "max_p99_latency_ms": p99_ms,
        "min_orders_per_s": per_s,
    }
    return tuple(
        {
            "name": name,
            "weight_bp": weight_bp,
            "min_duration_s": seconds,
            "min_orders": orders,
            "criteria": criteria,
        }
        for name, weight_bp, seconds, orders in rungs
    )


_STEPS = (500, 1000, 2500, 5000, 7500, 10_000)

RAMPS: Mapping[str, tuple[dict[str, Any], ...]] = {
    "trading-standard": _ramp(
        (
            ("Canary", 100, 300, 100),
            ("Early Adopter", 500, 600, 500),
            ("Limited", 1000, 900, 1000),
            ("Expanding", 2500, 1200, 2500),
            ("Majority", 5000, 1800, 5000),
            ("Final", 10_000, 0, 0),
        ),
        error_pct=1.0,
        p99_ms=100.0,
        per_s=100.0,
    ),
    "aggressive": _ramp(
        (
            ("Quick Test", 500, 60, 50),
            ("Ramp Up", 2500, 120, 200),
            ("Full", 10_000, 0, 0),
        ),
        error_pct=2.0,
        p99_ms=200.0,
        per_s=50.0,
    ),
    "steps": tuple(
        {"name": f"Step {bp // 100} %", "weight_bp": bp, "min_orders": 100 if bp < 10_000 else 0}  # noqa: PLR2004
        for bp in _STEPS
    ),
}
