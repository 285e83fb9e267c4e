"""The pages: what is asked of NiceGUI, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from nicegui import run, ui
from nicegui.element import Element
from starlette.requests import Request

from tradecanary.dashboard import one_rollout, overview
from tradecanary.dashboard.asking import Asking
from tradecanary.dashboard.chart import options
from tradecanary.dashboard.comparison import comparison
from tradecanary.dashboard.decision_lines import line
from tradecanary.dashboard.facts import View, routers
from tradecanary.dashboard.frame import Piece, Site, begin, pulse
from tradecanary.dashboard.gate import SESSION
from tradecanary.dashboard.markup import NOTHING, Markup, joined, tag
from tradecanary.dashboard.parts import empty, panel
from tradecanary.dashboard.trouble import trouble
from tradecanary.dashboard.verbs import VERBS, fitting
from tradecanary.schemas.decisions import Decision
from tradecanary.schemas.routing import EVERYWHERE
from tradecanary.schemas.units import US_PER_S

_SHOWN_DECISIONS = 12
_HISTORY = 500
_CHART_US = US_PER_S


def add_pages(site: Site) -> None:
    """Register the pages with NiceGUI; once a process."""

    @ui.page("/", title="tradecanary")
    def first(request: Request) -> None:
        identity, actor = _who(site, request)
        Overview(site, identity, actor)

    @ui.page("/rollout/{strategy:path}", title="tradecanary")
    def one(request: Request, strategy: str) -> None:
        ui.page_title(f"{strategy} · tradecanary")
        identity, actor = _who(site, request)
        OneRollout(site, identity, actor, strategy)

    @ui.page("/history/{strategy:path}", title="tradecanary", response_timeout=30)
    async def past(request: Request, strategy: str) -> None:
        ui.page_title(f"{strategy}: history · tradecanary")
        _, actor = _who(site, request)
        await _history(site, actor, strategy)


def _who(site: Site, request: Request) -> tuple[str, str]:
    """Return the session and its name: the gate let the request through."""
    identity = str(request.scope[SESSION])
    return identity, site.sessions.actor_of(identity) or ""


class Overview:
    """All strategies, one line each, and what happened last."""

    def __init__(self, site: Site, identity: str, actor: str) -> None:
        """Build the page for one browser."""
        self._site = site
        self._shown: tuple[object, ...] = ()
        self._lines: list[Piece] = []
        self._feed: list[Decision] = []
        with ui.element("main").classes("frame"):
            self._trouble = begin(site, actor)
            self._counts = Piece()
            with ui.element("div").classes("filters"):
                self._group = ui.toggle(
                    {
                        "all": "All",
                        "attention": "Attention",
                        "running": "Running",
                        "ended": "Ended",
                    },
                    value="all",
                ).props("no-caps dense unelevated padding='3px 10px'")
                self._text = ui.input(placeholder="Find a strategy, build or reason").props(
                    "outlined dense clearable aria-label='Find'"
                )
                asking = Asking(site, identity)
                ui.element("div").style("flex:1")
                self._all = {
                    name: _verb_button(
                        f"{name.capitalize()} all",
                        lambda v=VERBS[name]: asking.open(v, EVERYWHERE),
                    ).props(f'data-verb="{name}"')
                    for name in ("freeze", "unfreeze", "kill", "unkill")
                }
                self._all["kill"].classes("kill")
            with ui.element("div").classes("list"):
                ui.html(overview.head(), sanitize=False)
                self._list = ui.element("div")
                self._nothing = Piece()
            self._last = Piece()
            pulse(site, identity, self._show)

    def _show(self) -> None:
        board, snapshot = self._site.board, self._site.board.snapshot
        now_us = board.now_us()
        self._trouble.show(trouble(snapshot, now_us))
        views = [view for name in snapshot.known if (view := board.view(name)) is not None]
        self._offer(views, killed=snapshot.killed_everywhere() is not None)
        shown = (str(self._group.value), str(self._text.value or ""), *map(id, views))
        if shown == self._shown and snapshot.number:
            return
        self._shown = shown
        self._counts.show(_counted(overview.counts(views)))
        found = overview.chosen(views, str(self._group.value), str(self._text.value or ""))
        self._show_lines([overview.row(view) for view in found])
        self._nothing.show(NOTHING if found else empty(_why_empty(views)))
        newest = overview.newest(snapshot.decisions)
        if newest != self._feed:
            self._feed = newest
            self._last.show(panel("Last decisions", overview.feed(newest), note="UTC"))

    def _offer(self, views: list[View], *, killed: bool) -> None:
        """Offer what can do anything; the kill of all even before a strategy is known."""
        frozen = [bool(view["frozen"]) for view in views]
        self._all["freeze"].set_visibility(not all(frozen))
        self._all["unfreeze"].set_visibility(any(frozen))
        self._all["kill"].set_visibility(not killed)
        self._all["unkill"].set_visibility(killed)

    def _show_lines(self, rows: list[Markup]) -> None:
        with self._list:
            while len(self._lines) < len(rows):
                self._lines.append(Piece())
        for index, piece in enumerate(self._lines):
            piece.show(rows[index] if index < len(rows) else NOTHING)


def _counted(counts: Mapping[str, int]) -> Markup:
    def one(name: str, text: str, css: str = "") -> Markup:
        return tag("span", tag("b", f"{counts[name]}"), f" {text}", class_=css)

    hot = "hot" if counts["attention"] else ""
    return tag(
        "div",
        one("attention", "ask for attention", hot), one("running", "running"),
        one("ended", "ended"), one("all", "strategies"),
        class_="counts",
    )  # fmt: skip


def _why_empty(views: list[View]) -> str:
    if views:
        return "Nothing fits the filter."
    return "No strategy is known yet. Start a rollout with: tradecanary start SPEC"


def _verb_button(text: str, act: object) -> Element:
    made = ui.button(text, on_click=act, color=None).props("flat no-caps")  # type: ignore[arg-type]
    return made.classes("verb")


class OneRollout:
    """One strategy's rollout, live."""

    def __init__(self, site: Site, identity: str, actor: str, strategy: str) -> None:
        """Build the page for one browser."""
        self._site, self._strategy = site, strategy
        self._view: View | None = None
        self._decided: tuple[Decision, ...] = ()
        self._drawn: tuple[object, ...] = ()
        self._drawn_us = 0
        with ui.element("main").classes("frame"):
            self._trouble = begin(site, actor)
            self._heading, self._notices = Piece(), Piece()
            asking = Asking(site, identity)
            with ui.element("div").classes("verbs"):
                self._buttons = {
                    name: _verb_button(name.capitalize(), lambda v=verb: asking.open(v, strategy))
                    .classes("kill" if verb.kills else "strong" if name == "abort" else "")
                    .props(f'data-verb="{name}"')
                    for name, verb in VERBS.items()
                }
            self._tiles = Piece()
            with ui.element("section").classes("panel"):
                ui.html("<h2>Weights and evidence</h2>", sanitize=False)
                self._chart = ui.echart(options((), (), None)).classes("chart")
            with ui.element("div").classes("two"):
                self._measures, self._guards = Piece(), Piece()
            self._routers = Piece()
            with ui.element("section").classes("panel"):
                ui.html(self._decisions_head(), sanitize=False)
                self._list = ui.element("div").classes("decisions")
            pulse(site, identity, self._show)

    def _decisions_head(self) -> Markup:
        where = tag("a", "the whole history", href=f"/history/{quote(self._strategy, safe='')}")
        return tag("h2", "Last decisions", tag("small", where))

    def _show(self) -> None:
        board, snapshot = self._site.board, self._site.board.snapshot
        now_us = board.now_us()
        self._trouble.show(trouble(snapshot, now_us, self._strategy))
        view = board.view(self._strategy)
        if view is None:
            text = f"No decider knows the strategy {self._strategy}."
            self._heading.show(empty(text) if snapshot.number else NOTHING)
            return
        if view is not self._view:
            self._view = view
            self._show_view(view)
        decisions = snapshot.decisions.get(self._strategy, ())
        if decisions and (not self._decided or decisions[-1] is not self._decided[-1]):
            self._add(decisions)
        self._draw(view, now_us)

    def _show_view(self, view: View) -> None:
        snapshot = self._site.board.snapshot
        known = snapshot.known[self._strategy]
        self._heading.show(one_rollout.heading(view))
        own = known.partition.kills.get(self._strategy)
        self._notices.show(one_rollout.notices(view, snapshot.killed_everywhere(), own))
        fits = {verb.name for verb in fitting(view)}
        for name, button in self._buttons.items():
            button.set_visibility(name in fits)
        self._tiles.show(one_rollout.tiles(view))
        self._measures.show(comparison(view))
        self._guards.show(one_rollout.guards(view))
        rows = routers(known.strategy, known.partition.recorded_at_us)
        self._routers.show(one_rollout.routers(rows, view["revision"]))

    def _add(self, decisions: tuple[Decision, ...]) -> None:
        """Put what is new on top; what is shown stays as it is, opened or not."""
        last = self._decided[-1].number if self._decided else -1
        new = [one for one in decisions if one.number > last][-_SHOWN_DECISIONS:]
        self._decided = decisions
        for decision in new:
            with self._list:
                ui.html(line(decision), sanitize=False).move(target_index=0)
        for old in list(self._list)[_SHOWN_DECISIONS:]:
            old.delete()

    def _draw(self, view: View, now_us: int) -> None:
        """Draw what was added, at once after a decision, else once a second."""
        rollout = view["rollout"]
        if rollout is None:
            return
        points = self._site.board.points(self._strategy)
        decided = [one for one in self._decided if one.rollout == rollout["id"]]
        key = (len(decided), points[-1] if points else None, view["evidence"] is None)
        turned = not self._drawn or key[0] != self._drawn[0]
        if key == self._drawn or (not turned and now_us - self._drawn_us < _CHART_US):
            return
        self._drawn, self._drawn_us = key, now_us
        self._chart.options.clear()
        self._chart.options.update(options(points, decided, view["evidence"]))
        self._chart.classes(
            add="" if view["evidence"] else "short", remove="short" if view["evidence"] else ""
        )
        self._chart.update()


async def _history(site: Site, actor: str, strategy: str) -> None:
    """Every decision that the topic keeps, newest first; read once."""
    with ui.element("main").classes("frame"):
        begin(site, actor)
        back = tag("a", f"← {strategy}", href=f"/rollout/{quote(strategy, safe='')}")
        ui.html(tag("h1", back), sanitize=False)
        found = await run.io_bound(_read_history, site, strategy) or []
        shown = found[-_HISTORY:]
        note = f"{len(shown):,} of {len(found):,} kept, newest first, UTC"
        rows = [line(one, with_day=True) for one in reversed(shown)]
        body = joined(rows) if rows else empty(f"No decision was ever made for {strategy}.")
        ui.html(panel("All decisions", body, note=note), sanitize=False)


def _read_history(site: Site, strategy: str) -> list[Decision]:
    with site.hands() as operator:
        return list(operator.decisions(strategy))
