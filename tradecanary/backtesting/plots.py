"""A report's plots as inline SVG: text in the page's own colour, so that it is read in the dark."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from tradecanary.backtesting.result import Backtest, PolicyResult
from tradecanary.schemas.units import FULL_WEIGHT_BP

_INK = "#010203"
"""Drawn in this colour, shown in the colour of the page's text."""
_BLUE, _ORANGE, _RED, _GREY = "#3b82c4", "#d97706", "#d23f3f", "#8a8f98"
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tradecanary",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}
_WIDTH, _ROW = 7.2, 2.0
_MEASURES = (
    ("fill_rate_pct", "fill rate, %"),
    ("latency_ms", "latency, ms"),
    ("slippage_bp", "slippage, bp"),
)
_MOST_POINTS, _FEW_POINTS = 400, 60
Span = tuple[int, int]
"""First and last time of a page's plots, microseconds: all of them show the whole record."""


def weights(found: Backtest) -> str:
    """Return the canary's weight over time: the record's, and each policy's."""
    with mpl.rc_context(_STYLE):
        figure, (axes,) = _figure(1, (found.first_us, found.last_us))
        served = [one for one in found.periods if 0 < one.canary_bp < FULL_WEIGHT_BP]
        for number, period in enumerate(served):
            axes.plot(
                _times([period.first_us, period.last_us]),
                [period.canary_bp / 100] * 2,
                color=_GREY,
                linewidth=5,
                alpha=0.5,
                label="recorded" if not number else None,
            )
        for one in found.policies:
            table = one.decisions
            axes.step(table["time"], table["canary_bp"] / 100, where="post", label=one.name)
        axes.set_ylabel("canary, %")
        axes.legend(fontsize=8)
        return _svg(figure)


def measures(one: PolicyResult, span: Span) -> str:
    """Return both variants' measures by cohort, the canary's evidence as the policy had it."""
    table = one.windows
    with mpl.rc_context(_STYLE):
        figure, rows = _figure(len(_MEASURES), span)
        for axes, (column, label) in zip(rows, _MEASURES, strict=True):
            for variant, colour in (("stable", _BLUE), ("canary", _ORANGE)):
                mine = table[table["variant"] == variant]
                smooth = _thin(mine.assign(value=pd.to_numeric(mine[column])))
                _line(axes, smooth["start"], smooth["value"], colour, variant)
            axes.set_ylabel(label)
        rows[0].legend(fontsize=8, ncols=2)
        return _svg(figure)


def streams(one: PolicyResult, span: Span) -> str:
    """Return what the judge compared: effect with confidence sequence, and margin or limit."""
    table = one.evidence.dropna(subset=["effect"])
    names = list(dict.fromkeys(table["stream"]))
    if not names:
        return ""
    with mpl.rc_context(_STYLE):
        figure, rows = _figure(len(names), span)
        for axes, name in zip(rows, names, strict=True):
            mine = _thin(table[table["stream"] == name])
            effect = pd.to_numeric(mine["effect"])
            low, high = pd.to_numeric(mine["low"]), pd.to_numeric(mine["high"])
            _line(axes, mine["time"], effect, _ORANGE, "effect")
            if low.notna().any():
                axes.fill_between(mine["time"], low, high, color=_ORANGE, alpha=0.25, linewidth=0)
            margin = pd.to_numeric(mine["margin"]).iloc[-1]  # the policy's, so it never changes
            axes.axhline(margin, color=_RED, linestyle="--", linewidth=1)
            axes.set_ylabel(name)
        return _svg(figure)


def log_e(one: PolicyResult, span: Span) -> str:
    """Return the log e-values against the limit; empty where the judge has none."""
    table = one.evidence.dropna(subset=["log_e"])
    if table.empty:
        return ""
    with mpl.rc_context(_STYLE):
        figure, (axes,) = _figure(1, span)
        for name in dict.fromkeys(table["stream"]):
            mine = _thin(table[table["stream"] == name])
            _line(axes, mine["time"], pd.to_numeric(mine["log_e"]), None, name)
        limits = table.loc[table["effect"].isna(), "margin"].dropna()
        for limit in limits.unique():
            axes.axhline(limit, color=_RED, linestyle="--", linewidth=1, label="limit")
        axes.set_ylabel("log e-value")
        axes.legend(fontsize=8)
        return _svg(figure)


def _line(axes: Axes, times: pd.Series, values: pd.Series, colour: str | None, label: str) -> None:
    """Draw a line; few points are marked, for one alone draws none."""
    marker = "." if len(times) < _FEW_POINTS else ""
    axes.plot(times, values, color=colour, linewidth=1.2, marker=marker, label=label)


def _figure(count: int, span: Span) -> tuple[Figure, Sequence[Axes]]:
    figure = Figure(figsize=(_WIDTH, 0.5 + _ROW * count), layout="constrained")
    rows: Any = figure.subplots(count, 1, sharex=True, squeeze=False)
    for (axes,) in rows:
        locator = AutoDateLocator(minticks=3, maxticks=7)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
        axes.set_xlim(*_times(span))
    return figure, [axes for (axes,) in rows]


def _times(times_us: Sequence[int]) -> pd.DatetimeIndex:
    return pd.to_datetime(list(times_us), unit="us", utc=True)


def _thin(table: pd.DataFrame) -> pd.DataFrame:
    """Return at most some hundred rows, evenly spread: a report stays small."""
    every = -(-len(table) // _MOST_POINTS) or 1
    return table.iloc[::every]


def _svg(figure: Figure) -> str:
    """Return the figure as an `svg` element of a page: no prolog, no metadata, scaled to fit."""
    text = io.StringIO()
    figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    found = text.getvalue()
    found = found[found.index("<svg") :]
    found = re.sub(r"<metadata>.*?</metadata>", "", found, flags=re.DOTALL)
    found = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", found, count=1)
    found = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", found, count=1)
    return found.replace(_INK, "currentColor")
