"""What every page has: the bar above, its style, the pulse that keeps it up to date."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nicegui import ui

from tradecanary.dashboard import words
from tradecanary.dashboard.board import Board, Snapshot
from tradecanary.dashboard.gate import LOGIN
from tradecanary.dashboard.markup import NOTHING, Markup, tag
from tradecanary.dashboard.sessions import Sessions
from tradecanary.dashboard.style import STYLE
from tradecanary.dashboard.verbs import Hands
from tradecanary.schemas.units import US_PER_S

PULSE_S = 0.1
"""Between two comparisons of what a browser shows with what is known."""
_SILENT_US = 3 * US_PER_S
"""A log that answers is read several times a second; after so long it is said that it does not."""


@dataclass(frozen=True, slots=True)
class Site:
    """What all pages of one server share. `place`: which Kafka they are about."""

    board: Board
    sessions: Sessions
    hands: Hands
    place: str


class Piece:
    """A piece of a page that is sent to the browser only when it changed."""

    def __init__(self, css: str = "", html: Markup = NOTHING) -> None:
        """Put it where the page is being built."""
        self._html = html
        self._element = ui.html(html, sanitize=False).classes(css)  # Markup is escaped already
        self._element.set_visibility(bool(html))

    def show(self, html: Markup) -> None:
        """Show it; nothing is sent when it is what is shown."""
        if html != self._html:
            self._html = html
            self._element.set_content(html)
            self._element.set_visibility(bool(html))


def begin(site: Site, actor: str) -> Piece:
    """Begin a page: style and bar. Return the piece for what stops the whole view."""
    ui.add_css(STYLE)
    ui.colors(primary="#2563c9", positive="#12703f", warning="#8f5200", negative="#bf2630")
    ui.html(_bar(site.place, actor), sanitize=False)
    return Piece("trouble")


def _bar(place: str, actor: str) -> Markup:
    out = tag("form", actor, tag("button", "Log out", type="submit"), method="post",
              action="/logout")  # fmt: skip
    return tag(
        "div",
        tag("a", "tradecanary", href="/", class_="brand"),
        tag("nav", tag("a", "All rollouts", href="/")),
        tag("span", place, class_="state", title="the Kafka that is read, and the topic prefix"),
        out,
        class_="top",
    )


def trouble(snapshot: Snapshot, now_us: int) -> Markup:
    """Return what is wrong with the view as a whole, nothing when all is well."""
    if snapshot.problem:
        since = (
            f"What you see is of {words.moment(snapshot.read_at_us)} UTC."
            if snapshot.read_at_us >= 0
            else "Nothing was read yet."
        )
        text = f"{snapshot.problem}. {since}"
        return tag("p", tag("b", "✖ Kafka does not answer"), " ", text, class_="notice bad")
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


def pulse(site: Site, identity: str, show: Callable[[], None]) -> None:
    """Call `show` now and at every pulse, for as long as the session lasts."""

    def beat() -> None:
        if site.sessions.actor_of(identity) is None:
            ui.navigate.to(LOGIN)
            return
        show()

    show()
    ui.timer(PULSE_S, beat, immediate=False)
