"""Moves order flow to a new build step by step, and takes it back when it trades worse.

What a trading service writes:

    import tradecanary
    from tradecanary import ExecutionPublisher, OrderRouter

    router = OrderRouter(strategy="momentum", versions={...}, baseline="momentum-1.0.0-9f2c41aa")
    publisher = ExecutionPublisher(source="gateway-7")
    with tradecanary.connect(router, publisher, bootstrap_servers="kafka:9092"):
        route = router.route(order_id="A17-000123", account="A17", region="us", venue="XNAS")
        ...
        publisher.publish(route.outcome(status="FILLED", filled_qty=100, avg_price=187.42))
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tradecanary.backtesting.backtest import backtest
    from tradecanary.producers.kafka_transport import connect
    from tradecanary.producers.publisher import ExecutionPublisher
    from tradecanary.producers.router import OrderRouter

__all__ = ["ExecutionPublisher", "OrderRouter", "backtest", "connect"]

_HOMES = {
    "ExecutionPublisher": "tradecanary.producers.publisher",
    "OrderRouter": "tradecanary.producers.router",
    "backtest": "tradecanary.backtesting.backtest",
    "connect": "tradecanary.producers.kafka_transport",
}


def __getattr__(name: str) -> object:
    """Return a public name, imported when it is first asked for: importing us costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'tradecanary' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
