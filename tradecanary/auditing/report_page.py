"""The report as one page: a table of rollouts, and a section for each of them."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from tradecanary import trail
from tradecanary.auditing.alert_table import alert_table
from tradecanary.auditing.period import Asked, Period, Rollout
from tradecanary.page import page, table
from tradecanary.processors.decision.policy import Phase
from tradecanary.processors.decision.spec import RolloutSpec
from tradecanary.schemas.decisions import Decision, RolloutStatus
from tradecanary.schemas.routing import CommandKind
from tradecanary.schemas.units import CANARY, STABLE

_CLASSES = {RolloutStatus.PROMOTED: "promoted", RolloutStatus.ROLLED_BACK: "rolled"}
_FOOTER = (
    "Made from the topics decisions, commands, kill-switch and alerts; the same as JSON lines "
    "beside this page. The P&L is that of reported orders. tradecanary verify recomputes the "
    "decisions and the routing of every order."
)


def report_page(period: Period, made_at_us: int) -> str:
    """Return the page of a period."""
    rollouts = sorted(
        (one for one in period.rollouts.values() if one.rollout),
        key=lambda one: (one.decisions[0].time_us, one.strategy),
    )
    first, until = trail.utc(period.first_us), trail.utc(period.until_us)
    title = f"Rollouts {first} to {until}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>Made {escape(trail.utc(made_at_us))}.</p>",
        f"<p>{len(rollouts):,} rollouts, {period.decisions:,} decisions.</p>",
        _chain(period),
        _overview(rollouts),
        *_outside(period),
    ]
    for one in rollouts:
        parts += _section(one)
    return page(title, parts, _FOOTER)


def _chain(period: Period) -> str:
    if not period.findings:
        return (
            '<p>Hash chain: <strong class="promoted">intact</strong>, '
            f"{period.checked:,} decisions checked, all that are kept.</p>"
        )
    rows = [
        (f"{one.topic} {one.partition} {one.offset}", one.what.value, one.expected, one.found)
        for one in period.findings
    ]
    head = ("topic, partition, offset", "what", "expected", "found")
    return (
        f'<p>Hash chain: <strong class="rolled">{len(rows):,} findings</strong> in '
        f"{period.checked:,} decisions.</p>" + table(head, rows, texts=4)
    )


def _overview(rollouts: Iterable[Rollout]) -> str:
    rows = [
        (
            one.strategy,
            one.rollout,
            one.outcome.status.value,
            one.start.actor if one.start else "-",
            trail.utc(one.decisions[0].time_us),
            f"{trail.orders_of(one.outcome, CANARY):,}",
            f"{len(one.approvals):,}",
            f"{len(one.overrides):,}",
            f"{len(one.kills):,}",
            f"{len(one.alerts):,}",
        )
        for one in rollouts
    ]
    head = (
        "strategy",
        "rollout",
        "status",
        "starter",
        "began",
        "canary orders",
        "approvals",
        "overrides",
        "kills",
        "alerts",
    )
    return table(head, rows, texts=5) if rows else "<p>No rollout in this period.</p>"


def _outside(period: Period) -> list[str]:
    """What no rollout carries: commands refused or not answered, kill switches, alerts."""
    carrying = [one for one in period.rollouts.values() if one.rollout]
    carried = {id(asked) for one in carrying for asked in (*one.approvals, *one.overrides)}
    loose = [
        asked
        for asked in period.asked
        if id(asked) not in carried
        and (asked.command.kind is not CommandKind.START or asked.result != "done")
    ]
    parts = []
    if loose:
        parts += ["<h2>Commands outside any rollout</h2>", _asked(loose)]
    if period.switches:
        rows = [
            (
                trail.utc(one.time_us),
                one.strategy,
                "killed" if one.killed else "unkilled",
                one.actor,
                one.reason,
            )
            for one in period.switches
        ]
        head = ("time", "strategy", "switch", "by", "reason")
        parts += [
            "<h2>Kill switches (the topic keeps the newest of each)</h2>",
            table(head, rows, texts=5),
        ]
    theirs = {id(one) for rollout in carrying for one in rollout.deliveries}
    others = [one for one in period.deliveries if id(one) not in theirs]
    if others:
        parts += ["<h2>Alerts outside any rollout</h2>", alert_table(others)]
    return parts


def _section(one: Rollout) -> list[str]:
    last = one.outcome
    kind = _CLASSES.get(last.status, "")
    parts = [
        f"<h2>{escape(one.strategy)}: {escape(one.rollout)}</h2>",
        f'<p><strong class="{kind}">{last.status.value}</strong>: {escape(last.reason)}</p>',
        table(("of the rollout", "as it was started"), _facts(one), texts=2),
        "<h3>Decisions</h3>",
        _decisions(one.decisions),
    ]
    if one.spec is not None:
        parts += ["<h3>Ramp</h3>", _ramp(one.spec)]
    if one.approvals:
        parts += ["<h3>Approvals</h3>", _asked(one.approvals)]
    if one.overrides:
        parts += ["<h3>Overrides</h3>", _asked(one.overrides)]
    if one.deliveries:
        parts += ["<h3>Alerts</h3>", alert_table(one.deliveries)]
    return parts


def _facts(one: Rollout) -> list[tuple[str, str]]:
    last = one.outcome
    rows = []
    if one.start is not None:
        started = f"{one.start.actor}, {trail.utc(one.start.time_us)}: {one.start.reason}"
        rows.append(("started by", started))
    if one.spec is not None:
        spec, policy = one.spec, one.spec.policy
        approvals = policy.approvals
        gates = [
            *(["start"] if approvals.start else []),
            *approvals.phases,
            *(["promotion"] if approvals.promotion else []),
        ]
        cells = ", ".join(f"{cell.region}/{cell.venue}" for cell in spec.scope)
        rows += [
            ("versions", f"{spec.stable} → {spec.canary}"),
            ("routed by", f"{spec.unit}, cells {cells}"),
            ("policy", f"{policy.name}, hash {last.policy_hash}"),
            ("judge", _said(policy.judge.model_dump(mode="json"))),
            ("guards", _said(spec.guards.model_dump(mode="json"))),
            ("owner", spec.owner or "none declared"),
            ("limits", _limits(spec)),
            ("spec", f"hash {one.spec_hash}"),
            ("approvals asked for", ", ".join(gates) or "none"),
        ]
    else:
        rows.append(("policy", f"hash {last.policy_hash}; the start command is not kept"))
    calls = [
        f"{trail.utc(made.time_us)} {made.kind.value} by {made.actor}: {made.reason}"
        for made in one.kills
    ]
    rows += [("kills", call) for call in calls] or [("kills", "none")]
    return rows


def _limits(spec: RolloutSpec) -> str:
    """What was declared; of it the guards hold the canary to orders, notional and budget."""
    if spec.limits is not None:
        return _said(spec.limits.model_dump(mode="json"))
    return "waived" if spec.limits_waived else "none declared"


def _said(values: dict[str, Any]) -> str:
    flat = []
    for name, value in values.items():
        if isinstance(value, dict):
            flat += [f"{name}.{inner} {one}" for inner, one in value.items() if one is not None]
        elif value is not None:
            flat.append(f"{name} {value}")
    return ", ".join(flat)


def _ramp(spec: RolloutSpec) -> str:
    rows = [
        (
            phase.name,
            trail.percent(phase.weight_bp),
            f"{phase.min_duration_s:g} s",
            f"{phase.min_orders:,}",
            _criteria(phase),
        )
        for phase in spec.policy.ramp
    ]
    head = ("phase", "weight", "at least", "canary orders", "criteria")
    return table(head, rows, texts=1, last_text=True)


def _criteria(phase: Phase) -> str:
    return _said(phase.criteria.model_dump(mode="json")) or "-"


def _decisions(decisions: Iterable[Decision]) -> str:
    rows = [
        (
            f"{made.number}",
            trail.utc(made.time_us),
            made.kind.value,
            made.status.value,
            made.actor,
            made.reason,
            trail.percent(trail.canary_weight_bp(made)),
            f"{trail.orders_of(made, STABLE):,}",
            f"{trail.orders_of(made, CANARY):,}",
            _evidence(made),
            made.hash[:12],
        )
        for made in decisions
    ]
    head = (
        "no.",
        "time",
        "decision",
        "status",
        "by",
        "reason",
        "canary's weight",
        "stable orders",
        "canary orders",
        "evidence",
        "hash",
    )
    return table(head, rows, texts=6, last_text=True)


def _evidence(made: Decision) -> str:
    checks = [
        f"{one.name} {one.value:.4g} {one.unit} (limit {one.limit:.4g})"
        for one in made.evidence.checks
    ]
    streams = [
        f"{one.stream} {one.effect:.3g} [{one.low:.3g}, {one.high:.3g}], margin {one.margin:.3g}"
        for one in made.evidence.streams
    ]
    return "; ".join(checks or streams) or "-"


def _asked(asked: Iterable[Asked]) -> str:
    rows = [
        (
            trail.utc(one.command.time_us),
            one.command.strategy,
            one.command.kind.value,
            one.command.actor,
            one.command.reason,
            one.result,
            one.answer.reason if one.answer else "-",
        )
        for one in asked
    ]
    head = ("time", "strategy", "command", "by", "reason", "result", "answer")
    return table(head, rows, texts=7)
