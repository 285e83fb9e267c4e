"""`make bench-decisions`: prints the tables, writes build/bench-decisions.json.

`QUICK=1` makes few runs, in under three minutes: figures to look at, not to quote, and no failure
when one does not reach its bar. Seeds are fixed: two runs of the same size give the same figures.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks.decisions.bars import as_json, held
from benchmarks.decisions.cells import Cell, cells
from benchmarks.decisions.real_flow import recorded
from benchmarks.decisions.run import Answer, run_all
from benchmarks.decisions.scenarios import synthetic
from benchmarks.decisions.tables import acceptance, tables

OUT = Path(__file__).parents[2] / "build" / "bench-decisions.json"
QUICK = os.environ.get("QUICK") == "1"
RUNS = 4 if QUICK else 400
PROCESSES = 2


def main(
    runs: Annotated[int, typer.Option(min=1, help="Runs of every scenario.")] = RUNS,
    only: Annotated[str, typer.Option(help="Only tables with this in their name.")] = "",
    method: Annotated[list[str] | None, typer.Option(help="Only this method; repeat it.")] = None,
    market_data: Annotated[
        Path | None, typer.Option(help="Directory of recorded markets; none: made-up orders only.")
    ] = None,
    instrument: Annotated[str, typer.Option(help="Alias or file prefix.")] = "us-share",
    processes: Annotated[int, typer.Option(min=1)] = PROCESSES,
    out: Annotated[Path, typer.Option(help="Where the figures go.")] = OUT,
) -> None:
    """Measure how often judges roll back healthy canaries, and how soon faulty ones.

    Ends with 1 when an acceptance number fails.
    """
    console = Console(width=None if os.isatty(1) else 160)
    every = (*synthetic(), *(recorded(market_data, instrument) if market_data else ()))
    scenarios = [
        replace(scenario, methods=tuple(m for m in scenario.methods if not method or m in method))
        for scenario in every
        if only in scenario.table
    ]
    found: list[list[tuple[Answer, ...]]] = [[] for _ in scenarios]
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        line = progress.add_task("", total=len(scenarios) * runs)
        for number, answered in run_all(scenarios, runs, processes):
            found[number].append(answered)
            progress.update(line, advance=1, description=scenarios[number].name)
    figures: list[Cell] = []
    for scenario, answered_runs in zip(scenarios, found, strict=True):
        figures += cells(scenario, answered_runs)
    for table in tables(figures):
        console.print(table)
    bars = list(held(figures))
    if bars:
        console.print(acceptance(bars))
    out.parent.mkdir(exist_ok=True)
    written = {"runs": runs, "cells": [asdict(each) for each in figures], "bars": as_json(bars)}
    out.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    console.print(f"written: {out}")
    if not all(bar.holds for bar in bars) and not QUICK:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
