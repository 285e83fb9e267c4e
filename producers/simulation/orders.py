"""What goes into a simulated venue and what comes out: orders, assumptions, executions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tradecanary.schemas.execution import OrderStatus, Side


class Style(StrEnum):
    """How an order meets the book."""

    IOC = "IOC"
    POST_ONLY = "POST_ONLY"


@dataclass(frozen=True, slots=True)
class Order:
    """One order as the strategy sends it at market time `submitted_at_us`; `qty` in units.

    `cap_ticks`: how far beyond the touch seen at submission a taker will pay. `ttl_us`: how long
    a maker's order rests before the gateway cancels it.
    """

    order_id: str
    side: Side
    qty: float
    submitted_at_us: int
    style: Style = Style.IOC
    cap_ticks: int = 1
    ttl_us: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Fees:
    """What the venue charges, in 1/1000 bp of what was traded; negative is a rebate."""

    maker_milli_bp: int = 0
    taker_milli_bp: int = 0


FEES = {
    "XNYS": Fees(maker_milli_bp=-130, taker_milli_bp=190),
    "BITSTAMP": Fees(maker_milli_bp=10_000, taker_milli_bp=20_000),
    "BINANCE": Fees(maker_milli_bp=100_000, taker_milli_bp=100_000),
    "BINANCE_USDM": Fees(maker_milli_bp=20_000, taker_milli_bp=50_000),
    "SYNTHETIC": Fees(maker_milli_bp=-100, taker_milli_bp=200),
}
"""Round figures in the style of the venues' schedules: assumptions, the same for all variants."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Lognormal latencies to the venue and back, assumed and not measured.

    Both ways together: about 3.6 ms in the median, 8.6 ms at the 99th percentile.
    """

    entry_median_us: int = 2_000
    response_median_us: int = 1_400
    sigma_milli: int = 500


@dataclass(frozen=True, slots=True)
class Luck:
    """What befalls orders without a reason in the data, in basis points of orders (assumed).

    `fade_bp`: the liquidity is gone when a taker arrives (somebody was faster). `reject_bp`: the
    venue refuses the order.
    """

    fade_bp: int = 450
    reject_bp: int = 10


@dataclass(frozen=True, slots=True)
class Fill:
    """A part of an order that traded at market time `time_us`."""

    time_us: int
    price: float
    qty: float


@dataclass(frozen=True, slots=True)
class Execution:
    """All that became of one order.

    `ack_latency_us`: submission to first answer, None when there never was one.
    `ended_after_us`: submission to the news of the end, None when it never ends. Money in the
    instrument's currency: `fees` positive = paid, `pnl` = mark-out of all fills at
    `markout_price` less fees, 0 when nothing filled. `arrival_mid` and `markout_price` are None
    when no fresh quote stood at submission, or nothing filled. Nothing in the market after
    `known_at_us` had a say.
    """

    order: Order
    status: OrderStatus
    ack_latency_us: int | None
    ended_after_us: int | None
    arrival_mid: float | None
    known_at_us: int
    fills: tuple[Fill, ...] = ()
    filled_qty: float = 0.0
    avg_price: float | None = None
    fees: float = 0.0
    pnl: float = 0.0
    markout_price: float | None = None
    markout_at_us: int = 0
    reason: str = ""
