"""`tradecanary backtest`: what other policies would have done with recorded flow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from tradecanary import trail
from tradecanary.cli.connection import Connection, reading
from tradecanary.cli.decision_json import decision_json
from tradecanary.cli.output import Exit, duration, err, fail, out, say_json
from tradecanary.schemas.topics import EXECUTIONS
from tradecanary.schemas.units import US_PER_S

if TYPE_CHECKING:
    from tradecanary.backtesting.backtest import Choice
    from tradecanary.backtesting.result import Backtest
    from tradecanary.processors.decision.cohorts import Horizons

_NEEDS = "pip install 'tradecanary[backtest]'"
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
_Policies = Annotated[
    list[str] | None,
    typer.Option("--policy", "-p", help="A preset or a YAML file; may be given several times."),
]
_From = Annotated[
    str, typer.Option("--from", help="Only event times from here on: ISO 8601, or microseconds.")
]
_To = Annotated[str, typer.Option("--to", help="Only event times up to here.")]
_Topic = Annotated[str | None, typer.Option(help="Backtest the topic `executions` on Kafka.")]
_File = Annotated[
    Path | None, typer.Option(help="Backtest a file: .avro, .parquet or .csv of ExecutionEvent.")
]
_Html = Annotated[Path | None, typer.Option(help="Write a report with plots: one file.")]
_Horizon = Annotated[
    float | None,
    typer.Option(help="Seconds after which an order is reported; read from the record.", min=0),
]
_Markout = Annotated[
    float | None,
    typer.Option(help="Seconds after which its P&L is known; read from the record.", min=0),
]


def backtest(  # noqa: PLR0913, PLR0917 - an option a line
    policy: _Policies = None,
    topic: _Topic = None,
    file: _File = None,
    from_: _From = "",
    to: _To = "",
    strategy: Annotated[str | None, typer.Option(help="If the record holds several.")] = None,
    stable: Annotated[str | None, typer.Option(help="If it holds several stable builds.")] = None,
    canary: Annotated[str | None, typer.Option(help="If it holds several canaries.")] = None,
    order_horizon: _Horizon = None,
    markout_horizon: _Markout = None,
    html: _Html = None,
    json: _Json = False,  # noqa: FBT002
    bootstrap_servers: Connection = None,
) -> None:
    """Try policies on recorded flow: when would each have ended, and at what cost?

    The same stages as live, flat out. Orders are what they were: a policy that
    wants a smaller canary weight than the recorded one is served by leaving
    canary orders out with a known probability; one that wants more is refused
    with the weights that the record has. The record can tell up to the step to
    100 %.

    A policy that ran live is taken again from its recorded looks: the same
    decisions, byte for byte. On a topic without --policy, whatever ran is.

    Exit codes: 0 done, 1 the record cannot serve what was asked (or what was
    taken again differs from the live run), 2 wrong usage, 4 Kafka unreachable.

    On a file: tradecanary backtest -p steps -p calm.yaml --file monday.avro

    What ran: tradecanary backtest --topic executions --strategy momentum

    With plots: tradecanary backtest -p calm.yaml --topic executions --html r.html
    """
    _check_usage(policy or [], topic, file)
    try:
        import tradecanary.backtesting.result  # noqa: F401 - is the extra installed?
        from tradecanary.backtesting.backtest import Choice
    except ModuleNotFoundError as missing:
        fail(f"backtest needs {missing.name}, which is not installed: {_NEEDS}", Exit.USAGE)
    choice = Choice(
        strategy=strategy,
        stable=stable,
        canary=canary,
        first_us=_time("--from", from_, 0),
        last_us=_time("--to", to, 1 << 62),
        horizons=_horizons(order_horizon, markout_horizon),
    )
    found = _found(policy or [], choice, file, bootstrap_servers)
    if html is not None:
        _write(html, found)
    if json:
        say_json(as_json(found))
    else:
        show(found)
        if html is not None:
            out.print(f"report: {html}")
    if found.same_as_live is False:
        raise typer.Exit(Exit.REFUSED)


def _write(html: Path, found: Backtest) -> None:
    try:
        html.write_text(found.html(), encoding="utf-8")
    except OSError as failure:
        fail(f"cannot write the report to {html}: {failure.strerror}", Exit.USAGE)


def _check_usage(policies: list[str], topic: str | None, file: Path | None) -> None:
    if (topic is None) == (file is None):
        fail("name one record: --file FILE, or --topic executions", Exit.USAGE)
    if topic not in {None, EXECUTIONS.name}:
        fail(f"--topic was {topic!r}; recorded orders lie in {EXECUTIONS.name!r}", Exit.USAGE)
    if file is not None and not policies:
        fail("a file holds no decisions: name at least one --policy", Exit.USAGE)


def _horizons(order_s: float | None, markout_s: float | None) -> Horizons | None:
    from tradecanary.processors.decision.cohorts import Horizons

    if order_s is None:
        if markout_s is not None:
            fail("--markout-horizon goes with --order-horizon", Exit.USAGE)
        return None
    order_us = round(order_s * US_PER_S)
    return Horizons(order_us, max(order_us, round((markout_s or 0) * US_PER_S)))


def _time(option: str, text: str, default: int) -> int:
    if not text:
        return default
    try:
        return trail.time_us(text)
    except ValueError as wrong:
        fail(f"{option} was {text!r}: ISO 8601 or microseconds are read ({wrong})", Exit.USAGE)


def _found(policies: list[str], choice: Choice, file: Path | None, servers: str | None) -> Backtest:
    """Run the backtest with a progress bar; leaves with REFUSED, USAGE or UNREACHABLE."""
    from tradecanary.backtesting.backtest import backtest as run
    from tradecanary.backtesting.backtest import policy_of
    from tradecanary.backtesting.live import Differs
    from tradecanary.backtesting.record import Refused
    from tradecanary.processors.decision.policy import PolicyProblem
    from tradecanary.processors.decision.ramps import RAMPS
    from tradecanary.processors.decision.replay import Unrecorded

    try:
        wanted = [policy_of(one) for one in policies]
    except PolicyProblem as problem:
        fail(str(problem), Exit.REFUSED)
    except (OSError, UnicodeDecodeError) as missing:
        presets = ", ".join(RAMPS)
        fail(f"policy: {missing}; presets: {presets}, or a YAML file", Exit.USAGE)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        try:
            if file is not None:
                return run(wanted, file=file, choice=choice, progress=_bar(progress))
            with reading(servers) as log:
                return run(wanted, log=log, choice=choice, progress=_bar(progress))
        except (Refused, Unrecorded, Differs) as why:
            fail(str(why), Exit.REFUSED)
        except OSError as missing:
            fail(f"cannot read {file}: {missing}", Exit.USAGE)


def _bar(progress: Progress) -> Callable[[str, int, int], None]:
    lines: dict[str, TaskID] = {}

    def tell(what: str, done: int, total: int) -> None:
        if what not in lines:
            lines[what] = progress.add_task(what, total=total or None)
        progress.update(lines[what], completed=done, total=total or None)

    return tell


def show(found: Backtest) -> None:
    """Print what a backtest found, as people read it."""
    from tradecanary.backtesting.report import facts, notes
    from tradecanary.backtesting.result import GRID

    out.print(f"{found.strategy}: {found.stable} -> {found.canary}", style="bold")
    out.print(facts(found))
    for note in notes(found):
        out.print(note, style="yellow")
    for one in found.policies:
        out.print(f"\n{one.name} ({one.how})", style="bold cyan")
        out.print(Text(f"  {trail.HEADER}", style="dim"))
        for made in one.decided:
            style = trail.STYLES.get(made.kind, "")
            out.print(Text(f"  {trail.line(made, one.decided[0].time_us)}", style=style))
        if one.end is None:
            out.print(f"  {one.outcome}: {one.reason}")
        else:
            verb = "would have " if one.how == GRID else ""
            out.print(f"  {verb}{one.outcome}")
    out.print()
    out.print(_table(found))


def _table(found: Backtest) -> Table:
    table = Table(box=None)
    for column in ("policy", "outcome"):
        table.add_column(column)
    for column in ("after", "reached", "canary orders", "canary P&L", "lost", "spared"):
        table.add_column(column, justify="right")
    for row in found.compared():
        table.add_row(
            row["policy"],
            row["outcome"],
            "-" if row["after_s"] is None else duration(row["after_s"]),
            trail.percent(row["reached_bp"]),
            f"{row['canary_orders']:,}",
            f"{row['canary_pnl']:,.2f}",
            f"{row['excess_loss']:,.2f}",
            f"{row['spared']:,.2f}",
        )
    money = found.happened
    figures = (f"{money.canary_orders:,}", f"{money.canary_pnl:,.2f}", f"{money.excess_loss:,.2f}")
    table.add_row("what happened", "", "", "", *figures, "")
    return table


def as_json(found: Backtest) -> dict[str, Any]:
    """Return what a backtest found for scripts; money in the reporting currency."""
    return {
        "strategy": found.strategy,
        "stable": found.stable,
        "canary": found.canary,
        "source": found.source,
        "first_us": found.first_us,
        "last_us": found.last_us,
        "events": found.events,
        "counts": asdict(found.counts),
        "bad": [asdict(one) for one in found.bad],
        "recorded": [
            {
                "revision": one.revision,
                "canary_bp": one.canary_bp,
                "first_us": one.first_us,
                "last_us": one.last_us,
                "stable_orders": one.stable_orders,
                "canary_orders": one.canary_orders,
            }
            for one in found.periods
        ],
        "same_as_live": found.same_as_live,
        "happened": asdict(found.happened),
        "policies": [
            row | {"decisions": [decision_json(made) for made in one.decided]}
            for row, one in zip(found.compared(), found.policies, strict=True)
        ],
    }
