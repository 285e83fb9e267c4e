"""A trading bot in small: accounts, each of whose orders a version of the strategy decides.

The bot does not know which version that is: for every order it asks `route`, and the version it
is given decides signal and size. So a rollout moves the bot without touching it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from tradecanary.producers.strategies.interface import (
    MarketSnapshot,
    Signal,
    SignalKind,
    TradingStrategy,
)
from tradecanary.schemas.execution import Side


class RouteLike(Protocol):
    """What the bot reads of a router's Route."""

    @property
    def variant(self) -> str:
        """The tag the order carries."""
        ...

    @property
    def version(self) -> str:
        """The version that decides the order."""
        ...

    @property
    def handler(self) -> TradingStrategy | None:
        """That version's strategy; None when it is not loaded or the flow is killed."""
        ...

    @property
    def killed(self) -> bool:
        """Whether the kill switch is on."""
        ...


RouteT_co = TypeVar("RouteT_co", bound=RouteLike, covariant=True)


class RouteCall(Protocol[RouteT_co]):
    """The call of `OrderRouter.route`."""

    def __call__(self, *, order_id: str, account: str, region: str, venue: str) -> RouteT_co:
        """Return the route of the order."""
        ...


@dataclass(frozen=True, slots=True)
class Account:
    """An account the bot trades for; `balance` in its currency."""

    name: str
    balance: float


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """An order that a version wants; `notional` in the account's currency, `qty` in units."""

    side: Side
    qty: float
    notional: float
    target: float
    stop_loss: float


@dataclass(frozen=True, slots=True)
class BotDecision(Generic[RouteT_co]):
    """What came of one account: its route, the signal, and the order, if there is one.

    `intent` is None when the version holds or there is no handler. The order was routed all the
    same, so the service owes the router an end for it.
    """

    order_id: str
    account: Account
    route: RouteT_co
    signal: Signal | None
    intent: OrderIntent | None


class TradingBot(Generic[RouteT_co]):
    """Asks for every account, in turn, what its version of the strategy would do."""

    def __init__(
        self,
        accounts: Iterable[Account],
        route: RouteCall[RouteT_co],
        *,
        region: str,
        venue: str,
        first_order: int = 0,
    ) -> None:
        """Take the accounts and the router's call.

        Order ids are ACCOUNT-NUMBER from `first_order` on; they decide the coin of orders routed
        one by one, so give a bot that starts again a number it has not used.
        """
        self._accounts = tuple(accounts)
        self._route = route
        self._region = region
        self._venue = venue
        self._next_order = first_order

    def decide(self, snapshot: MarketSnapshot) -> Iterator[BotDecision[RouteT_co]]:
        """Yield one decision an account, in the accounts' sequence."""
        number = self._next_order
        self._next_order += 1
        for account in self._accounts:
            order_id = f"{account.name}-{number:06d}"
            route = self._route(
                order_id=order_id, account=account.name, region=self._region, venue=self._venue
            )
            strategy = None if route.killed else route.handler
            if strategy is None:
                yield BotDecision(order_id, account, route, None, None)
                continue
            signal = strategy.signal(snapshot)
            notional = strategy.position_size(signal, account.balance)
            intent = order_intent(signal, notional, snapshot.price)
            yield BotDecision(order_id, account, route, signal, intent)


def order_intent(signal: Signal, notional: float, price: float) -> OrderIntent | None:
    """Return the order for `notional` at `price`; None for HOLD or when there is no money."""
    if signal.kind is SignalKind.HOLD or notional <= 0:
        return None
    assert signal.target is not None, "only HOLD has no target"
    assert signal.stop_loss is not None, "only HOLD has no stop"
    return OrderIntent(
        side=Side.BUY if signal.kind is SignalKind.BUY else Side.SELL,
        qty=notional / price,
        notional=notional,
        target=signal.target,
        stop_loss=signal.stop_loss,
    )
