"""`tradecanary topics`: make the topics of the table, and check that they are as it says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer
from rich.table import Table

from tradecanary.cli.acls import acls
from tradecanary.cli.connection import Connection, reached, settings_of
from tradecanary.cli.output import Exit, err, out, say_json, saying
from tradecanary.processors.runtime.settings import Settings
from tradecanary.processors.runtime.topics_admin import (
    TopicResult,
    TopicState,
    check_topics,
    create_topics,
)

app = typer.Typer(
    no_args_is_help=True, help="Make and check the topics on Kafka, and who may use them."
)
app.command()(acls)
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_STYLES = {TopicState.CREATED: "green", TopicState.RIGHT: "", TopicState.MISSING: "red"}


@app.command()
def create(bootstrap_servers: Connection = None, json: _Json = False) -> None:  # noqa: FBT002
    """Make the topics that are missing; nothing that exists is changed.

    Partition counts and replication come from TRADECANARY_EXECUTIONS_PARTITIONS,
    TRADECANARY_CONTROL_PARTITIONS and TRADECANARY_REPLICATION_FACTOR.
    """
    _report(create_topics, bootstrap_servers, as_json=json)


@app.command()
def check(bootstrap_servers: Connection = None, json: _Json = False) -> None:  # noqa: FBT002
    """Check every topic against the table: exit 1 when one is missing or wrong."""
    _report(check_topics, bootstrap_servers, as_json=json)


def _report(
    ask: Callable[[Settings], tuple[TopicResult, ...]], servers: str | None, *, as_json: bool
) -> None:
    with reached(settings_of(servers)) as settings, saying("waiting for the topics"):
        results = ask(settings)
    if as_json:
        say_json(
            [
                {
                    "topic": one.name,
                    "partitions": one.partitions,
                    "state": one.state.value,
                    "problem": one.problem or None,
                }
                for one in results
            ]
        )
    else:
        table = Table(box=None)
        for column in ("topic", "partitions", "state"):
            table.add_column(column)
        for one in results:
            style = _STYLES.get(one.state, "red")
            table.add_row(one.name, str(one.partitions), one.state.value, style=style)
        out.print(table)
    problems = [one.problem for one in results if one.problem]
    for problem in problems:
        err.print(problem, style="red")
    if problems:
        raise typer.Exit(Exit.REFUSED)
