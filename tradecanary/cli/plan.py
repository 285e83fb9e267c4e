"""`tradecanary plan`: what a rollout under a policy would catch, how soon, and at what loss."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from tradecanary.cli.connection import Connection
from tradecanary.cli.order_flow import File, OrdersPerS, Strategy, order_flow
from tradecanary.cli.output import Exit, duration, fail, out, percent, say_json
from tradecanary.cli.policy import load
from tradecanary.processors.decision.planning.effects import Kind
from tradecanary.processors.decision.planning.plan import (
    CannotPlan,
    Fate,
    Plan,
    PlannedEffect,
    basis,
    plan,
)
from tradecanary.processors.decision.planning.untestable import untestable

_STYLES = {Fate.CAUGHT: "", Fate.PROMOTED: "yellow", Fate.RUN_OUT: "yellow", Fate.NEVER: "yellow"}


def plan_command(
    policy: Annotated[
        str, typer.Argument(help="A YAML file, or a preset: trading-standard, aggressive, steps.")
    ],
    strategy: Strategy = None,
    file: File = None,
    orders_per_s: OrdersPerS = None,
    accounts: Annotated[
        int | None,
        typer.Option(min=2, help="Accounts that send orders, where the account is the unit."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,  # noqa: FBT002
    bootstrap_servers: Connection = None,
) -> None:
    """Show what a rollout would catch, after how many canary orders, and at what loss.

    One table: each measure's harm at half, once, twice and five times
    the policy's margin, the stream of evidence that is expected to
    catch it first, canary orders and time until then, and what it has
    cost by then. "tail x2": twice as many orders beyond stable's worst
    percent; "far out": two orders in a hundred are like stable's worst
    thousandth. Figures are means, right to about a quarter ("far out"
    can take half as much again); one rollout in ten takes 1.5 to 2
    times as long.

    "promoted first": the canary passes every test of non-inferiority
    before it is caught, which is right for harm below the margin. If
    harm that matters is promoted first, lower its margin in the policy;
    if catching costs too much, start with a lower weight: that takes
    more time, but fewer canary orders (5 % needs half as many as 50 %),
    for stable's orders tell for free.

    Without --strategy or --file the plan is made with typical orders.

    Examples:
    tradecanary plan trading-standard --orders-per-s 40

    tradecanary plan momentum.yaml --strategy momentum

    """
    wanted = load(policy)
    flow = order_flow(strategy, file, orders_per_s, bootstrap_servers)
    if flow.by_account and accounts is None:
        fail(
            "the orders are routed by account: say how many accounts send orders, with --accounts",
            Exit.USAGE,
        )
    try:
        made = plan(wanted, flow.stable, flow.orders_per_s, accounts)
        obstacles = list(untestable(basis(wanted, flow.stable, flow.orders_per_s)))
    except CannotPlan as nothing:
        fail(f"{wanted.name}: {nothing}", Exit.REFUSED)
    if json:
        facts = {"policy": wanted.name, "hash": wanted.hash, "flow": flow.says}
        say_json(facts | asdict(made) | {"obstacles": obstacles})
        return
    out.print(Text(f"{wanted.name}@{wanted.hash[:8]} with {flow.says}", style="bold"))
    _show(made, obstacles)


def _show(made: Plan, obstacles: list[str]) -> None:
    out.print(_phases(made))
    if obstacles:
        out.print("Even an equal canary is not promoted:", style="bold red")
        for text in obstacles:
            out.print(f"  - {text}")
    else:
        out.print(_promotion(made))
    out.print(_effects(made))
    out.print(Text("What this rollout cannot catch:", style="bold"))
    for text in made.cannot:
        out.print(f"  - {text}")


def _phases(made: Plan) -> Table:
    table = Table(box=None, padding=(0, 2))
    for column in ("phase", "weight", "takes about", "canary orders by its end"):
        table.add_column(column, justify="left" if column == "phase" else "right")
    for phase in made.phases:
        table.add_row(
            phase.name,
            percent(phase.weight_bp),
            duration(phase.seconds),
            f"{phase.canary_orders:,.0f}",
        )
    return table


def _promotion(made: Plan) -> str:
    last = made.promotion
    if last.canary_orders is None or last.seconds is None:
        return f"An equal canary is never promoted: {last.name} cannot pass"
    return (
        f"An equal canary is promoted after about {last.canary_orders:,.0f} canary orders "
        f"({duration(last.seconds)}); what it waits for last is {last.name}"
    )


def _effects(made: Plan) -> Table:
    table = Table(box=None, padding=(0, 2))
    money = not any(effect.loss_in_bp for effect in made.effects)
    loss = "loss until then" if money else "loss, bp of one order"
    for column in ("harm", "margin", "canary orders", "time", loss, "caught by", "in phase"):
        is_text = column in {"harm", "caught by", "in phase"}
        table.add_column(column, justify="left" if is_text else "right", no_wrap=True)
    for planned in made.effects:
        table.add_row(*_cells(planned), style=_STYLES[planned.fate])
    return table


def _cells(planned: PlannedEffect) -> tuple[str, ...]:
    times = f"{planned.effect.times:g}x"
    harm = harm_text(planned)
    if planned.canary_orders is None or planned.seconds is None:
        return (harm, times, "-", "-", "-", planned.fate.value, "")
    caught = planned.fate is Fate.CAUGHT
    return (
        harm,
        times,
        f"{planned.canary_orders:,.0f}",
        duration(planned.seconds),
        "-" if planned.loss is None else f"{planned.loss:,.0f}",
        planned.stream if caught else planned.fate.value,
        planned.phase,
    )


def harm_text(planned: PlannedEffect) -> str:
    """Return the effect in words: `latency +20 %`, `latency tail x2`, `latency far out, 2 %`."""
    effect = planned.effect
    if effect.kind is Kind.TAIL:
        return f"{effect.name} x{effect.size:g}"
    if effect.kind is Kind.FAR:
        return f"{effect.name} out, {effect.size:g} %"
    sign = "-" if effect.name in {"fill rate", "pnl"} else "+"
    return f"{effect.name} {sign}{effect.size:.3g} {effect.unit.partition(' ')[0]}"
