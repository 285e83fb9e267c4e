"""The measures as `watch` draws them: fewer columns where the terminal is narrow, no figure cut."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from rich.console import Console, ConsoleOptions
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from tradecanary.cli.output import View

_FULL = (
    "NAME", "STABLE", "CANARY", "DIFF (95 % CS)", "LIMIT", "UNIT", "E-VALUE", "N", "STATUS",
)  # fmt: skip
_SHORT = ("NAME", "STABLE", "CANARY", "DIFF (95 % CS)", "LIMIT (UNIT)", "E-VALUE", "STATUS")
_NARROW = ("NAME", "STABLE", "CANARY", "DIFF (95 % CS)", "E-VALUE", "STATUS")
_STACKED = ("NAME", "STABLE", "CANARY", "DIFF", "E-VALUE", "STATUS")
"""From wide to narrow. The last has the interval on a line of its own."""
_TEXTS = frozenset({"NAME", "UNIT", "STATUS"})
_STATES = {
    "worse": ("✖", "red"),
    "not worse": ("✔", "green"),
    "open": ("◌", "cyan"),
}
_UNBOUNDED = 10_000


class Measured:
    """The table of a rollout's measures, in as many columns as there is room for."""

    def __init__(self, view: View) -> None:
        """`view` is that of `watch_view`, with a rollout."""
        self._view = view

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table]:
        """Yield the widest table that fits; where none does, figures go on in the next line."""
        for columns in (_FULL, _SHORT, _NARROW):
            table = _table(self._view, columns)
            width = Measurement.get(console, options.update_width(_UNBOUNDED), table).maximum
            if width <= options.max_width:
                yield table
                return
        yield _table(self._view, _STACKED)


def _table(view: View, columns: tuple[str, ...]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(
            column,
            justify="left" if column in _TEXTS else "right",
            no_wrap=column == "NAME" or columns is not _STACKED,
            overflow="fold",
        )
    rows = view["rollout"]["rows"]
    named = [f"{'└─' if row is rows[-1] else '├─'} {row['name']}" for row in rows]
    total, style = _total(view), "bold"
    if columns in (_NARROW, _STACKED):  # the name is known to who asked, and may be long
        total["NAME"].truncate(max(map(len, named)), overflow="ellipsis")
        total["E-VALUE"] = Text(_e_value(view["rollout"]["e_value"]))
    table.add_row(*(total.get(column, Text()) for column in columns), style=style)
    for row, name in zip(rows, named, strict=True):
        cells = _cells(row, name)
        if columns is _STACKED:
            cells["NAME"] = Text(f"{name}\n{' ' if row is rows[-1] else '│'}")
        table.add_row(*(cells[column] for column in columns))
    return table


def _total(view: View) -> dict[str, Text]:
    """The first row: the orders that are compared, and the whole evidence."""
    rollout = view["rollout"]
    orders = rollout["measures"][0]
    e, limit = rollout["e_value"], rollout["e_limit"]
    found = {
        "NAME": f"⟳ {view['strategy']}",
        "STABLE": f"{orders['stable']:,.0f}",
        "CANARY": f"{orders['canary']:,.0f}",
        "LIMIT (UNIT)": "orders",
        "UNIT": "orders",
        "E-VALUE": f"{_e_value(e)} / {limit:,.0f}" if e and limit else "",
        "N": f"{orders['canary']:,.0f}",
        "STATUS": rollout["judge"]["verdict"],
    }
    return {column: Text(text) for column, text in found.items()}


def _cells(row: View, name: str) -> dict[str, Text]:
    sign, style = _STATES[row["state"]]
    limit = "" if row["limit"] is None else f"{row['limit']:+.2g}"
    difference = "" if row["difference"] is None else f"{row['difference']:+.3g}"
    interval = "" if row["low"] is None else f"[{_bound(row['low'])}, {_bound(row['high'])}]"
    found = {
        "NAME": name,
        "STABLE": _figure(row["stable"], row["figure_unit"]),
        "CANARY": _figure(row["canary"], row["figure_unit"]),
        "DIFF (95 % CS)": f"{difference} {interval}".rstrip(),
        "DIFF": f"{difference}\n{interval}".rstrip(),
        "LIMIT": limit,
        "LIMIT (UNIT)": f"{limit} {row['unit'].partition(' ')[0]}".rstrip() if limit else "",
        "UNIT": row["unit"],
        "E-VALUE": _e_value(row["e_value"]),
        "N": f"{row['canary_orders']:,}",
    }
    cells = {column: Text(text) for column, text in found.items()}
    return cells | {"STATUS": Text(f"{sign} {row['state']}", style=style)}


def _e_value(text: str | None) -> str:
    return (text or "").replace("above ", ">")


def _figure(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:,.2f} {unit}".rstrip()


def _bound(value: float) -> str:
    """An end of an interval; by account the largest float stands for no bound."""
    sign = "+" if value > 0 else "-"
    return f"{sign}∞" if abs(value) == sys.float_info.max else f"{value:+.3g}"
