"""Settings of the judges: what a policy may say about each."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tradecanary.processors.decision.settings_model import MOST, Frozen, NotNegative, Positive

_WATCH_ORDERS = 100


class Thresholds(Frozen):
    """The plain rules: limits on pooled differences, canary worse than stable."""

    kind: Literal["thresholds"] = "thresholds"
    min_orders: int = Field(default=100, ge=1, le=MOST)
    fill_rate_pp: NotNegative = 1.0
    latency_pct: NotNegative = 20.0
    slippage_bp: NotNegative = 0.5
    pnl_ratio: float = Field(default=0.8, ge=-MOST, le=MOST)

    @property
    def watch_orders(self) -> int:
        """Canary orders at 10000 before an absolute criterion is weighed there."""
        return self.min_orders


class Margins(Frozen):
    """How much worse, in natural units, is unacceptable (d1 of statistics.md section 1).

    `pnl_bp`: P&L per notional; null: max(half of |mean|, 5 % of q90 - q10) of stable's reference.
    `tail_ratio`: how much more often than stable's last percent an order may be that bad.
    """

    fill_rate_pp: Positive = 1.0
    error_rate_pp: Positive = 0.5
    latency_pct: Positive = 20.0
    slippage_bp: Positive = 0.5
    pnl_bp: Positive | None = None
    tail_ratio: float = Field(default=2.0, gt=1, le=1000)


class Sequential(Frozen):
    """Statistics that stay valid at every look.

    False rollback at most `alpha` in the life of a rollout, false promotion at most `beta`.
    `tolerance`: the share of each margin that is harmless (d0 = tolerance * d1).
    `promotion_orders`: canary orders before a promotion; a harm that one order in a thousand
    carries cannot be excluded with fewer than 3000. `allow_foreign`: judge flow of producers
    without sequence numbers, whose losses nobody sees.
    By account, each account's mean is compared: no tails (`margins.tail_ratio`), no restarts.
    """

    kind: Literal["sequential"] = "sequential"
    alpha: float = Field(default=0.01, gt=0, le=0.2)
    beta: float = Field(default=0.05, gt=0, le=0.2)
    margins: Margins = Margins()
    tolerance: float = Field(default=0.1, ge=0, lt=1)
    promotion_orders: int = Field(default=3000, ge=1, le=MOST)
    reference_orders: int = Field(default=1000, ge=1000, le=10_000)
    restart_orders: int = Field(default=1000, ge=100, le=MOST)
    allow_foreign: bool = False

    @property
    def watch_orders(self) -> int:
        """Canary orders at 10000 before an absolute criterion is weighed there."""
        return _WATCH_ORDERS


JudgeSettings = Annotated[Thresholds | Sequential, Field(discriminator="kind")]
