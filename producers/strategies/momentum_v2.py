"""Momentum, version 2: thresholds scale with the price, targets are wider, stops tighter."""

from __future__ import annotations

import inspect
import sys

from tradecanary.producers.strategies.interface import HOLD, MarketSnapshot, Signal, SignalKind
from tradecanary.producers.strategies.version import StrategyVersion

USUAL_VOLUME = 1000.0
USUAL_PRICE = 50_000.0
MOST_SCALING = 2.0
BUY_ABOVE = 1.3
SELL_BELOW = 0.7
RISK = 0.015


class MomentumV2:
    """Buys above 1.3 f times the usual volume, sells below 0.7 / f, f = min(price / 50000, 2)."""

    name = "momentum"
    version = StrategyVersion.of_content(
        "momentum", "2.0.0", inspect.getsource(sys.modules[__name__]).encode()
    )

    def signal(self, snapshot: MarketSnapshot) -> Signal:
        """Return BUY or SELL with a target 2.5 % away and a stop 1.5 % behind, or HOLD.

        Below a price of about 36,700 the thresholds cross; a BUY is looked for first.
        """
        momentum = snapshot.volume / USUAL_VOLUME
        price = snapshot.price
        scaling = min(price / USUAL_PRICE, MOST_SCALING)
        buy_above = BUY_ABOVE * scaling
        sell_below = SELL_BELOW / scaling
        if momentum > buy_above:
            strength = min((momentum - buy_above) / buy_above, 1.0)
            return Signal(SignalKind.BUY, strength, price * 1.025, price * 0.985)
        if momentum < sell_below:
            strength = min((sell_below - momentum) / sell_below, 1.0)
            return Signal(SignalKind.SELL, strength, price * 0.975, price * 1.015)
        return HOLD

    def position_size(self, signal: Signal, balance: float) -> float:
        """Return 1.5 % of `balance` times the signal's strength; 0 for HOLD."""
        return balance * RISK * (signal.strength or 0.0)
