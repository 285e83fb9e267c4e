"""`tradecanary status`: what every rollout does now, and what the judge says of it."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tradecanary.cli.connection import Connection, connected
from tradecanary.cli.explained import streams_table
from tradecanary.cli.options import MaybeStrategy
from tradecanary.cli.output import (
    Exit,
    View,
    duration,
    fail,
    figure,
    out,
    percent,
    say_json,
    saying,
)
from tradecanary.rollout_view import STALE_LOOK_US, strategy_view
from tradecanary.schemas.routing import EVERYWHERE
from tradecanary.schemas.units import US_PER_S
from tradecanary.states import states

_LIVE = {"PENDING": "◌", "ACTIVE": "◌", "HALTED": "॥", "WATCHING": "◌"}
_ENDED = {"PROMOTED": ("✔", "green"), "ROLLED_BACK": ("✖", "red")}
_Json = Annotated[bool, typer.Option("--json", help="Print JSON: one object a strategy.")]


def status(
    strategy: MaybeStrategy = None,
    json: _Json = False,  # noqa: FBT002
    bootstrap_servers: Connection = None,
) -> None:
    """Show running time, phase, weights, measures stable against canary, and the judge's word.

    Reads topics only, so it works while no decider runs. Example: tradecanary status momentum
    """
    with connected(bootstrap_servers) as operator, saying("reading the decider's state"):
        now_us = operator.now_us()
        views = [
            strategy_view(partition, known, now_us)
            for partition in states(operator.log)
            for name, known in sorted(partition.strategies.items())
            if strategy in {None, name}
        ]
    if strategy is not None and not views:
        fail(unknown(strategy), Exit.REFUSED)
    for view in views:
        if json:
            say_json(view)
        else:
            out.print(rendered(view))
    if not views and not json:
        out.print("No strategy is known yet. Start a rollout with: tradecanary start SPEC")


def unknown(strategy: str) -> str:
    """Return the sentence that nobody knows the strategy."""
    return f"strategy {strategy!r} is not known to any decider"


def mark(status: str) -> Text:
    """Return a rollout's status as people see it: a sign, and a colour once it has ended."""
    sign = _ENDED[status][0] if status in _ENDED else _LIVE.get(status, "?")
    return Text(f"{sign} {status}", style=style_of(status))


def style_of(status: str) -> str:
    """Return the colour of a rollout's status."""
    return _ENDED[status][1] if status in _ENDED else "cyan"


def rendered(view: View) -> RenderableType:
    """Return one strategy's view as people read it."""
    rollout = view["rollout"]
    head = Table.grid(padding=(0, 2))
    head.add_column(style="bold")
    head.add_column()
    head.add_row("Strategy:", f"{view['strategy']}   epoch {view['epoch']}")
    baseline = f"{view['baseline'] or '-'}   revision {view['revision']}"
    head.add_row("Baseline:", baseline)
    if view["killed"]:
        head.add_row("Kill:", killed(view))
    if view["look_age_s"] > STALE_LOOK_US / US_PER_S:
        gone = duration(view["look_age_s"])
        text = f"no look was recorded for {gone} by this host's clock: what follows is as of then"
        head.add_row("Decider:", Text(text, style="red"))
    if view["frozen"]:
        head.add_row("Freeze:", view["frozen"])
    routers = view["routers"]
    age = view["data_age_s"]
    head.add_row(
        "Routers:",
        f"{routers['heard']} heard, {routers['following']} follow this revision   "
        f"data {'-' if age is None else f'{age:g} s'} old",
    )
    for router, why in sorted(routers["fallbacks"].items()):
        head.add_row("", Text(f"{router} serves the baseline: {why}", style="yellow"))
    if rollout is None:
        return head
    _rollout_rows(head, rollout)
    return Group(head, _measures(rollout), *_verdict(rollout), Text(""))


def killed(view: View) -> Text:
    """Return by whom and why a killed strategy is, and what that does."""
    kill = view["kill"]
    by = f" (by {kill['actor']}: {kill['reason']})" if kill else ""
    scope = "ON for all strategies" if kill and kill["strategy"] == EVERYWHERE else "ON"
    return Text(f"{scope}{by}: route() gives no handler until unkill", style="red")


def _rollout_rows(head: Table, rollout: View) -> None:
    phase = rollout["phase"]
    head.add_row("Rollout:", f"{rollout['id']}   {rollout['stable']} -> {rollout['canary']}")
    head.add_row(
        "Status:",
        mark(rollout["status"]).append(
            f"   running {duration(rollout['running_s'])}   policy {rollout['policy']}", style=""
        ),
    )
    head.add_row(
        "Phase:",
        f"{phase['number']} of {phase['of']} {phase['name']}   "
        f"{_orders(phase)}   "
        f"{duration(phase['elapsed_s'])} elapsed, {duration(phase['remaining_s'])} remaining",
    )
    for criterion in phase["criteria"]:
        value = figure(criterion["value"], criterion["unit"])
        limit = figure(criterion["limit"], criterion["unit"])
        head.add_row(f"{criterion['name'].replace('_', ' ').capitalize()}:", f"{value} / {limit}")
    head.add_row(
        "Weight:",
        f"set {percent(rollout['set_weight_bp'])}   actual {percent(rollout['actual_weight_bp'])}",
    )
    if rollout["hold"]:
        head.add_row("Holds:", Text(rollout["hold"], style="yellow"))


def _orders(phase: View) -> str:
    required = phase["orders_required"]
    return f"{phase['orders']:,}{f' of {required:,}' if required else ''} orders"


def _measures(rollout: View) -> Table:
    table = Table(box=None, padding=(0, 2))
    table.add_column("")
    for column in ("stable", "canary", "difference"):
        table.add_column(column, justify="right")
    for row in rollout["measures"]:
        unit, is_count = row["unit"], row["name"] == "orders"
        cells = [row["stable"], row["canary"], row["difference"]]
        shown = [f"{v:,.0f}" if is_count else f"{v:,.2f} {unit}".rstrip() for v in cells]
        difference = "" if is_count else ("+" if row["difference"] > 0 else "") + shown[2]
        table.add_row(row["name"], shown[0], shown[1], difference)
    return table


def _verdict(rollout: View) -> list[RenderableType]:
    judge = rollout["judge"]
    lines: list[RenderableType] = [
        Text(f"Judge ({judge['kind']}): {judge['verdict']}: {judge['reason']}")
    ]
    if judge["streams"]:
        lines.append(streams_table(judge["streams"]))
    if rollout["outcome"]:
        lines.append(Text(f"Outcome: {rollout['outcome']}", style="bold"))
    counts = ", ".join(f"{value} {name}" for name, value in rollout["counts"].items() if value)
    if counts:
        lines.append(Text(f"Counted apart: {counts}", style="dim"))
    return lines
