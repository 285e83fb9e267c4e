"""The order flow that a plan or a lint stands on: a strategy's recorded orders, or typical ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from tradecanary.cli.connection import connected
from tradecanary.cli.output import Exit, fail
from tradecanary.processors.decision.planning.typical import ORDERS_PER_S, typical
from tradecanary.processors.decision.sums import Sums
from tradecanary.schemas.routing import UnitKind

Strategy = Annotated[
    str | None,
    typer.Option("--strategy", "-s", help="Plan with this strategy's recorded orders (Kafka)."),
]
OrdersPerS = Annotated[
    float | None,
    typer.Option(
        "--orders-per-s",
        min=0.001,
        help="All orders of the strategy a second; by default as recorded, or 100 without records.",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class OrderFlow:
    """Stable's orders, how many come a second, and where both are from, in words.

    `by_account`: the strategy's unit is the account.
    """

    stable: Sums
    orders_per_s: float
    says: str
    by_account: bool = False


def order_flow(strategy: str | None, orders_per_s: float | None, servers: str | None) -> OrderFlow:
    """Return the flow to plan with; leaves with REFUSED when the strategy has no recorded one."""
    if strategy is None:
        rate = ORDERS_PER_S if orders_per_s is None else orders_per_s
        return OrderFlow(
            typical(),
            rate,
            f"typical orders (no --strategy): fills 95 %, latency 5 ms and p99 20 ms, slippage "
            f"0.3 bp + t(3), orders of 10,000; {rate:g} orders/s",
        )
    with connected(servers) as operator:
        _, known = operator.state_of(strategy)
        rate_seen = operator.orders_per_s(strategy) if orders_per_s is None else orders_per_s
    if known is None or not known.history.orders:
        fail(
            f"strategy {strategy!r} has no recorded orders of a stable version: run its services "
            "with the aggregation and the decision stage, or plan without --strategy",
            Exit.REFUSED,
        )
    if rate_seen is None:
        fail(
            f"strategy {strategy!r} sent no orders in the last minutes that `metrics` records; "
            "say how many come with --orders-per-s",
            Exit.REFUSED,
        )
    history = known.history
    says = f"the last {history.orders:,} orders of {history.version}; {rate_seen:,.3g} orders/s"
    return OrderFlow(history.sums(), rate_seen, says, known.unit == UnitKind.ACCOUNT)
