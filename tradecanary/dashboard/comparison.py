"""Stable against canary, measure by measure, with the judge's interval and e-value beside them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from tradecanary.dashboard import words
from tradecanary.dashboard.facts import View
from tradecanary.dashboard.markup import NOTHING, Markup, tag
from tradecanary.dashboard.parts import panel, table

_STREAM_OF = {"fill rate": "fill_rate", "latency": "latency_mean", "slippage": "slippage_mean"}
"""Measures that are a stream's own mean; the others have none, or another scale."""
_UNBOUNDED = 1e300
_WIDTH, _HEIGHT = 120, 16
_ROOM = 1.15
_STATES = {"worse": ("✖ worse", "bad-text"), "not worse": ("✔ not worse", "good-text")}
_HEAD = ("measure", "stable", "canary", "difference", "95 % interval", "", "e-value", "state")


def comparison(view: View) -> Markup:
    """Return the table of measures: pooled figures, then the judge's stratified evidence."""
    rollout = view["rollout"]
    if rollout is None:
        return NOTHING
    judge = rollout["judge"]
    streams = {one["stream"]: one for one in judge["streams"]}
    rows = list(_rows(view, rollout["measures"], streams))
    note = f"{judge['kind']}: {judge['verdict'].lower()}"
    reason = tag("p", judge["reason"], class_="sub reason")
    if streams:
        return panel(
            "Measures", reason, table(_HEAD, rows, texts=(0, 7), name="measures"), note=note
        )
    plain = [row[:4] for row in rows]
    return panel("Measures", reason, table(_HEAD[:4], plain, name="measures"), note=note)


def _rows(
    view: View, measures: Sequence[View], streams: Mapping[str, View]
) -> Iterator[Sequence[object]]:
    told: set[str] = set()
    for measure in measures:
        name, unit = measure["name"], measure["unit"]
        pair = words.figure(measure["stable"], unit), words.figure(measure["canary"], unit)
        stream = streams.get(_STREAM_OF.get(name, ""))
        if stream is None:
            counted = name in {"orders", "P&L"}
            difference = "" if counted else words.signed(measure["difference"], unit)
            yield name, *pair, difference, "", "", "", ""
        else:
            told.add(stream["stream"])
            yield name, *pair, *judged(stream)
        if name == "fill rate":
            told.add("error_rate")
            yield _errors(view, streams.get("error_rate"))
    for stream in streams.values():
        if stream["stream"] not in told:
            yield stream["stream"].replace("_", " "), "", "", *judged(stream)


def _errors(view: View, stream: View | None) -> Sequence[object]:
    stable, canary = view["error_rates"]
    pair = ["" if one is None else words.figure(one, "%") for one in (stable, canary)]
    if stream is not None:
        return "error rate", *pair, *judged(stream)
    known = stable is not None and canary is not None
    return "error rate", *pair, words.signed(canary - stable, "%") if known else "", "", "", "", ""


def judged(stream: View) -> Sequence[object]:
    """Return a stream's cells: effect, interval as text and picture, e-value, state."""
    text, tone = _STATES.get(stream["state"], ("◌ open", ""))
    unit = stream["unit"]
    return (
        words.signed(stream["effect"], unit),
        f"{_end(stream['low'])} to {_end(stream['high'])}",
        picture(stream),
        stream["e_value"],
        tag("span", text, class_=tone or None),
    )


def _end(value: float) -> str:
    return "open" if abs(value) >= _UNBOUNDED else words.signed(value)


def picture(stream: View) -> Markup:
    """Return the interval as a line over the tolerance; zero is in the middle.

    The scale shrinks what is far (asinh), so that tolerance and interval are both to be seen.
    """
    low, high, effect = (float(stream[end]) for end in ("low", "high", "effect"))
    tolerance = abs(float(stream["tolerance"]))
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
