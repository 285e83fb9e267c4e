"""What is wrong with the view as a whole: the one thing that every page must say."""

from __future__ import annotations

from tradecanary.dashboard import words
from tradecanary.dashboard.board import Snapshot
from tradecanary.dashboard.facts import LEASE_US
from tradecanary.dashboard.markup import NOTHING, Markup, joined, tag
from tradecanary.rollout_view import STALE_LOOK_US
from tradecanary.schemas.units import US_PER_S

_SILENT_US = 3 * US_PER_S
"""A log that answers is read several times a second; after so long it is said that it does not."""


def trouble(snapshot: Snapshot, now_us: int, strategy: str = "") -> Markup:
    """Return what is wrong with the view as a whole, nothing when all is well.

    `strategy`: whose page it is, empty for all.
    """
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
    kill, gone = snapshot.killed_everywhere(), _gone(snapshot.looked_us(now_us, strategy))
    if kill is None:
        return gone
    text = f"by {kill.actor}, {words.age(kill.time_us, now_us)} ago: {kill.reason}"
    killed = tag("p", tag("b", "■ All strategies are killed"), " ", text, class_="notice bad")
    return joined(killed, gone)


def _gone(looked_us: int | None) -> Markup:
    """Say that no decider runs: what its state tells of strategies and routers is old then."""
    if looked_us is None or looked_us <= STALE_LOOK_US:
        return NOTHING
    ended = "leases have ended: routers serve the baseline"
    leases = ended if looked_us > LEASE_US else "routers go to the baseline when their lease ends"
    text = (
        f"no look was recorded for {words.age(0, looked_us)} by this host's clock; {leases}. All "
        "else is shown as of then. Kill works without a decider"
    )
    return tag("p", tag("b", "✖ No decider"), f" {text}.", class_="notice bad")
