"""One decision in full: its reason, both variants' figures, the judge's streams, its hash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tradecanary import trail
from tradecanary.cli.decision_json import decision_json
from tradecanary.cli.output import View
from tradecanary.schemas.decisions import Decision
from tradecanary.schemas.units import CANARY, MICROS, STABLE, US_PER_MS
from tradecanary.stream_view import stream_views

_COLUMNS = ("stream", "canary orders", "effect", "95 % interval", "tolerance", "unit", "e-value",
            "state")  # fmt: skip
_STYLES = {"worse": "red", "not worse": "green"}


def explained(decision: Decision) -> RenderableType:
    """Return the decision as people read it."""
    parts: list[RenderableType] = [
        Text(f"{decision.kind.value}: {decision.reason}", style="bold"),
        _figures(decision),
    ]
    streams = stream_views(decision.evidence.streams)
    if streams:
        parts += [streams_table(streams)]
    for check in decision.evidence.checks:
        mark = "✖" if check.breached else "✔"
        parts.append(
            Text(f"  {mark} {check.name} {check.value:,.2f} {check.unit} (limit {check.limit:g})")
        )
    reference = decision.evidence.reference
    if reference is not None:
        parts.append(Text(f"  reference {reference.id}: {reference.orders:,} orders of stable"))
    parts.append(
        Text(
            f"  look {decision.look}, epoch {decision.epoch}, policy {decision.policy_hash[:8]}\n"
            f"  hash {decision.hash}\n  after {decision.previous_hash or '(the first)'}"
        )
    )
    return Group(*parts)


def explained_json(decision: Decision) -> dict[str, object]:
    """Return the decision and what it stood on, for scripts."""
    evidence = decision.evidence
    reference = evidence.reference
    return decision_json(decision) | {
        "phase": evidence.phase_name,
        "phase_time_us": evidence.phase_time_us,
        "variants": [asdict(each) for each in evidence.variants],
        "streams": stream_views(evidence.streams),
        "checks": [asdict(check) for check in evidence.checks],
        "reference": {"id": reference.id, "orders": reference.orders} if reference else None,
        "look": decision.look,
        "epoch": decision.epoch,
        "policy_hash": decision.policy_hash,
        "previous_hash": decision.previous_hash,
    }


def streams_table(streams: Sequence[View]) -> Table:
    """Return the judge's streams as a table; effects are canary less stable."""
    table = Table(box=None, padding=(0, 1))
    for column in _COLUMNS:
        is_text = column in {"stream", "unit", "state"}
        table.add_column(column, justify="left" if is_text else "right", no_wrap=True)
    for view in streams:
        table.add_row(
            view["stream"],
            f"{view['canary_orders']:,}",
            f"{view['effect']:+.3g}",
            f"{view['low']:+.3g} to {view['high']:+.3g}",
            f"{view['tolerance']:+.2g}",
            view["unit"],
            view["e_value"],
            Text(view["state"], style=_STYLES.get(view["state"], "")),
        )
    return table


def _figures(decision: Decision) -> Table:
    table = Table(box=None)
    table.add_column("")
    rows = {"orders": "{0.orders:,}", "filled": "{0.filled:,}", "errors": "{0.errors:,}"}
    found = [trail.evidence_of(decision, variant) for variant in (STABLE, CANARY)]
    for variant in (STABLE, CANARY):
        table.add_column(variant, justify="right")
    for label, form in rows.items():
        table.add_row(label, *[form.format(one) for one in found])
    latencies = [one.latency_total_us / max(1, one.latency_n) / US_PER_MS for one in found]
    table.add_row("mean latency", *[f"{value:.2f} ms" for value in latencies])
    slippages = [one.slippage_total_milli_bp / max(1, one.slippage_n) / 1000 for one in found]
    table.add_row("mean slippage", *[f"{value:.2f} bp" for value in slippages])
    table.add_row("P&L", *[f"{one.pnl_total_micros / MICROS:,.2f}" for one in found])
    return table
