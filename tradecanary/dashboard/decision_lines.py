"""Decisions as lines that open: the reason at a glance, and underneath all that it stood on."""

from __future__ import annotations

from collections.abc import Sequence

from tradecanary import trail
from tradecanary.dashboard import words
from tradecanary.dashboard.comparison import judged
from tradecanary.dashboard.facts import View
from tradecanary.dashboard.markup import Markup, tag
from tradecanary.dashboard.parts import kind, table
from tradecanary.schemas.decisions import Decision, VariantEvidence
from tradecanary.schemas.units import CANARY, MICROS, STABLE, US_PER_MS
from tradecanary.stream_view import stream_views

_FIGURES = ("orders", "filled", "errors", "mean latency", "mean slippage", "P&L")
_STREAMS = ("stream", "effect", "95 % interval", "", "e-value", "state")


def line(decision: Decision, *, with_day: bool = False) -> Markup:
    """Return one decision: when, what, to which weight, why; the explanation opens under it."""
    when = words.moment if with_day else words.hour
    return tag(
        "details",
        tag(
            "summary",
            tag("time", when(decision.time_us), title=f"{words.moment(decision.time_us)} UTC"),
            kind(decision.kind),
            tag("b", words.percent(trail.canary_weight_bp(decision)), class_="to"),
            tag("span", decision.reason, class_="why"),
        ),
        explanation(decision),
        class_="decision",
        data_number=decision.number,
    )


def explanation(decision: Decision) -> Markup:
    """Return what `tradecanary explain` tells: figures, streams, comparisons, hashes."""
    parts: list[object] = [
        tag("p", decision.reason, class_="reason"),
        _figures(trail.evidence_of(decision, STABLE), trail.evidence_of(decision, CANARY)),
    ]
    streams = stream_views(decision.evidence.streams)
    if streams:
        rows = [(one["stream"].replace("_", " "), *judged(_as_row(one))) for one in streams]
        parts.append(table(_STREAMS, rows, texts=(0, 5), name="streams of evidence"))
    if decision.evidence.checks:
        rows = [
            (
                f"{'✖' if check.breached else '✔'} {check.name.replace('_', ' ')}",
                words.figure(check.value, check.unit),
                words.figure(check.limit, check.unit),
            )
            for check in decision.evidence.checks
        ]
        parts.append(table(("comparison", "value", "limit"), rows, name="comparisons"))
    parts.append(tag("dl", [_fact(*each) for each in _facts(decision)], class_="facts"))
    return tag("div", parts, class_="explained")


def _as_row(stream: View) -> View:
    """Return a stream under the names of `watch_view`."""
    return stream | {"difference": stream["effect"], "limit": stream["tolerance"]}


def _figures(stable: VariantEvidence, canary: VariantEvidence) -> Markup:
    rows = zip(_FIGURES, _column(stable), _column(canary), strict=True)
    return table(("", "stable", "canary"), rows, name="figures of both variants")


def _column(one: VariantEvidence) -> Sequence[str]:
    return (
        f"{one.orders:,}",
        f"{one.filled:,}",
        f"{one.errors:,}",
        _mean(one.latency_total_us, one.latency_n, US_PER_MS, "ms"),
        _mean(one.slippage_total_milli_bp, one.slippage_n, 1000, "bp"),
        words.figure(one.pnl_total_micros / MICROS),
    )


def _mean(total: int, count: int, unit: int, name: str) -> str:
    return words.figure(total / count / unit, name) if count else "–"


def _facts(decision: Decision) -> list[tuple[str, str]]:
    evidence = decision.evidence
    reference = evidence.reference
    found = [
        ("decision", f"{decision.strategy}/{decision.number}"),
        ("rollout", f"{decision.rollout or '–'}, {decision.status.value}"),
        ("by", decision.actor),
        ("phase", evidence.phase_name or "–"),
        ("revision", f"{decision.before.revision} → {decision.after.revision}"),
        ("look, epoch", f"{decision.look}, {decision.epoch}"),
        ("policy", decision.policy_hash[:8] or "–"),
    ]
    if reference is not None:
        found.append(("reference", f"{reference.id}: {reference.orders:,} orders of stable"))
    return [
        *found,
        ("hash", decision.hash),
        ("after", decision.previous_hash or "(the first)"),
    ]


def _fact(name: str, value: str) -> Markup:
    return tag("div", tag("dt", name), tag("dd", value))
