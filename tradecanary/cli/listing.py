"""`tradecanary list`: every strategy's rollout, one line each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.text import Text

from tradecanary.cli.connection import Connection, connected
from tradecanary.cli.options import Json
from tradecanary.cli.output import View, duration, err, out, percent, say_json, saying
from tradecanary.cli.status import mark, style_of
from tradecanary.processors.decision.model import PartitionState
from tradecanary.processors.decision.transitions import ENDED
from tradecanary.rollout_view import line_view, no_decider
from tradecanary.states import states

_COLUMNS = ("STRATEGY", "ROLLOUT", "STATUS", "PHASE", "SET", "ACTUAL", "CANARY", "ROUTERS",
            "RUNNING", "HOLDS")  # fmt: skip
_NUMBERS = frozenset({"SET", "ACTUAL", "CANARY", "ROUTERS", "RUNNING"})
_GAP = "  "


def list_rollouts(json: Json = False, bootstrap_servers: Connection = None) -> None:  # noqa: FBT002
    """List the newest rollout of every strategy, those that run first.

    Reads topics only, so it works while no decider runs. Example: tradecanary list
    """
    with connected(bootstrap_servers) as operator, saying("reading the decider's state"):
        known = list(states(operator.log))
        late = no_decider(known, operator.now_us())
    found = lines(known)
    if late:
        err.print(late, style="red")
    for line in found if json else ():
        say_json(line)
    if json:
        return
    if found:
        out.print(listed(found))
    else:
        out.print("No rollout was ever started. Start one with: tradecanary start SPEC")


def lines(states: Iterable[PartitionState]) -> list[View]:
    """Return a line each strategy's newest rollout, those that run first, then by name."""
    found = [
        line_view(partition, strategy)
        for partition in states
        for strategy in partition.strategies.values()
        if strategy.rollout is not None
    ]
    return sorted(found, key=lambda line: (line["status"] in ENDED, line["strategy"]))


def listed(found: Sequence[View]) -> Text:
    """Return the lines as people read them, aligned: without a Table, which is slow for many."""
    rows = [_cells(line) for line in found]
    widths = [max(map(len, column)) for column in zip(_COLUMNS, *rows, strict=True)]
    text = Text(_aligned(_COLUMNS, widths), style="bold")
    whole = Text()
    whole.append_text(text)
    for line, cells in zip(found, rows, strict=True):
        style = "yellow" if cells[-1] else style_of(line["status"])
        whole.append("\n").append(_aligned(cells, widths), style=style)
    whole.no_wrap, whole.overflow = True, "ellipsis"
    return whole


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    return _GAP.join(
        cell.rjust(width) if name in _NUMBERS else cell.ljust(width)
        for name, cell, width in zip(_COLUMNS, cells, widths, strict=True)
    ).rstrip()


def _cells(line: View) -> tuple[str, ...]:
    return (
        line["strategy"],
        line["rollout"],
        mark(line["status"]).plain,
        f"{line['phase']}/{line['phases']} {line['phase_name']}",
        percent(line["set_weight_bp"]),
        percent(line["actual_weight_bp"]),
        f"{line['canary_orders']:,}",
        f"{line['routers_following']}/{line['routers_heard']}",
        duration(line["running_s"]),
        _holds(line),
    )


def _holds(line: View) -> str:
    parts = ["killed" if line["killed"] else "", line["frozen"] or "", line["hold"] or ""]
    return "; ".join(part for part in parts if part)
