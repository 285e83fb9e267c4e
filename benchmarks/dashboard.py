"""`make bench-dashboard`: how long after a decision a browser shows it, with 100 rollouts.

A real Kafka; aggregation, decision and dashboard as processes; a hundred strategies with a router
each; one Chromium on the list of all and one on a rollout. Rollouts are halted and resumed; what
counts is the time from the decision (its own clock) to the page (the browser's), on one machine.
Writes build/bench-dashboard.json.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from playwright.sync_api import Page, sync_playwright
from rich.console import Console
from rich.progress import track

from benchmarks.bars import DASHBOARD_BARS, missed
from benchmarks.memory import resident_mb
from tests.kafka.broker import kafka
from tests.kafka.browsing import TOKEN, Shown, serve
from tests.kafka.chromium import chromium
from tests.kafka.pipeline import Pipeline, Watch
from tests.kafka.services import Service
from tradecanary.schemas.decisions import DecisionKind, RolloutStatus
from tradecanary.schemas.routing import CommandKind

OUT = Path(__file__).parents[1] / "build" / "bench-dashboard.json"
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_SEQUENTIAL_EVERY = 10
"""Every tenth rollout has the judge `sequential` and more flow: it waits for 1,000 orders."""
_RAMP = [
    {"name": "Half", "weight_bp": 5_000, "min_duration_s": 86_000},
    {"name": "Full", "weight_bp": 10_000},
]
_WIDE = {"fill_rate_pp": 100, "latency_pct": 10_000, "slippage_bp": 1_000, "pnl_ratio": -1e9}
_OBSERVE = """() => {
  window.seen = {};
  const note = () => {
    for (const pill of document.querySelectorAll('.pill')) {
      const line = pill.closest('[data-strategy]');
      const key = (line ? line.dataset.strategy : 'page') + ' ' + pill.textContent.slice(2);
      if (!(key in window.seen)) window.seen[key] = Date.now();
    }
  };
  note();
  new MutationObserver(note).observe(
    document.body, {subtree: true, childList: true, characterData: true});
}"""
_FORGET = "key => { delete window.seen[key] }"
_SEEN = "key => window.seen[key]"


def strategies(count: int) -> list[str]:
    """Return so many names."""
    return [f"strategy-{number:03d}" for number in range(count)]


def _weighed(name: str) -> bool:
    return int(name.rpartition("-")[2]) % _SEQUENTIAL_EVERY == 0


def _service(name: str, seed: int) -> Service:
    return Service(name, rate=20.0 if _weighed(name) else 2.0, seed=seed)


@contextmanager
def running(pipeline: Pipeline, names: list[str]) -> Iterator[tuple[Shown, Watch]]:
    """Start everything, wait until all rollouts are ACTIVE, and give the dashboard."""
    pipeline.stage("aggregation")
    pipeline.stage("decision")
    for half in (names[::2], names[1::2]):
        pipeline.services([_service(name, number) for number, name in enumerate(half, 1)])
    watch = pipeline.watch()
    watch.until(lambda: set(watch.statuses) >= set(names), "the routers", 120)
    for name in names:
        judge = {"kind": "sequential"} if _weighed(name) else {"kind": "thresholds", **_WIDE}
        pipeline.start(name, {"ramp": _RAMP, "judge": judge, "guards": {"loss_budget": 1e6}})
    active = RolloutStatus.ACTIVE
    watch.until(lambda: all(watch.is_(name, active) for name in names), "the starts", 300)
    process, address = serve(pipeline, DASHBOARD_TOKEN=TOKEN)
    with sync_playwright() as playwright:
        path = chromium(playwright, print)
        browser = playwright.chromium.launch(executable_path=path)
        yield Shown(pipeline, browser, process, address), watch
        browser.close()
    watch.close()


def delays_ms(
    page: Page, pipeline: Pipeline, watch: Watch, turns: list[tuple[str, str]]
) -> Iterator[float]:
    """Halt and resume each strategy of `turns`; yield what each took to be seen, milliseconds.

    A turn names the strategy, and how the page names it.
    """
    page.evaluate(_OBSERVE)
    for strategy, label in turns:
        for kind, decided, status in (
            (CommandKind.HALT, DecisionKind.HALT, "HALTED"),
            (CommandKind.RESUME, DecisionKind.RESUME, "ACTIVE"),
        ):
            key = f"{label} {status}"
            page.evaluate(_FORGET, key)
            before = len(watch.decisions[strategy])
            pipeline.command(strategy, kind)
            watch.until(partial(_was_decided, watch, strategy, decided, before), key)
            page.wait_for_function(f"key => ({_SEEN})(key) !== undefined", arg=key)
            seen_ms = float(page.evaluate(_SEEN, key))
            found = next(o for o in watch.decisions[strategy][before:] if o.kind is decided)
            yield seen_ms - found.time_us / 1000


def _was_decided(watch: Watch, strategy: str, kind: DecisionKind, since: int) -> bool:
    return any(one.kind is kind for one in watch.decisions[strategy][since:])


def cpu_s(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def figures(found: list[float]) -> dict[str, float]:
    """Return p50, p95 and the largest."""
    cuts = statistics.quantiles(found, n=20, method="inclusive")
    return {
        "n": len(found),
        "p50_ms": round(statistics.median(found)),
        "p95_ms": round(cuts[18]),
        "max_ms": round(max(found)),
    }


def main(
    rollouts: Annotated[int, typer.Option(min=1)] = 100,
    turns: Annotated[int, typer.Option(min=1)] = 20,
) -> None:
    """Measure; fails when the largest of either page is beyond the bar."""
    console = Console(width=None if os.isatty(1) else 120)
    names = strategies(rollouts)
    with kafka(console.print) as broker, TemporaryDirectory() as folder:
        pipeline = Pipeline(
            broker.bootstrap_servers, "dashboard.", Path(folder), executions=2, control=1
        )
        try:
            with running(pipeline, names) as (shown, watch):
                found = measure(shown, watch, names, turns, console)
        finally:
            pipeline.close()
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    console.print_json(data=found)
    largest = {f"{page}_max_ms": found[page]["max_ms"] for page in ("list", "rollout")}
    late = missed(largest, DASHBOARD_BARS)
    for name, bar in DASHBOARD_BARS.items():
        console.print(f"{name} {bar}: {'MISSED' if name in late else 'kept'}")
    console.print(f"written: {OUT}")
    if late:
        raise typer.Exit(1)


def measure(
    shown: Shown, watch: Watch, names: list[str], turns: int, console: Console
) -> dict[str, Any]:
    """Return the delays on both pages, and what the dashboard's process uses."""
    pid = shown.process.popen.pid
    chosen = [names[n * len(names) // turns % len(names)] for n in range(turns)]
    with shown.person(width=1440, height=900) as page:
        one = page.context.new_page()
        shown.open(one, names[0])
        page.wait_for_function(
            "n => document.querySelectorAll('a.item').length === n", arg=len(names)
        )
        used, since_s = cpu_s(pid), time.monotonic()
        whole = delays_ms(page, shown.pipeline, watch, [(name, name) for name in chosen])
        listed = list(track(whole, "list", total=2 * turns, console=console))
        single = delays_ms(one, shown.pipeline, watch, [(names[0], "page")] * turns)
        paged = list(track(single, "rollout", total=2 * turns, console=console))
        return {
            "rollouts": len(names),
            "list": figures(listed),
            "rollout": figures(paged),
            "dashboard_cpu_share": round((cpu_s(pid) - used) / (time.monotonic() - since_s), 2),
            "dashboard_mb": round(resident_mb(pid), 1),
        }


if __name__ == "__main__":
    typer.run(main)
