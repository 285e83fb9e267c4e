"""Momentum, version 1: trades with heavy volume, against thin volume, at fixed thresholds."""

from __future__ import annotations

import inspect
import sys

from tradecanary.producers.strategies.interface import HOLD, MarketSnapshot, Signal, SignalKind
from tradecanary.producers.strategies.version import StrategyVersion

USUAL_VOLUME = 1000.0
BUY_ABOVE = 1.5
SELL_BELOW = 0.5
RISK = 0.01


class MomentumV1:
    """Buys above 1.5 times the usual volume, sells below half of it."""

    name = "momentum"
    version = StrategyVersion.of_content(
        "momentum", "1.0.0", inspect.getsource(sys.modules[__name__]).encode()
    )

    def signal(self, snapshot: MarketSnapshot) -> Signal:
        """Return BUY or SELL with a target 2 % away and a stop 2 % behind, or HOLD."""
        momentum = snapshot.volume / USUAL_VOLUME
        price = snapshot.price
        if momentum > BUY_ABOVE:
            return Signal(SignalKind.BUY, min(momentum - 1, 1.0), price * 1.02, price * 0.98)
        if momentum < SELL_BELOW:
            return Signal(SignalKind.SELL, min(1 - momentum, 1.0), price * 0.98, price * 1.02)
        return HOLD

    def position_size(self, signal: Signal, balance: float) -> float:
        """Return 1 % of `balance` times the signal's strength; 0 for HOLD."""
        return balance * RISK * (signal.strength or 0.0)
