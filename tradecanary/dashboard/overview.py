"""The first page: a line a strategy, those that ask for attention first, and what came last."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from tradecanary.dashboard import words
from tradecanary.dashboard.facts import View
from tradecanary.dashboard.markup import Markup, joined, tag
from tradecanary.dashboard.parts import bar, kind, pill, tone_of
from tradecanary.schemas.decisions import Decision

COLUMNS = {
    "status": "status",
    "name": "strategy",
    "phase": "phase",
    "weight": "weight, actual",
    "evidence": "evidence",
    "budget": "budget used",
    "routers": "routers",
    "note": "what is to know",
}
GROUPS = {
    "all": frozenset(range(5)),
    "attention": frozenset({0, 1, 2}),
    "running": frozenset({0, 1, 3}),
    "ended": frozenset({2, 4}),
}
"""What the filter shows, by rank (`facts.rank`)."""
_FEED = 14


def chosen(views: Iterable[View], group: str, text: str) -> list[View]:
    """Return the views of a group whose strategy, rollout or note has `text`, most urgent first."""
    wanted, ranks = text.strip().lower(), GROUPS[group]
    found = [
        view
        for view in views
        if view["rank"] in ranks and (not wanted or wanted in _searched(view))
    ]
    return sorted(found, key=lambda view: (view["rank"], view["strategy"]))


def _searched(view: View) -> str:
    rollout = view["rollout"] or {}
    parts = (view["strategy"], rollout.get("id", ""), rollout.get("canary", ""), note(view)[0])
    return " ".join(parts).lower()


def counts(views: Iterable[View]) -> Mapping[str, int]:
    """Return how many views each group has."""
    ranks = [view["rank"] for view in views]
    return {name: sum(rank in group for rank in ranks) for name, group in GROUPS.items()}


def status_of(view: View) -> str:
    """Return what the line is headed with: a kill outranks the rollout's own status."""
    if view["killed"]:
        return "KILLED"
    return view["rollout"]["status"] if view["rollout"] else "NONE"


def note(view: View) -> tuple[str, str]:
    """Return the one thing to know of a strategy, and its tone."""
    rollout = view["rollout"]
    if view["killed"]:
        return "killed: no orders are routed until unkill", "bad"
    if view["frozen"]:
        return str(view["frozen"]), "warn"
    if rollout is None:
        return "no rollout was started yet", ""
    if rollout["outcome"]:
        return str(rollout["outcome"]), "bad" if rollout["status"] == "ROLLED_BACK" else ""
    if rollout["hold"]:
        return str(rollout["hold"]), "warn" if view["rank"] < 3 else ""  # noqa: PLR2004 - running
    return str(rollout["judge"]["reason"]), ""


def row(view: View) -> Markup:
    """Return a strategy's line: a link to its page."""
    rollout, routers = view["rollout"], view["routers"]
    text, tone = note(view)
    behind = routers["heard"] - routers["following"]
    cells = [
        tag("span", pill(status_of(view)), class_="c-status"),
        tag(
            "span",
            tag("b", view["strategy"]),
            tag("small", rollout["canary"] if rollout else view["baseline"] or ""),
            class_="c-name",
        ),
        tag("span", _phase(view), class_="c-phase"),
        tag("span", _weight(rollout), class_="c-weight"),
        tag("span", _evidence(view), class_="c-evidence"),
        tag("span", _budget(rollout), class_="c-budget"),
        tag(
            "span",
            f"{routers['following']}/{routers['heard']}",
            class_=f"c-routers {'warn-text' if behind or not routers['heard'] else ''}",
            title="routers that follow the newest weights, of those heard in the last 10 s",
        ),
        tag("span", text, class_=f"c-note {tone}-text" if tone else "c-note", title=text),
    ]
    href = f"/rollout/{quote(view['strategy'], safe='')}"
    return tag(
        "a", cells, href=href, class_=f"item rank{view['rank']}", data_strategy=view["strategy"]
    )


def _phase(view: View) -> object:
    rollout = view["rollout"]
    if rollout is None:
        return "–"
    phase = rollout["phase"]
    return tag("span", f"{phase['number']}/{phase['of']} ", tag("small", phase["name"]))


def _weight(rollout: View | None) -> object:
    if rollout is None:
        return "–"
    actual = words.percent(rollout["actual_weight_bp"])
    return joined(
        tag("b", words.percent(rollout["set_weight_bp"])),
        None if rollout["outcome"] else tag("small", actual, title="actual share in the phase"),
        bar(rollout["set_weight_bp"] / 10_000, "live"),
    )


def _evidence(view: View) -> object:
    found = view["evidence"]
    if found is None:
        return tag("small", view["rollout"]["judge"]["kind"] if view["rollout"] else "–")
    text = f"{words.e_value(found.nats)} of {words.e_value(found.limit_nats)}"
    return joined(tag("span", text), bar(found.share, tone_of(found.share), found.name))


def _budget(rollout: View | None) -> object:
    found = nearest(rollout["guards"]) if rollout else None
    if found is None:
        return "–"
    share = used(found)
    text = f"{words.figure(found['value'])} of {words.figure(found['limit'])}"
    label = found["name"].replace("_", " ")
    percent = tag("span", f"{100 * share:.0f} %", title=text)
    return joined(percent, tag("small", label), bar(share, tone_of(share), text))


def used(guard: View) -> float:
    """Return how much of a guard's limit is used, 0 to 1 and beyond."""
    return max(0.0, guard["value"] / guard["limit"]) if guard["limit"] else 0.0


def nearest(guards: list[View]) -> View | None:
    """Return the guard that is nearest to its limit; the loss budget when nothing is used."""
    return max(guards, key=used, default=None)


def head() -> Markup:
    """Return the line above all lines."""
    cells = [tag("span", text, class_=f"c-{css}") for css, text in COLUMNS.items()]
    return tag("div", cells, class_="item head", aria_hidden="true")


def newest(decisions: Mapping[str, tuple[Decision, ...]]) -> list[Decision]:
    """Return the newest decisions of all strategies, newest first."""
    last = (one for each in decisions.values() for one in each[-_FEED:])
    return heapq.nlargest(_FEED, last, key=lambda one: (one.time_us, one.number))


def feed(found: Iterable[Decision]) -> Markup:
    """Return the newest decisions as lines: when, what, for whom, why."""
    lines = [
        tag(
            "a",
            tag("time", words.hour(one.time_us)),
            kind(one.kind),
            tag("b", one.strategy),
            tag("span", one.reason, class_="why", title=one.reason),
            href=f"/rollout/{quote(one.strategy, safe='')}",
            class_="line",
        )
        for one in found
    ]
    return tag("div", lines, class_="feed") if lines else tag("p", "nothing yet", class_="empty")
