"""The tables that people read: a method a row, a scenario a column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table

from benchmarks.decisions.bars import BARS, LATE_FACTOR, Held
from benchmarks.decisions.cells import Cell
from benchmarks.decisions.scenarios import IMMEDIATE, LATE, Question

_CAPTIONS = {
    Question.FALSE_ROLLBACK: "rolled back (exact upper 95 % bound); promotable after orders",
    Question.DELAY: (
        "mean canary orders until rollback ± standard error (share found); early: runs rolled back "
        "before the fault, left out. To be read beside the rate of healthy canaries rolled back"
    ),
    Question.FALSE_PROMOTION: "promoted although as bad as the margin (exact upper 95 % bound)",
}
_FACTORS = {IMMEDIATE: 1.0, LATE: LATE_FACTOR}


def tables(cells: Sequence[Cell]) -> Iterator[Table]:
    """Yield one table for each of the cells' tables and weights, in their sequence."""
    for title, weight in dict.fromkeys((cell.table, cell.weight) for cell in cells):
        own = [cell for cell in cells if (cell.table, cell.weight) == (title, weight)]
        questions = dict.fromkeys(cell.question for cell in own)
        table = Table(
            title=f"{title}, canary at {weight}",
            caption="; ".join(_CAPTIONS[question] for question in questions),
        )
        columns = tuple(dict.fromkeys(cell.column for cell in own))
        table.add_column("method")
        for column in columns:
            table.add_column(column, justify="right")
        by_place = {(cell.method, cell.column): cell for cell in own}
        for method in dict.fromkeys(cell.method for cell in own):
            shown = [by_place.get((method, column)) for column in columns]
            table.add_row(method, *(_shown(cell) if cell else "" for cell in shown))
        if title in _FACTORS:
            for method, bars in BARS.items():
                row = [bars.get((column, own[0].weight_bp)) for column in columns]
                table.add_row(
                    f"bar of {method}",
                    *("" if bar is None else f"{bar * _FACTORS[title]:,.0f}" for bar in row),
                    style="dim",
                )
        yield table


def acceptance(found: Sequence[Held]) -> Table:
    """Return the acceptance numbers, each with its bar."""
    table = Table(title="acceptance")
    for name in ("method", "what", "found", "bar", ""):
        table.add_column(name)
    for each in found:
        figures = (f"{each.found:,.4g}", f"<= {each.bar:,.4g}")
        table.add_row(each.method, each.what, *figures, "holds" if each.holds else "FAILS")
    return table


def _shown(cell: Cell) -> str:
    if cell.question is Question.DELAY:
        return _delay(cell)
    text = f"{cell.rate:.1%} (<= {cell.rate_upper:.1%})"
    if cell.question is Question.FALSE_ROLLBACK and cell.promoted_mean is not None:
        text += f"; {cell.promoted_mean:,.0f}"
    return text


def _delay(cell: Cell) -> str:
    before = f"; {cell.early} early" if cell.early else ""
    if cell.mean is None:
        return "all early"
    if not cell.events:
        return f"none{before}"
    error = "" if cell.error is None else f" ± {cell.error:,.0f}"
    if cell.events == cell.runs:
        return f"{cell.mean:,.0f}{error}{before}"
    return f">{cell.mean:,.0f}{error} ({cell.rate:.0%}){before}"
