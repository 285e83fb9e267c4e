"""`tradecanary completion`: the shell completes commands, options and names of strategies."""

from __future__ import annotations

import threading
from typing import Annotated

import typer

# typer's own option --show-completion calls them from here, without listing them as exports
from typer.completion import get_completion_script, install  # type: ignore[attr-defined]

from tradecanary.cli.output import Exit, fail, out

_KNOWN_SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")
_PATIENCE_S = 0.3
"""Nobody waits longer for a name: a cluster that is slow or away completes nothing."""
_RECENT = 500


def completion(
    shell: Annotated[str, typer.Argument(help="bash, zsh, fish, powershell or pwsh.")],
    install_it: Annotated[  # noqa: FBT002
        bool, typer.Option("--install", help="Write it where the shell looks at its start.")
    ] = False,
) -> None:
    """Print the script that lets a shell complete tradecanary's words, or install it.

    Names of strategies come from the cluster of KAFKA_BOOTSTRAP_SERVERS, when it answers within
    0.3 s.

    Example: source <(tradecanary completion bash)
    """
    if shell not in _KNOWN_SHELLS:
        known = ", ".join(_KNOWN_SHELLS)
        fail(f"shell was {shell!r}; known are {known}", Exit.USAGE)
    if install_it:
        _, path = install(shell=shell, prog_name="tradecanary")
        out.print(f"written to {path}; it works in shells started from now on")
        return
    typer.echo(
        get_completion_script(
            prog_name="tradecanary", complete_var="_TRADECANARY_COMPLETE", shell=shell
        )
    )


def strategies(incomplete: str) -> list[str]:
    """Return the strategies that begin so; none when the cluster does not say in 0.3 s."""
    found: list[str] = []
    asking = threading.Thread(target=_ask, args=(found,), daemon=True)
    asking.start()
    asking.join(_PATIENCE_S)
    return sorted(name for name in set(found) if name.startswith(incomplete))


def _ask(found: list[str]) -> None:
    from contextlib import suppress

    from confluent_kafka import KafkaException

    from tradecanary.cli.connection import recent_strategies
    from tradecanary.processors.runtime.log import Unavailable
    from tradecanary.processors.runtime.settings import SettingsError

    # whatever is wrong with the cluster, a key press is not the moment to say it
    with suppress(KafkaException, Unavailable, SettingsError):
        found += recent_strategies(_RECENT, _PATIENCE_S)
