"""The page of one rollout: what it is, how far it is, what is known, who routes."""

from __future__ import annotations

from collections.abc import Sequence

from tradecanary.dashboard import words
from tradecanary.dashboard.facts import Evidence, RouterRow, View
from tradecanary.dashboard.markup import NOTHING, Markup, joined, tag
from tradecanary.dashboard.overview import nearest, status_of, used
from tradecanary.dashboard.parts import bar, empty, panel, pill, table, tone_of
from tradecanary.schemas.routing import BreakerState, KillSwitch, LeaseState
from tradecanary.schemas.units import US_PER_S

_STALE_DATA_S = 5


def heading(view: View) -> Markup:
    """Return who replaces whom, and the status."""
    rollout = view["rollout"]
    title = tag("h1", view["strategy"], " ", pill(status_of(view)))
    if rollout is None:
        return tag("header", title, tag("p", f"baseline {view['baseline'] or '–'}", class_="sub"))
    facts = [
        f"rollout {rollout['id']}",
        f"policy {rollout['policy']}",
        f"by {view['unit']}",
        f"started by {view['starter']}",
        f"epoch {view['epoch']}",
        *([f"owner {rollout['owner']}"] if rollout["owner"] else []),
    ]
    if view["started_us"] >= 0:
        facts.append(f"{words.moment(view['started_us'])} UTC")
        verb = "ran" if rollout["outcome"] else "running"
        facts.append(f"{verb} {words.duration(rollout['running_s'])}")
    if view["killed"] or view["frozen"]:
        facts.append(f"rollout is {rollout['status']}")
    versions = tag(
        "p",
        tag("code", rollout["stable"]), " → ", tag("code", rollout["canary"]),
        class_="versions",
    )  # fmt: skip
    return tag("header", title, versions, tag("p", " · ".join(facts), class_="sub"))


def notices(view: View, everywhere: KillSwitch | None, own: KillSwitch | None) -> Markup:
    """Return what must not be overlooked, the worst first."""
    rollout, found = view["rollout"], []
    if view["killed"]:
        kill = everywhere or own
        by = f" by {kill.actor}: {kill.reason}" if kill else ""
        scope = "all strategies" if everywhere else "this strategy"
        found.append(("bad", "■ Killed", f"{scope}{by}. route() gives no handler until unkill."))
    if view["frozen"]:
        found.append(("warn", "❄ Frozen", view["frozen"]))
    if rollout and rollout["outcome"]:
        bad = rollout["status"] == "ROLLED_BACK"
        word = "✖ Rolled back" if bad else "✔ Promoted"
        found.append(("bad" if bad else "good", word, rollout["outcome"]))
    if rollout and rollout["hold"]:
        found.append(("warn", "‖ Holds", rollout["hold"]))
    if view["gate"] and rollout and rollout["status"] != "HALTED":
        text = f"{view['gate']} needs the approval of another person than {view['starter']}"
        found.append(("info", "◌ Approval", text))
    return joined(
        [
            tag("p", tag("b", head), " ", tag("span", text), class_=f"notice {tone}", role="status")
            for tone, head, text in found
        ]
    )


def tiles(view: View) -> Markup:
    """Return the six figures of an incident."""
    rollout = view["rollout"]
    found = [_routers_tile(view), _data_tile(view)]
    if rollout is not None:
        found = [
            _weight_tile(view, rollout), _phase_tile(rollout), _evidence_tile(view, rollout),
            _budget_tile(rollout), *found,
        ]  # fmt: skip
    return tag("div", found, class_="tiles")


def _tile(name: str, big: object, *rest: object, tone: str = "") -> Markup:
    return tag("div", tag("h3", name), tag("p", big, class_="big"), *rest, class_=f"tile {tone}")


def _weight_tile(view: View, rollout: View) -> Markup:
    actual = words.percent(rollout["actual_weight_bp"])
    ramp, following = view["ramp"], rollout["next_weight_bp"]
    after = "" if following is None else f" · next {words.percent(following)}"
    return _tile(
        "Canary weight",
        words.percent(rollout["set_weight_bp"]),
        tag("p", "the rollout has ended" if rollout["outcome"] else f"actual {actual}{after}"),
        tag("div", [_rung(view, rollout, place) for place in range(len(ramp))], class_="rungs"),
    )


def _rung(view: View, rollout: View, place: int) -> Markup:
    name, weight_bp = view["ramp"][place]
    reached = place <= view["phase_index"] and rollout["set_weight_bp"] > 0
    title = f"{name} {words.percent(weight_bp)}"
    return tag("i", class_="on" if reached else None, title=title)


def _phase_tile(rollout: View) -> Markup:
    phase = rollout["phase"]
    spent, left = phase["elapsed_s"], phase["remaining_s"]
    time = f"{words.duration(left)} to go" if left else f"{words.duration(spent)}: minimum reached"
    if rollout["outcome"]:
        time = f"ended after {words.duration(rollout['running_s'])}"
    orders, need = phase["orders"], phase["orders_required"]
    counted = f"{orders:,} of {need:,} orders" if need else f"{orders:,} orders"
    bars = [
        tag("p", time, bar(spent / (spent + left) if spent + left else 0, "live", "phase time")),
        tag("p", counted, bar(orders / need if need else 1, "live", "canary orders of the phase")),
    ]
    return _tile(f"Phase {phase['number']} of {phase['of']}", phase["name"], *bars)


