"""A made-up market: seeded, so the same arguments give the same market to the bit.

The mid is a random walk whose volatility clusters (its logarithm reverts to 0), the spread
reverts to its mean and widens with volatility, prints arrive faster in wild times. Nothing here
is fitted to data: it is a market for demonstrations on a machine without files.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from tradecanary.producers.simulation.market import (
    MICROSECONDS,
    Market,
    PrintColumns,
    QuoteColumns,
)

_MEMORY_US = 30 * MICROSECONDS
"""Time over which volatility and spread forget."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the market looks like; prices in ticks, volatility in ticks a square root second."""

    tick: float = 0.01
    mid_ticks: int = 15_000
    spread_ticks: float = 2.0
    volatility_ticks: float = 1.5
    lot: int = 100
    size_lots: float = 40.0
    quote_every_us: int = 50_000
    print_every_us: int = 400_000


@dataclass(slots=True)
class _State:
    """Mid in ticks, and the logarithms of volatility and spread around their means."""

    mid_ticks: float
    wildness: float = 0.0
    width: float = 0.0


def synthetic_market(
    seed: int, duration_us: int, *, shape: Shape | None = None, start_us: int = 0
) -> Market:
    """Return a market of one session with quotes from `start_us` to at most `duration_us` later.

    `duration_us` must be positive.
    """
    if duration_us <= 0:
        message = f"duration_us was {duration_us}; a market needs a positive duration"
        raise ValueError(message)
    shape = Shape() if shape is None else shape
    rng = Random(seed)
    quotes, prints = QuoteColumns(), PrintColumns()
    state = _State(float(shape.mid_ticks))
    time_us = start_us
    next_print_us = start_us + _wait_us(rng, shape.print_every_us, state)
    while time_us <= start_us + duration_us:
        _quote(quotes, time_us, state, shape, rng)
        step_us = _wait_us(rng, shape.quote_every_us, state)
        while next_print_us < min(time_us + step_us, start_us + duration_us):
            _print(prints, quotes, next_print_us, shape, rng)
            next_print_us += _wait_us(rng, shape.print_every_us, state)
        time_us += step_us
        _drift(state, step_us, shape, rng)
    return Market(f"synthetic-{seed}", "SYNTHETIC", shape.tick, quotes, prints)


def _wait_us(rng: Random, mean_us: int, state: _State) -> int:
    """Return an exponential wait, shorter in wild times, and never a session's gap."""
    wait_us = -mean_us * math.log(1.0 - rng.random()) * math.exp(-state.wildness)
    return min(1 + int(wait_us), 20 * MICROSECONDS)


def _drift(state: _State, step_us: int, shape: Shape, rng: Random) -> None:
    """Move the state by `step_us`: a walk in the mid, Ornstein-Uhlenbeck in the other two."""
    keep = math.exp(-step_us / _MEMORY_US)
    noise = math.sqrt(1.0 - keep * keep)
    state.wildness = state.wildness * keep + 0.7 * noise * rng.gauss(0.0, 1.0)
    state.width = state.width * keep + 0.4 * noise * rng.gauss(0.0, 1.0)
    deviation = shape.volatility_ticks * math.exp(state.wildness)
    state.mid_ticks += deviation * math.sqrt(step_us / MICROSECONDS) * rng.gauss(0.0, 1.0)
    state.mid_ticks = max(state.mid_ticks, 100.0 * shape.spread_ticks)


def _quote(quotes: QuoteColumns, time_us: int, state: _State, shape: Shape, rng: Random) -> None:
    spread = max(1, round(shape.spread_ticks * math.exp(state.width + state.wildness / 2)))
    bid_ticks = round(state.mid_ticks - spread / 2)
    sizes = _size(rng, shape), _size(rng, shape)
    bid, ask = _price(bid_ticks, shape), _price(bid_ticks + spread, shape)
    quotes.append(time_us, bid, ask, sizes)


def _print(
    prints: PrintColumns, quotes: QuoteColumns, time_us: int, shape: Shape, rng: Random
) -> None:
    """Add a print at the touch; one of ten goes a tick through it."""
    sign = 1 if rng.random() < 0.5 else -1  # noqa: PLR2004  a fair coin
    touch = quotes.ask[-1] if sign > 0 else quotes.bid[-1]
    through = 1 if rng.random() < 0.1 else 0  # noqa: PLR2004  one of ten
    price = _price(round(touch / shape.tick) + sign * through, shape)
    prints.append(time_us, price, _size(rng, shape) / 4, sign)


def _size(rng: Random, shape: Shape) -> float:
    return float(shape.lot * max(1, round(shape.size_lots * math.exp(0.7 * rng.gauss(0.0, 1.0)))))


def _price(ticks: int, shape: Shape) -> float:
    return round(ticks * shape.tick, 9)
