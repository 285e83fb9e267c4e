"""`make bench-memory`: whether memory stays flat while rollouts come and go for an hour.

A real Kafka; aggregation, decision and dashboard as processes; two simulated services; a browser on
the dashboard. One strategy has a rollout that never ends, the other one rollout after the other.
Each process's resident memory is read from /proc every second (so this runs on Linux); what counts
is how much the median of the last minutes lies above that of the minutes after the tenth. Writes
build/bench-memory.json.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.kafka.broker import kafka
from tests.kafka.browsing import TOKEN, Shown, serve
from tests.kafka.chromium import chromium
from tests.kafka.pipeline import ENDED, TRADECANARY, Pipeline, Watch
from tests.kafka.process import Process

OUT = Path(__file__).parents[1] / "build" / "bench-memory.json"
BAR_PCT = 5.0
_WARM_MIN = 10
_WINDOW_MIN = 3
_ORDERS_PER_S = 200
_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1024**2
_STAGES: Mapping[str, tuple[str, ...]] = {
    "aggregation": (*TRADECANARY, "run", "aggregation"),
    "decision": (*TRADECANARY, "run", "decision"),
}
_DASHBOARD = "dashboard"
_POLICIES: Mapping[str, dict[str, Any]] = {
    strategy: {
        "ramp": [
            {"name": "Half", "weight_bp": 5_000, "min_duration_s": 86_000},
            {"name": "Full", "weight_bp": 10_000},
        ],
        "judge": {"kind": "sequential", "reference_orders": 2_000},
        "max_duration_s": seconds,
    }
    for strategy, seconds in (("lasting", 86_400), ("repeated", 30))
}
"""The repeated one ends without verdict: a promoted one would be the next one's stable."""


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process, in MiB."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE_MB


def growth_pct(minutes: list[float]) -> float | None:
    """Return by how much the last minutes lie above those after the tenth; None when too few."""
    if len(minutes) < _WARM_MIN + 2 * _WINDOW_MIN:
        return None
    begun = statistics.median(minutes[_WARM_MIN : _WARM_MIN + _WINDOW_MIN])
    return (statistics.median(minutes[-_WINDOW_MIN:]) / begun - 1) * 100


@contextmanager
def looked_at(pipeline: Pipeline) -> Iterator[Process]:
    """Give a dashboard with a browser on its list and on the lasting rollout."""
    process, address = serve(pipeline, DASHBOARD_TOKEN=TOKEN)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(playwright, print))
        shown = Shown(pipeline, browser, process, address)
        with shown.visitor() as page:
            shown.log_in(page, "bench", TOKEN)
            page.wait_for_url(f"{address}/")
            page.context.new_page().goto(f"{address}/rollout/{next(iter(_POLICIES))}")
            yield process
        browser.close()


def measure(
    pipeline: Pipeline, dashboard: Process, minutes: int
) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield, minute by minute, the rollouts ended and each process's median memory in MiB."""
    started = {name: pipeline.process(name, command) for name, command in _STAGES.items()}
    started[_DASHBOARD] = dashboard
    for strategy in _POLICIES:
        options = ("--strategy", strategy, "--rate", str(_ORDERS_PER_S))
        pipeline.process(strategy, [*TRADECANARY, "run", "router-sim", *options])
    watch, number, ended = pipeline.watch(), 0, 0
    watch.until(lambda: set(watch.statuses) == set(_POLICIES), "the routers", 60)
    for _ in range(minutes):
        found: dict[str, list[float]] = {name: [] for name in started}
        until_s = time.monotonic() + 60
        while time.monotonic() < until_s:
            for strategy, policy in _POLICIES.items():
                last = watch.last(strategy)
                if last is None or last.status in ENDED:
                    number += 1
                    ended += last is not None
                    pipeline.start(strategy, policy, f"{strategy}-{number}")
                    watch.until(partial(_begun, watch, strategy, number), "the start", 60)
            pause_s = time.monotonic() + 1
            while time.monotonic() < pause_s:
                watch.poll()
            for name, process in started.items():
                found[name].append(resident_mb(process.popen.pid))
        yield ended, {name: statistics.median(seen) for name, seen in found.items()}
    watch.close()


def _begun(watch: Watch, strategy: str, number: int) -> bool:
    last = watch.last(strategy)
    return last is not None and last.rollout == f"{strategy}-{number}"


def main(minutes: Annotated[int, typer.Option(min=1)] = 60) -> None:
    """Measure for so many minutes; fails when a process grew beyond the bar."""
    console = Console(width=None if os.isatty(1) else 120)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    found: dict[str, list[float]] = {name: [] for name in (*_STAGES, _DASHBOARD)}
    ended = 0
    with kafka(console.print) as broker, Progress(*columns, console=console) as progress:
        line = progress.add_task("memory", total=minutes)
        with TemporaryDirectory() as folder:
            pipeline = Pipeline(
                broker.bootstrap_servers, "memory.", Path(folder), executions=2, control=1
            )
            try:
                with looked_at(pipeline) as dashboard:
                    for ended, medians in measure(pipeline, dashboard, minutes):
                        for name, value in medians.items():
                            found[name].append(round(value, 1))
                        progress.update(line, advance=1, description=f"{ended} rollouts ended")
            finally:
                pipeline.close()
    growths = {name: growth_pct(values) for name, values in found.items()}
    console.print(_table(found, growths))
    OUT.parent.mkdir(exist_ok=True)
    written = {"minutes": minutes, "rollouts_ended": ended, "mb": found, "growth_pct": growths}
    OUT.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    console.print(f"written: {OUT}")
    if any(each is not None and each >= BAR_PCT for each in growths.values()):
        raise typer.Exit(1)


def _table(found: dict[str, list[float]], growths: Mapping[str, float | None]) -> Table:
    marks = [
        mark for mark in (1, 10, 20, 30, 40, 50, 60) if mark <= len(next(iter(found.values())))
    ]
    table = Table(title="resident memory, MiB")
    table.add_column("process")
    for mark in marks:
        table.add_column(f"{mark} min", justify="right")
    table.add_column(f"growth after minute {_WARM_MIN}", justify="right")
    table.add_column("bar")
    for name, values in found.items():
        grown = growths[name]
        shown = "-" if grown is None else f"{grown:+.1f} %"
        table.add_row(name, *(f"{values[m - 1]:.1f}" for m in marks), shown, f"< {BAR_PCT:g} %")
    return table


if __name__ == "__main__":
    typer.run(main)
