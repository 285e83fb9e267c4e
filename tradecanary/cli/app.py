"""All commands in one place; each is imported when it is called.

An operator who aborts waits for this program to start: the abort needs no judge, no plots and no
dashboard, so it does not import them.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typing_extensions import override

_VERBS = ("halt", "resume", "increase", "promote", "abort", "rearm")
COMMANDS: Mapping[str, tuple[str, str]] = {
    "demo": ("demo", "demo"),
    "topics": ("topics", "app"),
    "run": ("run", "app"),
    "start": ("start", "start"),
    "list": ("listing", "list_rollouts"),
    "status": ("status", "status"),
    "watch": ("watch", "watch"),
    "dashboard": ("dashboard", "dashboard"),
    "wait": ("waiting", "wait"),
    "history": ("history", "history"),
    "explain": ("explain", "explain"),
    "verify": ("verify", "verify"),
    "report": ("report", "report"),
    **{verb: ("operate", verb) for verb in _VERBS},
    "approve": ("operate", "approve"),
    "freeze": ("freeze", "freeze"),
    "unfreeze": ("freeze", "unfreeze"),
    "kill": ("operate", "kill"),
    "unkill": ("operate", "unkill"),
    "replay": ("replay", "replay"),
    "backtest": ("backtest", "backtest"),
    "plan": ("plan", "plan_command"),
    "policy": ("policy", "app"),
    "alerts": ("alerts", "app"),
    "completion": ("completion", "completion"),
}
"""Each command's module in this folder, and the function or the group of commands in it."""


class _Commands(TyperGroup):
    """The table as click asks for it."""

    @override
    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the sequence of the help."""
        return list(COMMANDS)

    @override
    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import and return the command, None when there is none of this name."""
        return command_of(cmd_name) if cmd_name in COMMANDS else None


def command_of(name: str) -> Any:  # noqa: ANN401 - the same
    """Return a command of the table, imported: click's Command, which typer has a copy of."""
    module, attribute = COMMANDS[name]
    found = getattr(import_module(f"tradecanary.cli.{module}"), attribute)
    if isinstance(found, typer.Typer):
        group = typer.main.get_group(found)
        group.name = name
        return group
    alone = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    alone.command(name)(found)
    return typer.main.get_command(alone)


app = typer.Typer(
    name="tradecanary",
    cls=_Commands,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    help=(
        "Moves order flow to a new build step by step, and takes it back by itself when the new "
        "build trades worse.\n\nBegin with: tradecanary demo"
    ),
)


@app.callback()
def _all() -> None:
    """Nothing is common to all commands; without a callback typer would take one for the only."""
