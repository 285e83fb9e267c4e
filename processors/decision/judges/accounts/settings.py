"""What a rollout by account is held to: measures, margins, error rates and the first look.

The weights of the measures are those of the order-by-order test (statistics.md 2.4, "weights to
ship"), the streams of one measure added up: latency .15 + .10 + .05, slippage and P&L .25 each, and
fills and errors share the .20 of the fill rate. An account's mean is one number, so a measure has
one stream here; both ways of routing then spend the same part of alpha on the same harm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tradecanary.processors.decision.account_totals import ERRORS, UNFILLED

WEIGHTS: Mapping[str, float] = {
    UNFILLED: 0.15,
    ERRORS: 0.05,
    "latency_us": 0.30,
    "slippage_milli_bp": 0.25,
    "pnl_milli_bp": 0.25,
}
"""Part of alpha by measure; they sum to 1."""

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureRule:
    """One measure on trial, in its own unit (UNFILLED, ERRORS: as a fraction of orders).

    `tolerance`: d0, a harm up to here is harmless. `margin`: d1 > d0, from here it is unacceptable.
    Both are positive; `worse` is +1 where more is worse and -1 where less is (P&L).
    """

    measure: str
    margin: float
    tolerance: float = 0.0
    weight: float
    worse: int = 1

    def __post_init__(self) -> None:
        """Raise ValueError on values that no test can be built on."""
        if not 0 <= self.tolerance < self.margin:
            raise ValueError(
                f"{self.measure}: tolerance was {self.tolerance} and margin {self.margin}; "
                "0 <= tolerance < margin is needed"
            )
        if not 0 < self.weight <= 1:
            raise ValueError(f"{self.measure}: weight was {self.weight}, must be in (0, 1]")
        if self.worse not in {1, -1}:
            raise ValueError(f"{self.measure}: worse was {self.worse}, must be 1 or -1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The rules of one rollout, fixed at its start.

    `alpha`: false rollbacks, over all looks and measures of the rollout. `beta`: false passes, a
    measure, over all looks. `first_orders`: orders of both variants at the first look of a phase.
    `min_canary_orders`: without so many a measure does not pass, as a harm carried by one order in
    a thousand cannot be excluded earlier by any method (statistics.md 0, point 4).
    """

    measures: tuple[MeasureRule, ...]
    alpha: float = 0.01
    beta: float = 0.05
    first_orders: int = 1_000
    min_canary_orders: int = 3_000

    def __post_init__(self) -> None:
        """Raise ValueError on values under which the promised error rates would not hold."""
        for name, rate in (("alpha", self.alpha), ("beta", self.beta)):
            if not 0 < rate < 1:
                raise ValueError(f"{name} was {rate}, must be in (0, 1)")
        names = [each.measure for each in self.measures]
        if not names or len(set(names)) != len(names):
            raise ValueError(f"measures was {names}; at least one measure, each once, is needed")
        weights = sum(each.weight for each in self.measures)
        if weights > 1 + _ROUNDING:
            raise ValueError(f"the weights of the measures sum to {weights}, must be at most 1")
        if self.first_orders < 1 or self.min_canary_orders < 0:
            raise ValueError(
                f"first_orders was {self.first_orders} and min_canary_orders "
                f"{self.min_canary_orders}; at least 1 and 0 are needed"
            )
