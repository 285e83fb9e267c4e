"""Markets from files: gzip CSV, a `_quotes` and a `_trades` file an instrument.

Only tradable prints are kept: printed on the quotes' own venue and with none of the sale
conditions that mark a price nobody could have traded at (contingent, average price, official
and special-settlement prints). Off-exchange prints of the share lie up to 185 bp off the mid.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from typing import TYPE_CHECKING

from tradecanary.producers.simulation.market import (
    Market,
    MarketDataError,
    PrintColumns,
    QuoteColumns,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ALIASES = {
    "us-share": "us-equity_XXX_2018-01-02",
    "btc": "bitstamp_BTCUSD_2015-05-01",
    "btc-spot": "binance-spot_BTCUSDT_2024-08-08",
    "eth-spot": "binance-spot_ETHUSDT_2024-08-08",
    "btc-perp": "binance-usdm_BTCUSDT-PERP_2024-08-08",
}
"""Short names of the instruments; `btc` is the set that may be redistributed."""

UNTRADABLE_CONDITIONS = frozenset("4B7VNZCRQO")
"""Sale conditions (US consolidated tape) of prints at prices one could not have traded at."""

QUOTES_SUFFIX = "_quotes.csv.gz"
TRADES_SUFFIX = "_trades.csv.gz"
_SIGNS = {"BUY": 1, "SELL": -1, "": 0}


def load_market(directory: Path, instrument: str) -> Market:
    """Return the market of `instrument` (an alias or a file prefix) from `directory`.

    The tick is one unit of the last decimal that the quotes use. Raises MarketDataError when a
    file is missing (the text names what is there) or a row cannot be read.
    """
    prefix = ALIASES.get(instrument, instrument)
    quotes_file = directory / f"{prefix}{QUOTES_SUFFIX}"
    trades_file = directory / f"{prefix}{TRADES_SUFFIX}"
    for file in (quotes_file, trades_file):
        if not file.is_file():
            raise MarketDataError(_missing(directory, instrument, file))
    quotes, venue, decimals = _read_quotes(quotes_file)
    prints = _read_prints(trades_file, venue)
    return Market(prefix, venue, 10.0**-decimals, quotes, prints)


def instruments_in(directory: Path) -> list[str]:
    """Return the file prefixes of the instruments in `directory`, in order; [] when none."""
    if not directory.is_dir():
        return []
    return sorted(
        file.name.removesuffix(QUOTES_SUFFIX) for file in directory.glob(f"*{QUOTES_SUFFIX}")
    )


def _missing(directory: Path, instrument: str, file: Path) -> str:
    if not directory.is_dir():
        return f"cannot load market '{instrument}': {directory} is not a directory"
    short = {prefix: alias for alias, prefix in ALIASES.items()}
    names = [
        f"{prefix} ({short[prefix]})" if prefix in short else prefix
        for prefix in instruments_in(directory)
    ]
    there = ", ".join(names) or "no instrument at all"
    return (
        f"cannot load market '{instrument}': {directory} has no {file.name}; it holds {there}. "
        f"Name one of these"
    )


def _read_quotes(file: Path) -> tuple[QuoteColumns, str, int]:
    columns = QuoteColumns()
    venues: set[str] = set()
    decimals = 0

    def take(row: dict[str, str]) -> None:
        nonlocal decimals
        bid, ask = row["bid"], row["ask"]
        decimals = max(decimals, _decimals(bid), _decimals(ask))
        sizes = float(row["bid_size"]), float(row["ask_size"])
        columns.append(int(row["timestamp_ns"]) // 1000, float(bid), float(ask), sizes)
        venues.add(row["venue"])

    _each_row(file, take)
    if len(venues) != 1:
        found = ", ".join(sorted(venues)) or "none"
        message = f"{file.name}: the quotes' venue was {found}; keep the quotes of one venue"
        raise MarketDataError(message)
    return columns, venues.pop(), decimals


def _read_prints(file: Path, venue: str) -> PrintColumns:
    columns = PrintColumns()

    def take(row: dict[str, str]) -> None:
        if row["venue"] == venue and UNTRADABLE_CONDITIONS.isdisjoint(row["condition"]):
            time_us = int(row["timestamp_ns"]) // 1000
            columns.append(time_us, float(row["price"]), float(row["size"]), _SIGNS[row["side"]])

    _each_row(file, take)
    return columns


def _each_row(file: Path, take: Callable[[dict[str, str]], None]) -> None:
    """Hand every row to `take`; whatever is wrong with one becomes a MarketDataError."""
    line = 1
    try:
        with gzip.open(file, "rt", newline="") as text:
            rows = csv.DictReader(text, restval="", strict=True)
            for row in rows:
                take(row)
                line = rows.line_num
    except (ValueError, KeyError, TypeError, EOFError, OSError, zlib.error, csv.Error) as error:
        message = f"cannot read {file.name} after line {line}: {error!r}; fetch the file anew"
        raise MarketDataError(message) from error


def _decimals(number: str) -> int:
    return len(number.partition(".")[2])
