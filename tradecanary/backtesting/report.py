"""The report of a backtest: one page, everything inline, no request to anywhere."""

from __future__ import annotations

from html import escape

from tradecanary import trail
from tradecanary.backtesting import plots
from tradecanary.backtesting.result import RECORDED_LOOKS, Backtest, PolicyResult
from tradecanary.page import page as framed
from tradecanary.page import table
from tradecanary.schemas.units import MICROS

_OUTCOMES = {"rolled back": "rolled", "promoted": "promoted"}


def page(found: Backtest) -> str:
    """Return the whole page."""
    parts = [
        f"<h1>Backtest of {escape(found.strategy)}</h1>",
        f"<p>{escape(found.stable)} &rarr; {escape(found.canary)}</p>",
        f"<p>{escape(facts(found))}</p>",
        *(f"<p>{escape(note)}</p>" for note in notes(found)),
        "<h2>Policies</h2>",
        _comparison(found),
        "<h2>Weight of the canary</h2>",
        plots.weights(found),
    ]
    for one in found.policies:
        parts += _policy(one, (found.first_us, found.last_us))
    return framed(
        f"Backtest of {found.strategy}",
        parts,
        "Up to a promotion the record can tell; what the canary would have done at 100 % it "
        "cannot. Money is in the reporting currency, of reported orders.",
    )


def facts(found: Backtest) -> str:
    """Return one sentence of what was read."""
    span_s = (found.last_us - found.first_us) / MICROS
    first, last = (trail.utc(time_us) for time_us in (found.first_us, found.last_us))
    return f"{found.events:,} events from {found.source}, {first} to {last} ({span_s:,.0f} s)."


def notes(found: Backtest) -> list[str]:
    """Return what a reader must know of the record: what it lacks, and what was left out."""
    counts = found.counts
    named = {
        "bad": counts.bad,
        "repeated": counts.duplicates,
        "missing": counts.missing,
        "not LIVE": counts.not_live,
        "outside the period": counts.outside,
    }
    said = ", ".join(f"{number:,} {name}" for name, number in named.items() if number)
    lines = [f"Left out or lost: {said}."] if said else []
    lines += [f"{one.where}: {one.reason}" for one in found.bad]
    if found.same_as_live is not None:
        same = "are" if found.same_as_live else "are NOT"
        lines.append(f"The decisions taken again {same} those of the live run, to the byte.")
    lines += [
        f"{one.name}: {one.unserved:,} orders came while the policy asked for another weight than "
        "the record could serve; its clocks stood still meanwhile."
        for one in found.policies
        if one.unserved * 100 > found.events
    ]
    return lines


def _comparison(found: Backtest) -> str:
    head = (
        "policy",
        "outcome",
        "after",
        "reached",
        "canary orders",
        "canary P&L",
        "lost against stable",
        "spared",
    )
    happened = found.happened
    rows = [
        (
            one["policy"],
            one["outcome"],
            "-" if one["after_s"] is None else f"{one['after_s']:,.1f} s",
            trail.percent(one["reached_bp"]),
            f"{one['canary_orders']:,}",
            f"{one['canary_pnl']:,.2f}",
            f"{one['excess_loss']:,.2f}",
            f"{one['spared']:,.2f}",
        )
        for one in found.compared()
    ]
    rows.append(
        (
            "what happened",
            "",
            "",
            "",
            f"{happened.canary_orders:,}",
            f"{happened.canary_pnl:,.2f}",
            f"{happened.excess_loss:,.2f}",
            "",
        )
    )
    return table(head, rows, texts=2)


def _policy(one: PolicyResult, span: plots.Span) -> list[str]:
    how = (
        "what ran live, taken again from its recorded looks"
        if one.how == RECORDED_LOOKS
        else "looked at every 200 ms of event time"
    )
    since_us = one.decided[0].time_us
    lines = [
        (
            trail.clock(made.time_us, since_us),
            made.kind.value,
            trail.percent(trail.canary_weight_bp(made)),
            f"{trail.orders_of(made, 'canary'):,}",
            made.reason,
        )
        for made in one.decided
    ]
    kind = _OUTCOMES.get(one.outcome, "")
    parts = [
        f"<h2>{escape(one.name)}</h2>",
        f'<p><strong class="{kind}">{escape(one.outcome)}</strong>: {escape(one.reason)}</p>',
        f"<p>{how}</p>",
        table(("time", "decision", "to", "canary orders", "why"), lines, texts=2, last_text=True),
        "<h3>Measures by cohort</h3>",
        plots.measures(one, span),
    ]
    compared, values = plots.streams(one, span), plots.log_e(one, span)
    if compared:
        parts += ["<h3>What the judge compared, and its limits</h3>", compared]
    if values:
        parts += ["<h3>Evidence of harm: log e-values and their limit</h3>", values]
    return parts
