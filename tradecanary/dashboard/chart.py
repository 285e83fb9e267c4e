"""The plot of one rollout: weights with the decisions marked on them, evidence and its limit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from textwrap import wrap
from typing import Any

from tradecanary import trail
from tradecanary.dashboard.facts import Evidence
from tradecanary.dashboard.series import Point
from tradecanary.dashboard.words import hour
from tradecanary.schemas.decisions import Decision, DecisionKind

Options = dict[str, Any]

INK, LINE = "#8a93a1", "rgba(128,138,150,0.25)"
"""Greys that read on a light page and on a dark one."""
WEIGHT, ACTUAL, EVIDENCE, LIMIT, GOOD, WARN = (
    "#3b82f6", "#8a93a1", "#a855f7", "#e5484d", "#2f9e62", "#d18b00",
)  # fmt: skip
_COLOURS = {
    DecisionKind.ROLL_BACK: LIMIT,
    DecisionKind.KILL: LIMIT,
    DecisionKind.PROMOTE: GOOD,
    DecisionKind.FINISH: GOOD,
    DecisionKind.HALT: WARN,
    DecisionKind.HOLD: INK,
}
_SYMBOLS = {
    DecisionKind.ROLL_BACK: "diamond",
    DecisionKind.KILL: "rect",
    DecisionKind.HALT: "rect",
    DecisionKind.HOLD: "emptyCircle",
    DecisionKind.INCREASE: "triangle",
    DecisionKind.START: "triangle",
}
_COLUMNS, _MOST_LINES = 60, 5
_LEAST_E, _MOST_NATS = 0.01, math.log(1e6)


def options(
    points: Sequence[Point], decisions: Sequence[Decision], found: Evidence | None
) -> Options:
    """Return what ECharts draws; without evidence only the weights."""
    grids: list[Options] = [{"left": 52, "right": 16, "top": 34, "height": 118 if found else 200}]
    series = [_weights(points, decisions), _actual(points), _marks(decisions)]
    x_axes, y_axes = [_time(0, shown=found is None)], [_percent()]
    if found is not None:
        grids.append({"left": 52, "right": 16, "top": 186, "height": 92})
        x_axes.append(_time(1, shown=True))
        y_axes.append(_log(found))
        series.append(_evidence(points, found))
    return {
        "animation": False,
        "textStyle": {"fontFamily": "system-ui, sans-serif", "color": INK},
        "legend": {
            "top": 0,
            "left": 0,
            "itemWidth": 12,
            "itemGap": 10,
            "textStyle": {"color": INK},
        },
        "tooltip": {"trigger": "item", "confine": True, "renderMode": "richText"},
        "axisPointer": {"link": [{"xAxisIndex": "all"}]},
        "grid": grids,
        "xAxis": x_axes,
        "yAxis": y_axes,
        "series": series,
    }


def _time(grid: int, *, shown: bool) -> Options:
    return {
        "type": "time",
        "gridIndex": grid,
        "useUTC": True,
        "axisLabel": {"show": shown, "color": INK, "hideOverlap": True},
        "axisLine": {"lineStyle": {"color": LINE}},
        "axisTick": {"show": shown},
        "splitLine": {"show": False},
    }


def _percent() -> Options:
    return {
        "type": "value",
        "min": 0,
        "gridIndex": 0,
        "axisLabel": {"formatter": "{value} %", "color": INK},
        "splitLine": {"lineStyle": {"color": LINE}},
        "splitNumber": 4,
    }


def _log(found: Evidence) -> Options:
    return {
        "type": "log",
        "gridIndex": 1,
        "min": _LEAST_E,
        "max": round(math.exp(min(_MOST_NATS, found.limit_nats + math.log(20)))),
        "name": found.name,
        "nameTextStyle": {"color": INK, "align": "left"},
        "nameGap": 8,
        "axisLabel": {"color": INK},
        "splitLine": {"lineStyle": {"color": LINE}},
    }


def _weights(points: Sequence[Point], decisions: Sequence[Decision]) -> Options:
    steps = [[one.time_us // 1000, trail.canary_weight_bp(one) / 100] for one in decisions]
    began = points[0].time_us // 1000 if points else math.inf
    known = [step for step in steps if step[0] < began]
    known += [[one.time_us // 1000, one.set_bp / 100] for one in points]
    return {
        "name": "weight",
        "type": "line",
        "step": "end",
        "showSymbol": False,
        "data": sorted(known),
        "lineStyle": {"color": WEIGHT, "width": 2},
        "itemStyle": {"color": WEIGHT},
        "areaStyle": {"color": WEIGHT, "opacity": 0.12},
    }


def _actual(points: Sequence[Point]) -> Options:
    return {
        "name": "actual",
        "type": "line",
        "showSymbol": False,
        "data": [
            [one.time_us // 1000, one.actual_bp / 100]
            for one in points
            if one.actual_bp is not None
        ],
        "lineStyle": {"color": ACTUAL, "width": 1, "type": "dashed"},
        "itemStyle": {"color": ACTUAL},
    }


def _marks(decisions: Sequence[Decision]) -> Options:
    return {
        "name": "decisions",
        "type": "scatter",
        "symbolSize": 11,
        "itemStyle": {"color": INK},
        "z": 5,
        "data": [
            {
                "value": [one.time_us // 1000, trail.canary_weight_bp(one) / 100],
                "name": _told(one),
                "symbol": _SYMBOLS.get(one.kind, "circle"),
                "itemStyle": {"color": _COLOURS.get(one.kind, WEIGHT)},
            }
            for one in decisions
        ],
        "tooltip": {"formatter": "{b}"},
    }


def _told(decision: Decision) -> str:
    """Return what a mark tells: drawn as text, so that nothing in it is ever markup."""
    head = f"{decision.kind.value.replace('_', ' ')} {decision.number}, {hour(decision.time_us)}"
    return "\n".join([head, *wrap(decision.reason, _COLUMNS)[:_MOST_LINES]])


def _evidence(points: Sequence[Point], found: Evidence) -> Options:
    limit = math.exp(found.limit_nats)
    return {
        "name": found.name,
        "type": "line",
        "xAxisIndex": 1,
        "yAxisIndex": 1,
        "showSymbol": False,
        "data": [
            [one.time_us // 1000, max(_LEAST_E, math.exp(min(one.nats, _MOST_NATS)))]
            for one in points
            if one.nats is not None
        ],
        "lineStyle": {"color": EVIDENCE, "width": 2},
        "itemStyle": {"color": EVIDENCE},
        "markLine": {
            "silent": True,
            "symbol": "none",
            "data": [{"yAxis": limit}],
            "lineStyle": {"color": LIMIT, "type": "dashed"},
            "label": {
                "formatter": f"rolls back at {limit:,.0f}",
                "position": "insideStartTop",
                "color": LIMIT,
            },
        },
    }
