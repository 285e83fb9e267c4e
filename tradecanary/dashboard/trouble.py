"""What is wrong with the view as a whole: the one thing that every page must say."""

from __future__ import annotations

from tradecanary.dashboard import words
from tradecanary.dashboard.board import Snapshot
from tradecanary.dashboard.markup import NOTHING, Markup, tag
from tradecanary.schemas.units import US_PER_S

_SILENT_US = 3 * US_PER_S
"""A log that answers is read several times a second; after so long it is said that it does not."""


def trouble(snapshot: Snapshot, now_us: int) -> Markup:
    """Return what is wrong with the view as a whole, nothing when all is well."""
    if snapshot.problem:
        since = (
            f"What you see is of {words.moment(snapshot.read_at_us)} UTC."
            if snapshot.read_at_us >= 0
            else "Nothing was read yet."
        )
        text = f"{snapshot.problem}. {since}"
        return tag("p", tag("b", "✖ Not up to date"), " ", text, class_="notice bad")
    silent_us = now_us - snapshot.read_at_us
    if snapshot.read_at_us >= 0 and silent_us > _SILENT_US:
        text = (
            f"for {words.age(0, silent_us)}. What you see is of {words.moment(snapshot.read_at_us)}"
        )
        return tag("p", tag("b", "✖ Nothing was read"), f" {text} UTC.", class_="notice bad")
    if snapshot.read_at_us < 0:
        return tag("p", tag("b", "◌ Reading"), " the decider's state", class_="notice")
    kill = snapshot.killed_everywhere()
    if kill is None:
        return NOTHING
    text = f"by {kill.actor}, {words.age(kill.time_us, now_us)} ago: {kill.reason}"
    return tag("p", tag("b", "■ All strategies are killed"), " ", text, class_="notice bad")
