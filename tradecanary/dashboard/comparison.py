"""Stable against canary, measure by measure, with the judge's interval and e-value beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tradecanary.dashboard import words
from tradecanary.dashboard.facts import View
from tradecanary.dashboard.markup import NOTHING, Markup, tag
from tradecanary.dashboard.parts import panel, table

_COUNTED = {"orders", "P&L"}
_UNBOUNDED = 1e300
_WIDTH, _HEIGHT = 120, 16
_ROOM = 1.15
_STATES = {"worse": ("✖ worse", "bad-text"), "not worse": ("✔ not worse", "good-text")}
_HEAD = ("measure", "stable", "canary", "difference", "95 % interval", "", "e-value", "state")


def comparison(view: View) -> Markup:
    """Return the table of measures: pooled figures, then what the judge makes of them."""
    rollout = view["rollout"]
    if rollout is None:
        return NOTHING
    judge = rollout["judge"]
    rows = [_counted(one) for one in rollout["measures"] if one["name"] in _COUNTED]
    rows += [_row(one) for one in rollout["rows"]]
    return panel(
        "Measures",
        tag("p", judge["reason"], class_="sub reason"),
        table(_HEAD, rows, texts=(0, 7), name="measures"),
        note=f"{judge['kind']}: {judge['verdict'].lower()}",
    )


def _counted(measure: View) -> Sequence[object]:
    """Return the cells of what is counted and not judged."""
    pair = (words.figure(measure[which], measure["unit"]) for which in ("stable", "canary"))
    return measure["name"], *pair, "", "", "", "", ""


def _row(row: View) -> Sequence[object]:
    """Return the cells of a stream of the judge, or of a measure of the plain rules."""
    pair = [
        "" if row[which] is None else words.figure(row[which], row["figure_unit"])
        for which in ("stable", "canary")
    ]
    name = row["name"].replace("_", " ").removesuffix(" mean")
    if row["low"] is None:  # the plain rules draw no interval; their difference is the shortfall
        effect = words.signed(row["canary"] - row["stable"], row["figure_unit"])
        limit = "" if row["limit"] is None else f"limit {words.figure(row['limit'], row['unit'])}"
        return name, *pair, effect, limit, "", "", _state(row["state"])
    return name, *pair, *judged(row)


def judged(stream: View) -> Sequence[object]:
    """Return a stream's cells: effect, interval as text and picture, e-value, state."""
    return (
        words.signed(stream["difference"], stream["unit"]),
        f"{_end(stream['low'])} to {_end(stream['high'])}",
        picture(stream),
        stream["e_value"],
        _state(stream["state"]),
    )


def _state(state: str) -> Markup:
    text, tone = _STATES.get(state, ("◌ open", ""))
    return tag("span", text, class_=tone or None)


def _end(value: float) -> str:
    return "open" if abs(value) >= _UNBOUNDED else words.signed(value)


def picture(stream: View) -> Markup:
    """Return the interval as a line over the tolerance; zero is in the middle.

    The scale shrinks what is far (asinh), so that tolerance and interval are both to be seen.
    """
    low, high, effect = (float(stream[end]) for end in ("low", "high", "difference"))
    tolerance = abs(float(stream["limit"]))
    ends = [abs(each) for each in (low, high, effect, tolerance) if abs(each) < _UNBOUNDED]
    unit = tolerance or max(ends, default=0.0) or 1.0
    reach = math.asinh(_ROOM * max(ends, default=unit) / unit) or 1.0

    def x(value: float) -> float:
        return _WIDTH / 2 * (1 + max(-1.0, min(1.0, math.asinh(value / unit) / reach)))

    middle = _HEIGHT / 2
    half = x(tolerance) - _WIDTH / 2
    tone = {"worse": "bad", "not worse": "good"}.get(stream["state"], "open")
    label = f"effect {effect:+.3g}, interval {low:+.3g} to {high:+.3g}, tolerance {tolerance:.3g}"
    return tag(
        "svg",
        tag("rect", x=f"{_WIDTH / 2 - half:.1f}", y=1, width=f"{2 * half:.1f}",
            height=_HEIGHT - 2, class_="zone"),
        tag("line", x1=_WIDTH / 2, x2=_WIDTH / 2, y1=0, y2=_HEIGHT, class_="zero"),
        tag("line", x1=f"{x(low):.1f}", x2=f"{x(high):.1f}", y1=middle, y2=middle, class_="span"),
        tag("circle", cx=f"{x(effect):.1f}", cy=middle, r=3.2),
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        class_=f"interval {tone}",
        role="img",
        aria_label=label,
    )  # fmt: skip
