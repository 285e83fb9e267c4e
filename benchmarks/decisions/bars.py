"""What the product's own judge must reach (statistics.md 6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass

from benchmarks.decisions.cells import Cell
from benchmarks.decisions.scenarios import (
    HEALTHY,
    IMMEDIATE,
    LATE,
    LIFETIMES,
    REGIMES,
    WEIGHTS_BP,
    Question,
)
from benchmarks.decisions.sequential import SEQUENTIAL, SEQUENTIAL_EXACT
from benchmarks.decisions.world import FAULTS

ALPHA = 0.01
LATE_FACTOR = 2.5
_FILL, _LATENCY, _TAIL, _SLIPPAGE = (FAULTS[index].name for index in range(4))

BARS: Mapping[str, Mapping[tuple[str, int], int]] = {
    method: {
        (fault, weight_bp): bar
        for fault, pair in rows.items()
        for weight_bp, bar in zip(WEIGHTS_BP, pair, strict=True)
    }
    for method, rows in {
        SEQUENTIAL_EXACT: {
            _SLIPPAGE: (145, 265),
            _LATENCY: (255, 440),
            _TAIL: (420, 1_130),
            _FILL: (560, 1_150),
        },
        SEQUENTIAL: {
            _SLIPPAGE: (185, 325),
            _LATENCY: (315, 565),
            _TAIL: (440, 1_195),
            _FILL: (620, 1_200),
        },
    }.items()
}
"""Mean canary orders until rollback, by method, then (fault, weight)."""


@dataclass(frozen=True, slots=True)
class Held:
    """One acceptance number: what was found against the bar."""

    method: str
    what: str
    found: float
    bar: float
    holds: bool


def held(cells: Iterable[Cell]) -> Iterator[Held]:
    """Yield every acceptance number of which there is a figure.

    A rate holds while its exact lower 95 % bound does not exceed alpha.
    """
    for cell in cells:
        what = f"{cell.table}, {cell.column}, {cell.weight}"
        if cell.method not in BARS:
            continue
        if cell.table in {HEALTHY, LIFETIMES, REGIMES} and cell.question is Question.FALSE_ROLLBACK:
            holds = cell.rate_lower <= ALPHA
            yield Held(cell.method, what, cell.rate, ALPHA, holds)
        bar = BARS[cell.method].get((cell.column, cell.weight_bp))
        if bar is None or cell.mean is None:
            continue
        if cell.table == IMMEDIATE:
            yield Held(cell.method, what, cell.mean, bar, cell.mean <= bar)
        if cell.table == LATE:
            late = bar * LATE_FACTOR
            yield Held(cell.method, what, cell.mean, late, cell.mean <= late)


def as_json(found: Iterable[Held]) -> list[dict[str, object]]:
    """Return them as plain data."""
    return [asdict(each) for each in found]
