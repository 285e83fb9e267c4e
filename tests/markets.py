"""Markets for tests: the committed excerpt, the whole files when they are at hand, made-up ones."""

import os
from pathlib import Path

from tradecanary.producers.simulation.market import Market, PrintColumns, QuoteColumns

EXCERPT = Path(__file__).parent / "data" / "market"
"""Two instruments under the GPL, cut short: always there."""

Q = tuple[int, float, float, float, float]
"""A quote: time in microseconds, bid, ask, bid size, ask size."""
P = tuple[int, float, float, int]
"""A print: time in microseconds, price, size, sign of the aggressor."""


def whole_market_data() -> Path | None:
    """Return the directory of the whole files that MARKET_DATA names; None without one."""
    named = os.environ.get("MARKET_DATA")
    return Path(named) if named else None


def market(quotes: list[Q], prints: list[P] | None = None, tick: float = 0.25) -> Market:
    """Return a market of these rows; the fees of its venue are zero."""
    quote_columns, print_columns = QuoteColumns(), PrintColumns()
    for time_us, bid, ask, bid_size, ask_size in quotes:
        quote_columns.append(time_us, bid, ask, (bid_size, ask_size))
    for row in prints or []:
        print_columns.append(*row)
    return Market("TEST", "NOWHERE", tick, quote_columns, print_columns)


def quote_rows(source: Market) -> list[Q]:
    """Return the quotes of `source` as rows."""
    columns = source.quotes
    sizes = columns.bid_size, columns.ask_size
    return list(zip(columns.time_us, columns.bid, columns.ask, *sizes, strict=True))


def print_rows(source: Market) -> list[P]:
    """Return the prints of `source` as rows."""
    columns = source.prints
    return list(zip(columns.time_us, columns.price, columns.size, columns.sign, strict=True))


def mirrored(source: Market) -> Market:
    """Return `source` with bid and ask, buyers and sellers exchanged around a price."""
    about = 2 * source.quotes.ask[0] + 100
    quotes = [(t, about - a, about - b, s_a, s_b) for t, b, a, s_b, s_a in quote_rows(source)]
    prints = [(t, about - p, q, -s) for t, p, q, s in print_rows(source)]
    return market(quotes, prints, source.tick)


def altered_after(source: Market, time_us: int) -> Market:
    """Return `source` with another future: all rows after `time_us` tell of other prices."""
    quotes = [row for row in quote_rows(source) if row[0] <= time_us]
    prints = [row for row in print_rows(source) if row[0] <= time_us]
    _, bid, _, _, _ = quotes[-1]
    later = range(time_us + 1, time_us + 3_000_000, 100_000)
    quotes += [(t, bid / 2, bid / 2 + source.tick, 7.0, 9.0) for t in later]
    prints += [(t, bid / 2, 1e6, -1 if i % 2 else 1) for i, t in enumerate(later)]
    return market(quotes, prints, source.tick)
