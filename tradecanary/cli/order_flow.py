"""The order flow that a plan or a lint stands on: a strategy's recorded orders, or typical ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from tradecanary.cli.connection import connected
from tradecanary.cli.output import Exit, fail, saying
from tradecanary.processors.decision.planning.typical import ORDERS_PER_S, typical
from tradecanary.processors.decision.sums import Sums
from tradecanary.schemas.routing import UnitKind
from tradecanary.states import state_of

Strategy = Annotated[
    str | None,
    typer.Option("--strategy", "-s", help="Plan with this strategy's recorded orders (Kafka)."),
]
File = Annotated[
    Path | None,
    typer.Option(
        "--file", "-f",
        help="Plan with the stable orders of a file: .avro, .parquet or .csv of ExecutionEvent; "
        "--strategy chooses one of several.",
    ),
]  # fmt: skip
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


def order_flow(
    strategy: str | None, file: Path | None, orders_per_s: float | None, servers: str | None
) -> OrderFlow:
    """Return the flow to plan with; leaves with REFUSED when the strategy has no recorded one."""
    if file is not None:
        return _of_file(file, strategy, orders_per_s)
    if strategy is None:
        rate = ORDERS_PER_S if orders_per_s is None else orders_per_s
        return OrderFlow(
            typical(),
            rate,
            "typical orders (fills 95 %, latency 5 ms, p99 20 ms, slippage 0.3 bp + t(3), "
            f"notional 10,000); {rate:g} orders/s",
        )
    with connected(servers) as operator, saying(f"reading the orders of {strategy}"):
        _, known = state_of(operator.log, strategy)
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


def _of_file(file: Path, strategy: str | None, orders_per_s: float | None) -> OrderFlow:
    try:
        from tradecanary.backtesting.backtest import no_progress
        from tradecanary.backtesting.files import read_file
        from tradecanary.backtesting.record import Refused
        from tradecanary.backtesting.stable_flow import stable_flow
    except ImportError as missing:
        fail(f"--file needs {missing.name}: pip install 'tradecanary[backtest]'", Exit.USAGE)
    try:
        record = read_file(file, 0, 1 << 62, no_progress).record(strategy)
    except Refused as refused:
        fail(str(refused), Exit.REFUSED)
    except OSError as missing:
        fail(f"cannot read {file}: {missing.strerror}", Exit.USAGE)
    found = stable_flow(record)
    if not found.history.orders:
        fail(f"{file} holds no order of a stable version of {record.strategy}", Exit.REFUSED)
    rate = found.orders_per_s if orders_per_s is None else orders_per_s
    says = f"{found.history.orders:,} orders of {found.history.version} in {file.name}"
    return OrderFlow(found.history.sums(), rate, f"{says}; {rate:,.3g} orders/s", found.by_account)
