"""`tradecanary report`: a period for whoever has to look back on it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from tradecanary import trail
from tradecanary.cli.connection import Connection, reading
from tradecanary.cli.output import Exit, err, fail, out, say_json

_From = Annotated[
    str, typer.Option("--from", help="From this moment on: ISO 8601 (UTC), or microseconds.")
]
_To = Annotated[str, typer.Option("--to", help="Up to this moment, without it.")]
_Out = Annotated[
    Path, typer.Option("--out", help="The folder to write to; made if it is not there.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def report(
    from_: _From,
    to: _To,
    out_: _Out,
    json: _Json = False,  # noqa: FBT002
    bootstrap_servers: Connection = None,
) -> None:
    """Write what happened in a period: one page, and JSON lines for machines.

    Rollouts with spec, policy hash, versions and starter; approvals; decisions
    with reasons and evidence; overrides, kills, alerts; how each ended. It is what
    a yearly self-assessment asks for (RTS 6 art. 9): report.html and a .jsonl a kind.

    Exit codes: 0 done, 1 the hash chain has findings (they are in the report),
    2 wrong usage, 4 Kafka unreachable.

    Example: tradecanary report --from 2026-01-01 --to 2027-01-01 --out year-2026
    """
    from tradecanary.auditing.report import export

    first_us, until_us = _time("--from", from_), _time("--to", to)
    if first_us >= until_us:
        fail(f"--from was {from_}, which is not before --to, {to}", Exit.USAGE)
    with reading(bootstrap_servers) as log:
        try:
            with err.status("reading decisions and commands"):
                done = export(log, first_us, until_us, out_, made_at_us=time.time_ns() // 1_000)
        except OSError as failure:
            fail(f"cannot write to {out_}: {failure}", Exit.USAGE)
    if json:
        say_json({"page": str(done.page), "lines": done.lines, "findings": done.findings})
    else:
        for name, count in done.lines.items():
            out.print(f"{count:>8,}  {out_ / name}")
        out.print(f"{'page':>8}  {done.page}")
    if done.findings:
        err.print(f"the hash chain has {done.findings:,} findings", style="bold red")
        raise typer.Exit(Exit.REFUSED)


def _time(option: str, text: str) -> int:
    try:
        return trail.time_us(text)
    except ValueError as wrong:
        fail(f"{option} was {text!r}: ISO 8601 or microseconds are read ({wrong})", Exit.USAGE)
