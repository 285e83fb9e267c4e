"""A market as the simulation sees it: quotes and prints in columns, looked up by market time.

Law: a question about time t is answered from rows with time <= t only (no look-ahead). The one
exception is `is_open`, which knows the sessions as a trading calendar would. Market time is in
integer microseconds; a quote stands until the next one. Every look-up is O(log n).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Protocol

SESSION_GAP_US = 60_000_000
"""A longer silence between two quotes is a closed market, and a quote older than it is stale."""

MICROSECONDS = 1_000_000


class Rng(Protocol):
    """What the simulation asks of a seeded source of randomness; `random.Random` fits."""

    def random(self) -> float:
        """Return a uniform number in [0, 1)."""
        ...

    def gauss(self, mu: float = 0.0, sigma: float = 1.0) -> float:
        """Return a normal number."""
        ...

    def randrange(self, start: int, stop: int) -> int:
        """Return a uniform integer in [start, stop)."""
        ...


class MarketDataError(Exception):
    """Market data is missing or breaks a rule; the text names the place and what to do."""


@dataclass(frozen=True, slots=True)
class Quote:
    """The best bid and offer from `time_us` on; `index` is its row. Prices per unit."""

    index: int
    time_us: int
    bid: float
    ask: float
    bid_size: float
    ask_size: float

    @property
    def mid(self) -> float:
        """The middle of bid and ask."""
        return (self.bid + self.ask) / 2

    def touch(self, sign: int) -> float:
        """Return the price a taker pays: the ask for `sign` +1 (BUY), the bid for -1 (SELL)."""
        return self.ask if sign > 0 else self.bid

    def touch_size(self, sign: int) -> float:
        """Return the size displayed at `touch(sign)`."""
        return self.ask_size if sign > 0 else self.bid_size


def _int_column() -> array[int]:
    return array("q")


def _float_column() -> array[float]:
    return array("d")


@dataclass(frozen=True, slots=True)
class QuoteColumns:
    """The quotes of one instrument in time order, a column a field."""

    time_us: array[int] = field(default_factory=_int_column)
    bid: array[float] = field(default_factory=_float_column)
    ask: array[float] = field(default_factory=_float_column)
    bid_size: array[float] = field(default_factory=_float_column)
    ask_size: array[float] = field(default_factory=_float_column)

    def append(self, time_us: int, bid: float, ask: float, sizes: tuple[float, float]) -> None:
        """Add a row with `sizes` of (bid, ask)."""
        self.time_us.append(time_us)
        self.bid.append(bid)
        self.ask.append(ask)
        self.bid_size.append(sizes[0])
        self.ask_size.append(sizes[1])


@dataclass(frozen=True, slots=True)
class PrintColumns:
    """The prints of one instrument in time order; `sign` is +1 BUY, -1 SELL, 0 unknown."""

    time_us: array[int] = field(default_factory=_int_column)
    price: array[float] = field(default_factory=_float_column)
    size: array[float] = field(default_factory=_float_column)
    sign: array[int] = field(default_factory=_int_column)

    def append(self, time_us: int, price: float, size: float, sign: int) -> None:
        """Add a row."""
        self.time_us.append(time_us)
        self.price.append(price)
        self.size.append(size)
        self.sign.append(sign)


@dataclass(frozen=True, slots=True)
class Session:
    """A stretch of market time, ends included, in which quotes follow each other closely."""

    start_us: int
    end_us: int


class Market:
    """One instrument on one venue. Built once, then only read.

    Raises MarketDataError when there is no quote, a time runs backwards, or a quote is crossed.
    """

    def __init__(
        self,
        instrument: str,
        venue: str,
        tick: float,
        quotes: QuoteColumns,
        prints: PrintColumns,
    ) -> None:
        """Take the columns over; `tick` is the smallest price step."""
        _check(instrument, quotes, prints)
        self.instrument = instrument
        self.venue = venue
        self.tick = tick
        self.quotes = quotes
        self.prints = prints
        self.sessions = _sessions(quotes.time_us)
        self._session_starts_us = [session.start_us for session in self.sessions]
        # Open time that went by before each session, with the total as its last element.
        lengths = (session.end_us - session.start_us for session in self.sessions)
        self._open_before_us = [0, *accumulate(lengths)]
        self._traded_before = array("d", [0.0, *accumulate(prints.size)])

    @property
    def span(self) -> tuple[int, int]:
        """Times of the first and the last quote, in microseconds."""
        return self.quotes.time_us[0], self.quotes.time_us[-1]

    @property
    def open_duration_us(self) -> int:
        """The length of all sessions together."""
        return self._open_before_us[-1]

    def quote_at(self, time_us: int) -> Quote | None:
        """Return the last quote with time <= `time_us`, however old; None before the first."""
        index = bisect_right(self.quotes.time_us, time_us) - 1
        return None if index < 0 else self.quote(index)

    def quote(self, index: int) -> Quote:
        """Return the quote of row `index`."""
        columns = self.quotes
        return Quote(
            index,
            columns.time_us[index],
            columns.bid[index],
            columns.ask[index],
            columns.bid_size[index],
            columns.ask_size[index],
        )

    def fresh_quote_at(self, time_us: int) -> Quote | None:
        """Return `quote_at`, but None for one older than SESSION_GAP_US: nobody trades on it."""
        quote = self.quote_at(time_us)
        return None if quote is None or time_us - quote.time_us > SESSION_GAP_US else quote

    def mid_at(self, time_us: int) -> float | None:
        """Return the mid of `quote_at`; None before the first quote."""
        quote = self.quote_at(time_us)
        return None if quote is None else quote.mid

    def print_rows(self, after_us: int, until_us: int) -> range:
        """Return the rows of the prints with `after_us` < time <= `until_us`."""
        times = self.prints.time_us
        return range(bisect_right(times, after_us), bisect_right(times, until_us))

    def volume_between(self, after_us: int, until_us: int) -> float:
        """Return the size printed in `after_us` < time <= `until_us`, in units."""
        rows = self.print_rows(after_us, until_us)
        if not rows:
            return 0.0
        return self._traded_before[rows.stop] - self._traded_before[rows.start]

    def is_open(self, time_us: int) -> bool:
        """Return whether `time_us` lies in a session (both its ends belong to it)."""
        index = bisect_right(self._session_starts_us, time_us) - 1
        return index >= 0 and time_us <= self.sessions[index].end_us

    def open_before_us(self, time_us: int) -> int:
        """Return how much open time went by up to `time_us`."""
        index = bisect_right(self._session_starts_us, time_us) - 1
        if index < 0:
            return 0
        session = self.sessions[index]
        return self._open_before_us[index] + min(time_us, session.end_us) - session.start_us

    def at_open_time(self, elapsed_us: int) -> int:
        """Return the market time after `elapsed_us` of open time, closed stretches left out.

        So a service can trade without waiting for the night to pass. Beyond the end it starts
        again at the first quote. The inverse of `open_before_us` inside the sessions.
        """
        if self.open_duration_us == 0:
            return self.span[0]
        elapsed_us %= self.open_duration_us
        index = bisect_left(self._open_before_us, elapsed_us + 1) - 1
        return self.sessions[index].start_us + elapsed_us - self._open_before_us[index]


def _sessions(times_us: array[int]) -> tuple[Session, ...]:
    breaks = [i for i, (a, b) in enumerate(pairwise(times_us)) if b - a > SESSION_GAP_US]
    firsts = [0, *(i + 1 for i in breaks)]
    lasts = [*breaks, len(times_us) - 1]
    return tuple(
        Session(times_us[first], times_us[last]) for first, last in zip(firsts, lasts, strict=True)
    )


def _check(instrument: str, quotes: QuoteColumns, prints: PrintColumns) -> None:
    if not quotes.time_us:
        message = f"market {instrument} has no quotes; give it at least one"
        raise MarketDataError(message)
    for what, times_us in (("quote", quotes.time_us), ("print", prints.time_us)):
        for row, (earlier_us, later_us) in enumerate(pairwise(times_us)):
            if later_us < earlier_us:
                message = (
                    f"market {instrument}: {what} {row + 1} was at {later_us} us, before the "
                    f"{what} above it ({earlier_us} us); sort the rows by time"
                )
                raise MarketDataError(message)
    for row, (bid, ask) in enumerate(zip(quotes.bid, quotes.ask, strict=True)):
        if not 0 < bid < ask:
            message = (
                f"market {instrument}: quote {row} was bid {bid}, ask {ask}; "
                f"0 < bid < ask must hold, drop locked and crossed rows"
            )
            raise MarketDataError(message)
