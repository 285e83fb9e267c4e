"""The market as the momentum strategies want it: a price, and a volume of 1000 in usual times."""

from __future__ import annotations

from tradecanary.producers.simulation.market import MICROSECONDS, Market
from tradecanary.producers.strategies.interface import MarketSnapshot

USUAL_VOLUME = 1000.0
"""The volume of a snapshot when trading is as busy as usual."""
CONTRACT_PRICE = 50_000.0
"""The strategies' thresholds are made for prices about it."""
LONGEST_LOOKBACK_US = 300 * MICROSECONDS
_LOOKBACKS_IN_MARKET = 40
_USUAL_LOOKBACKS = 12


def contract_size(market: Market) -> int:
    """Return how many units make a contract worth about CONTRACT_PRICE at the market's start.

    The second momentum version scales its thresholds with the price of a bitcoin; a share at
    158 would always be a BUY. So the share is quoted to it in contracts of some 300.
    """
    return max(1, round(CONTRACT_PRICE / market.quote(0).mid))


def snapshot_at(
    market: Market, time_us: int, lookback_us: int | None = None
) -> MarketSnapshot | None:
    """Return the market at `time_us`; None before the first quote.

    `lookback_us` is five minutes, less on a market of few minutes, unless given.

    `price` is the mid of a contract. `volume` compares the size printed in the last `lookback_us`
    of open time with that of the twelve lookbacks up to `time_us` (less at the start), so that
    1000 is usual on any instrument; it is 1000 while nothing was printed at all.
    """
    if lookback_us is None:
        lookback_us = min(LONGEST_LOOKBACK_US, market.open_duration_us // _LOOKBACKS_IN_MARKET)
    mid = market.mid_at(time_us)
    if mid is None:
        return None
    now_us = market.open_before_us(time_us)
    recent = _volume(market, time_us, now_us, min(lookback_us, now_us))
    span_us = min(_USUAL_LOOKBACKS * lookback_us, now_us)
    usual = _volume(market, time_us, now_us, span_us)
    ratio = 1.0 if usual == 0 else (recent / usual) * (span_us / min(lookback_us, now_us))
    return MarketSnapshot(price=mid * contract_size(market), volume=USUAL_VOLUME * ratio)


def _volume(market: Market, time_us: int, now_us: int, back_us: int) -> float:
    """Return the size printed in the last `back_us` of open time up to `time_us`."""
    return market.volume_between(market.at_open_time(now_us - back_us), time_us)
