"""`tradecanary list`: every strategy's rollout, one line each."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from tradecanary.cli.connection import Connection, connected
from tradecanary.cli.options import Json
from tradecanary.cli.output import View, duration, out, percent, say_json, saying
from tradecanary.cli.status import mark
from tradecanary.rollout_view import strategy_view

_COLUMNS = ("strategy", "rollout", "status", "phase", "set", "actual", "canary orders", "routers",
            "running", "holds")  # fmt: skip
_NUMBERS = frozenset({"set", "actual", "canary orders", "routers", "running"})


def list_rollouts(json: Json = False, bootstrap_servers: Connection = None) -> None:  # noqa: FBT002
    """List the newest rollout of every strategy, those that run first.

    Reads topics only, so it works while no decider runs. Example: tradecanary list
    """
    with connected(bootstrap_servers) as operator, saying("reading the decider's state"):
        now_us = operator.now_us()
        views = [
            strategy_view(partition, strategy, now_us)
            for partition in operator.states()
            for strategy in partition.strategies.values()
            if strategy.rollout is not None
        ]
    views.sort(key=order)
    for view in views if json else ():
        say_json(line_json(view))
    if json:
        return
    if views:
        out.print(listed(views))
    else:
        out.print("No rollout was ever started. Start one with: tradecanary start SPEC")


def order(view: View) -> tuple[bool, str]:
    """Return where a strategy's line stands: running rollouts first, then by name."""
    rollout = view["rollout"]
    return rollout is None or rollout["status"] in {"PROMOTED", "ROLLED_BACK"}, view["strategy"]


def line_json(view: View) -> View:
    """Return a strategy's line for scripts."""
    rollout, phase = view["rollout"], view["rollout"]["phase"]
    return {
        "strategy": view["strategy"],
        "rollout": rollout["id"],
        "status": rollout["status"],
        "phase": phase["number"],
        "phases": phase["of"],
        "phase_name": phase["name"],
        "set_weight_bp": rollout["set_weight_bp"],
        "actual_weight_bp": rollout["actual_weight_bp"],
        "canary_orders": rollout["measures"][0]["canary"],
        "routers_heard": view["routers"]["heard"],
        "routers_following": view["routers"]["following"],
        "running_s": rollout["running_s"],
        "hold": rollout["hold"],
        "killed": view["killed"],
        "frozen": view["frozen"],
        "outcome": rollout["outcome"],
    }


def listed(views: list[View]) -> Table:
    """Return the lines as people read them."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in _COLUMNS:
        right = "right" if column in _NUMBERS else "left"
        table.add_column(column.upper(), justify=right, no_wrap=True)  # type: ignore[arg-type]
    for view in views:
        line = line_json(view)
        routers = f"{line['routers_following']}/{line['routers_heard']}"
        table.add_row(
            view["strategy"],
            line["rollout"],
            mark(line["status"]),
            f"{line['phase']}/{line['phases']} {line['phase_name']}",
            percent(line["set_weight_bp"]),
            percent(line["actual_weight_bp"]),
            f"{line['canary_orders']:,.0f}",
            routers,
            duration(line["running_s"]),
            Text(_holds(line), style="yellow"),
        )
    return table


def _holds(line: View) -> str:
    parts = ["killed" if line["killed"] else "", line["frozen"] or "", line["hold"] or ""]
    return "; ".join(part for part in parts if part)
