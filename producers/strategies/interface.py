"""What a trading strategy is to us: something that turns a market into a signal and a size."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from tradecanary.producers.strategies.version import StrategyVersion


class SignalKind(StrEnum):
    """What a strategy wants to do now."""

    BUY = "BUY"
    SELL = "SELL"
    HOLD = "HOLD"


@dataclass(frozen=True, slots=True)
class MarketSnapshot:
    """The market as a strategy sees it: a price, and a volume of 1000 in usual times.

    Raises ValueError unless price > 0 and volume >= 0.
    """

    price: float
    volume: float

    def __post_init__(self) -> None:
        """Refuse what no strategy can answer."""
        if not (self.price > 0 and self.volume >= 0):
            message = (
                f"market snapshot was price {self.price}, volume {self.volume}; "
                f"price > 0 and volume >= 0 must hold"
            )
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class Signal:
    """What to do, how strongly (0..1), and at which prices to take profit or to give up.

    The three numbers are None for HOLD.
    """

    kind: SignalKind
    strength: float | None = None
    target: float | None = None
    stop_loss: float | None = None


HOLD = Signal(SignalKind.HOLD)


class TradingStrategy(Protocol):
    """One version of a strategy. Pure: the same snapshot gives the same signal."""

    @property
    def name(self) -> str:
        """The strategy's name, the same for all its versions."""
        ...

    @property
    def version(self) -> StrategyVersion:
        """The build that answers, by content."""
        ...

    def signal(self, snapshot: MarketSnapshot) -> Signal:
        """Return what to do in this market."""
        ...

    def position_size(self, signal: Signal, balance: float) -> float:
        """Return how much of `balance` to put in, in its currency; 0 for HOLD."""
        ...
