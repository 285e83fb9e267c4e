"""The dialog of a verb: what it will do, the reason, a second yes for what is dangerous."""

from __future__ import annotations

from functools import partial
from typing import Literal

from nicegui import ui

from tradecanary.dashboard.frame import Site
from tradecanary.dashboard.verbs import VERBS, Outcome, Verb, named, perform

_TONES: dict[Outcome, Literal["positive", "warning", "negative"]] = {
    "done": "positive",
    "refused": "warning",
    "silent": "negative",
}
_SHOWN_MS = 10_000


class Asking:
    """One dialog a page, for whichever verb was clicked."""

    def __init__(self, site: Site, identity: str) -> None:
        """Build it, closed."""
        self._site, self._identity = site, identity
        self._verb, self._strategy = VERBS["halt"], ""
        self._waiting: set[tuple[str, str]] = set()
        self._opened = 0
        with ui.dialog() as self._dialog, ui.card().classes("ask"):
            self._title = ui.label().classes("title")
            self._says = ui.label()
            self._reason = ui.input("Reason").props("outlined dense autofocus")
            self._reason.on("keydown.enter", self._go)
            self._sure = ui.checkbox()
            self._problem = ui.label().classes("bad-text")
            with ui.row():
                self._button = ui.button(on_click=self._go, color=None).classes("verb")
                self._button.props("flat no-caps")
                ui.button("Cancel", on_click=self._dialog.close, color=None).props("flat no-caps")
        for name, element in (("reason", self._reason), ("sure", self._sure), ("go", self._button)):
            element.props(f'data-ask="{name}"')

    def open(self, verb: Verb, strategy: str) -> None:
        """Ask for `verb` of `strategy`."""
        self._verb, self._strategy = verb, strategy
        self._opened += 1
        self._button.props(remove="loading")
        of = f"{verb.name} {named(strategy)}"
        self._title.set_text(
            of.capitalize() if strategy == "*" else f"{verb.name.capitalize()} {strategy}"
        )
        self._says.set_text(verb.says)
        self._reason.set_value("")
        self._problem.set_text("")
        self._sure.set_visibility(verb.asks)
        self._sure.set_value(False)
        self._sure.set_text(f"Yes, {of}")
        self._button.set_text(verb.name.capitalize())
        self._button.classes(
            add="strong" if verb.asks else "", remove="" if verb.asks else "strong"
        )
        self._dialog.open()

    async def _go(self) -> None:
        reason = str(self._reason.value or "").strip()
        actor = self._site.sessions.actor_of(self._identity)
        if actor is None:
            self._problem.set_text("Your session is over: log in again.")
        elif not reason:
            self._problem.set_text("A reason is needed: it is kept with the decision.")
        elif self._verb.asks and not self._sure.value:
            self._problem.set_text(f"Tick that you mean it: {self._verb.says.lower()}")
        else:
            await self._perform(actor, reason)

    def _fitting(self, verb: Verb) -> list[str]:
        """Return the strategies for which the verb can do anything."""
        board = self._site.board
        views = ((name, board.view(name)) for name in board.snapshot.known)
        return [name for name, view in views if view is not None and verb.fits(view)]

    async def _perform(self, actor: str, reason: str) -> None:
        verb, strategy, asked = self._verb, self._strategy, self._opened
        if (verb.name, strategy) in self._waiting:
            return  # Enter twice is one command; another verb is not held up by one that waits
        self._waiting.add((verb.name, strategy))
        self._problem.set_text("")
        self._button.props("loading")
        try:
            act = partial(
                perform,
                self._site.hands,
                verb,
                strategy,
                actor=actor,
                reason=reason,
                every=self._fitting(verb),
            )
            answer = await self._site.lanes.run(verb, act)
        finally:
            self._waiting.discard((verb.name, strategy))
        if self._opened == asked:  # else the dialog asks for something else by now
            self._button.props(remove="loading")
            self._dialog.close()
        if answer is None:
            return  # the server ends
        ui.notify(
            answer.text, type=_TONES[answer.outcome], position="top", timeout=_SHOWN_MS,
            multi_line=True, close_button="Close",
        )  # fmt: skip
