"""What every page has: the bar above, its style, the pulse that keeps it up to date."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from nicegui import ui

from tradecanary.dashboard.board import Board
from tradecanary.dashboard.gate import LOGIN
from tradecanary.dashboard.lanes import Lanes
from tradecanary.dashboard.markup import NOTHING, Markup, tag
from tradecanary.dashboard.sessions import Sessions
from tradecanary.dashboard.style import STYLE
from tradecanary.dashboard.verbs import Hands

PULSE_S = 0.1
"""Between two comparisons of what a browser shows with what is known."""


@dataclass(frozen=True, slots=True)
class Site:
    """What all pages of one server share. `place`: which Kafka they are about."""

    board: Board
    sessions: Sessions
    hands: Hands
    place: str
    lanes: Lanes = field(default_factory=Lanes)


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


def pulse(site: Site, identity: str, show: Callable[[], None]) -> None:
    """Call `show` now and at every pulse, for as long as the session lasts."""

    def beat() -> None:
        if site.sessions.actor_of(identity) is None:
            ui.navigate.to(LOGIN)
            return
        show()

    show()
    ui.timer(PULSE_S, beat, immediate=False)