def _evidence_tile(view: View, rollout: View) -> Markup:
    found: Evidence | None = view["evidence"]
    judge = rollout["judge"]
    tone = {"HARMFUL": "bad", "HEALTHY": "good"}.get(judge["verdict"], "")
    if found is None:
        return _tile("Judge", judge["verdict"].capitalize(), tag("p", judge["kind"]), tone=tone)
    limit = words.e_value(found.limit_nats)
    return _tile(
        f"Evidence against ({found.name})",
        words.e_value(found.nats),
        tag("p", f"rolls back at {limit} · {judge['verdict'].lower()}"),
        bar(found.share, tone_of(found.share), f"{found.name} on its way to {limit}"),
        tone=tone,
    )


def _budget_tile(rollout: View) -> Markup:
    found = nearest(rollout["guards"])
    if found is None:
        return _tile("Budget", "–", tag("p", "the policy sets no limit"))
    share = used(found)
    return _tile(
        "Budget used",
        f"{100 * share:.0f} %",
        tag(
            "p",
            f"{found['name'].replace('_', ' ')} {words.figure(found['value'])} "
            f"of {words.figure(found['limit'])}",
        ),
        bar(share, tone_of(share), "nearest guard"),
        tone="bad" if found["breached"] else "",
    )


def _routers_tile(view: View) -> Markup:
    routers, left_s = view["routers"], view["lease_left_s"]
    heard, following = routers["heard"], routers["following"]
    lease = "" if left_s is None else f" · lease {left_s:.0f} s"
    return _tile(
        "Routers",
        f"{following} of {heard}",
        tag("p", f"follow revision {view['revision']}{lease}"),
        tone="" if heard and heard == following else "warn",
    )


def _data_tile(view: View) -> Markup:
    data = view["data_age_s"]
    looked = words.age(0, view["looked_us"])
    return _tile(
        "Data",
        "–" if data is None else f"{data:g} s old",
        tag("p", f"last look {looked} ago"),
        tone="warn" if data is not None and data > _STALE_DATA_S else "",
    )


def guards(view: View) -> Markup:
    """Return every limit with how much of it is used; then the criteria of the phase."""
    rollout = view["rollout"]
    if rollout is None:
        return NOTHING
    rows: list[tuple[object, ...]] = [
        (
            joined("✖ " if guard["breached"] else "", guard["name"].replace("_", " ")),
            words.figure(guard["value"], guard["unit"]),
            words.figure(guard["limit"], guard["unit"]),
            bar(used(guard), tone_of(used(guard)), f"{100 * used(guard):.0f} %"),
        )
        for guard in rollout["guards"]
    ]
    known = {guard["name"] for guard in rollout["guards"]}
    rows += [
        (f"canary {one['name']}", words.figure(one["used"]), "no limit", "")
        for one in rollout["budget"]
        if one["limit"] is None and f"{one['name']}_budget" not in known
    ]
    parts: list[object] = [table(("guard", "used", "limit", ""), rows, name="guards")]
    if rollout["limits_waived"]:
        parts.append(tag("p", "started without predefined limits", class_="warn-text"))
    criteria = rollout["phase"]["criteria"]
    if criteria:
        rows = [
            (
                one["name"].replace("_", " "),
                words.figure(one["value"], one["unit"]),
                words.figure(one["limit"], one["unit"]),
                _judged("✖ breached" if one["breached"] else "✔ met", breached=one["breached"]),
            )
            for one in criteria
        ]
        parts.append(table(("criterion", "now", "limit", ""), rows, name="criteria of the phase"))
    counted = ", ".join(f"{value:,} {name}" for name, value in rollout["counts"].items() if value)
    if counted:
        parts.append(tag("p", f"counted apart: {counted}", class_="sub"))
    return panel("Budget and limits", *parts)


def _judged(text: str, *, breached: bool) -> Markup:
    return tag("span", text, class_="bad-text" if breached else "good-text")


def routers(rows: Sequence[RouterRow], revision: int) -> Markup:
    """Return the routers one by one, those that do not follow first."""
    if not rows:
        return panel("Routers", empty("no router was heard in the last hour"))
    found = [
        (
            row.router,
            _state(row),
            f"{row.revision}" + ("" if row.revision == revision else f" (newest {revision})"),
            row.lease.value,
            row.breaker.value,
            f"{row.open:,}",
            f"{row.backlog:,}" + (f", {row.dropped:,} dropped" if row.dropped else ""),
            f"{row.lapses}",
            f"{row.silent_us / US_PER_S:.1f} s ago" if row.heard else words.duration(
                row.silent_us / US_PER_S) + " ago",
        )
        for row in sorted(rows, key=lambda one: (one.follows, one.router))
    ]  # fmt: skip
    head = ("router", "state", "revision", "lease", "breaker", "open canary orders", "backlog",
            "lapses", "heard")  # fmt: skip
    return panel("Routers", table(head, found, texts=(0, 1, 3, 4), name="routers"))


def _state(row: RouterRow) -> Markup:
    tone, text = "good", "✔ follows"
    if not row.heard:
        tone, text = "bad", "? silent"
    elif row.killed:
        tone, text = "bad", "■ killed"
    elif row.breaker is BreakerState.OPEN:
        tone, text = "bad", "✖ breaker open"
    elif not row.loaded:
        tone, text = "warn", "‖ canary not loaded"
    elif row.fallback or row.lease is LeaseState.LAPSED:
        tone, text = "warn", f"‖ baseline: {row.fallback or 'lease lapsed'}"
    elif not row.follows:
        tone, text = "warn", "◌ older revision"
    return tag("span", text, class_=f"{tone}-text")
