"""`python -m tradecanary.backtesting.warm_up`: compile the passes once, into the cache."""

from __future__ import annotations

from dataclasses import replace

from tradecanary.backtesting.feed import Feed, coins
from tradecanary.backtesting.record import Reading
from tradecanary.backtesting.routed import routed
from tradecanary.schemas.codec import encode
from tradecanary.schemas.execution import ExecutionEvent, Kind, Mode, OrderStatus, Side
from tradecanary.schemas.units import CANARY, STABLE

_EVENT = ExecutionEvent(
    source="none", source_seq=0, kind=Kind.OUTCOME, mode=Mode.LIVE, strategy="none", version="a",
    variant=STABLE, routing_revision=1, weight_bp=5_000, unit="1", account="", region="", venue="",
    symbol="", order_id="1", side=Side.BUY, status=OrderStatus.FILLED, order_qty=1.0,
    filled_qty=0.0, arrival_mid=None, avg_price=None, notional=0.0, fees=0.0, pnl=None,
    submitted_at=0, event_time=0, ack_latency_us=None,
)  # fmt: skip


def warm_up() -> None:
    """Make the machine code of both passes, if it is not in the cache yet."""
    reading = Reading(numbered=True)
    other = replace(_EVENT, source_seq=1, variant=CANARY, version="b")
    reading.add([encode(_EVENT), encode(other)], range(2))
    record = reading.record(None)
    way = routed(record, None, None)
    list(Feed(record, way, coins(record, way, "")).batches(0, 2, 0))


if __name__ == "__main__":
    warm_up()
