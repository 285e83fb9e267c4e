"""`make bench`: throughput, latency and memory on a real Kafka, with the bars beside the figures.

Writes build/bench.json, and ends with 1 when a bar is missed. `QUICK=1` measures smaller amounts in
under three minutes, and misses nothing. Figures of one run compare with each other; between
machines only their ratios do.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks import backtests, judge_cost, restarts, routing, trips, watching
from benchmarks.bars import BARS, growth, missed
from benchmarks.places import Place
from tests.kafka.broker import kafka

OUT = Path(__file__).parents[1] / "build" / "bench.json"
QUICK = os.environ.get("QUICK") == "1"
EVENTS = 400_000 if QUICK else 2_000_000
ROUNDS = 1 if QUICK else 3
SIZES = (10_000, 100_000) if QUICK else (10_000, 100_000, 1_000_000, 10_000_000)
TRIPS = 9 if QUICK else 60
ABORTS = 5 if QUICK else 100
RESTARTS = 1 if QUICK else 3
ROUTED_BATCHES = 2_000 if QUICK else 10_000
FILL_RATE = 50_000
BACKGROUND_PER_S = 5_000
PLAIN_EVENTS = 50_000
REDRAWS = 20 if QUICK else 60
JUDGED_LOOKS = 500 if QUICK else 4_000
RECORDED_S = 20 if QUICK else 120


class Bench:
    """The parts of a run, with one progress line each."""

    def __init__(self, bootstrap_servers: str, progress: Progress) -> None:
        """Measure on this broker."""
        self._servers = bootstrap_servers
        self._progress = progress
        self.figures: dict[str, object] = {}

    def _line(self, text: str, total: int) -> TaskID:
        return self._progress.add_task(text, total=total)

    def _filled(self, name: str, events: int) -> Place:
        place = Place(self._servers, name)
        line = self._line(f"filling {events:,} events", events)
        for sent in place.fill(events, FILL_RATE):
            self._progress.update(line, completed=sent)
        return place

    def throughput(self) -> None:
        """The stage against a bare consume loop on the same topic, in turn; medians."""
        place = self._filled("throughput", EVENTS)
        line = self._line("consume, aggregate in turn", 2 * ROUNDS)
        found: dict[str, list[dict[str, float]]] = {"consume": [], "aggregate": []}
        for _ in range(ROUNDS):
            for what, results in found.items():
                results.append(place.measured(what, EVENTS))
                self._progress.advance(line)
        place.remove()

        def median(what: str, figure: str) -> float:
            return statistics.median(result[figure] for result in found[what])

        shares = [
            stage["events_per_s"] / raw["events_per_s"]
            for raw, stage in zip(found["consume"], found["aggregate"], strict=True)
        ]
        self.figures |= {
            "aggregate_events_per_s": round(median("aggregate", "events_per_s")),
            "raw_consume_events_per_s": round(median("consume", "events_per_s")),
            "aggregate_share_of_raw": round(statistics.median(shares), 3),
            "cpu_us_per_event": round(median("aggregate", "cpu_us_per_event"), 3),
            "raw_cpu_us_per_event": round(median("consume", "cpu_us_per_event"), 3),
        }

    def plain(self) -> None:
        """The peer: the same stage with the plain fastavro fold."""
        place = self._filled("plain", PLAIN_EVENTS)
        result = place.measured("plain", PLAIN_EVENTS)
        place.remove()
        self.figures["plain_fastavro_events_per_s"] = round(result["events_per_s"])

    def sizes(self) -> None:
        """Cost and memory as the topic grows."""
        costs: dict[str, float] = {}
        memory: dict[str, float] = {}
        for events in SIZES:
            place = self._filled(f"size-{events}", events)
            result = place.measured("aggregate", events)
            place.remove()
            name = _short(events)
            costs[name] = round(result["cpu_us_per_event"], 3)
            memory[name] = round(result["peak_rss_mb"], 1)
        self.figures["cost_per_event_us_by_size"] = costs
        self.figures["cost_per_event_growth"] = round(growth(costs), 2)
        self.figures["peak_rss_mb"] = {
            name: mb for name, mb in memory.items() if QUICK or name in {"1M", "10M"}
        }

    def end_to_end(self) -> None:
        """From the tripping event to the router's new weight, beside 5,000 events/s."""
        place = Place(self._servers, "trips")
        line = self._line(f"trips beside {BACKGROUND_PER_S:,} events/s", TRIPS + ABORTS)
        found: dict[str, list[float]] = {}
        for kind, took_ms in trips.measure(place, TRIPS, ABORTS, BACKGROUND_PER_S):
            found.setdefault(kind, []).append(took_ms)
            self._progress.advance(line)
        place.remove()
        aborts, cohorts = sorted(found.pop("abort")), sorted(found.pop("sequential"))
        every = sorted(took for kind in found.values() for took in kind)
        self.figures |= {
            "end_to_end_p50_ms": round(statistics.median(every), 1),
            "end_to_end_p99_ms": round(_p99(every), 1),
            "end_to_end_p50_ms_by_kind": {
                kind: round(statistics.median(took), 1) for kind, took in found.items()
            },
            "end_to_end_trips": len(every),
            "mature_cohort_to_zero_p50_ms": round(statistics.median(cohorts), 1),
            "mature_cohort_to_zero_p99_ms": round(_p99(cohorts), 1),
            "mature_cohort_to_zero_trips": len(cohorts),
            "abort_to_zero_p50_ms": round(statistics.median(aborts), 1),
            "abort_to_zero_p99_ms": round(_p99(aborts), 1),
            "abort_to_zero_trips": len(aborts),
        }

    def restarts(self) -> None:
        """From the start after a kill -9 until the stage works again, the slowest."""
        line = self._line("restarts after kill -9", RESTARTS * len(restarts.STAGES))
        slowest_s = 0.0
        for took_s in restarts.measure(self._servers, f"bench-{os.getpid()}-restart.", RESTARTS):
            slowest_s = max(slowest_s, took_s)
            self._progress.advance(line)
        self.figures["restart_s"] = round(slowest_s, 1)

    def backtest(self) -> None:
        """A recorded topic taken again, and another policy on it, against the recorded time."""
        place = Place(self._servers, "backtest")
        events = RECORDED_S * backtests.PER_S
        line = self._line(f"playing, then backtesting {events:,} events", events)
        for name, value in backtests.measure(place, RECORDED_S):
            if name == "played":
                self._progress.update(line, completed=value)
            else:
                self.figures[name] = value
        place.remove()

    def routing(self) -> None:
        """The call that every order makes."""
        line = self._line("route()", ROUTED_BATCHES // 1000)
        for result in routing.measure(ROUTED_BATCHES):
            self._progress.advance(line)
            self.figures |= {name: round(value, 1) for name, value in result.items()}

    def judging(self) -> None:
        """What the judge costs a rollout at each look."""
        line = self._line("judge", JUDGED_LOOKS // 100)
        for result in judge_cost.measure(JUDGED_LOOKS):
            self._progress.advance(line)
            self.figures |= {name: round(value, 1) for name, value in result.items()}

    def watching(self) -> None:
        """A redraw of `watch` beside many rollouts and routers."""
        line = self._line(f"watch {watching.ROLLOUTS} rollouts", REDRAWS + 1)
        for result in watching.measure(REDRAWS):
            self._progress.advance(line)
            self.figures |= {name: round(value, 1) for name, value in result.items()}


def _p99(ascending: list[float]) -> float:
    return ascending[min(len(ascending) - 1, len(ascending) * 99 // 100)]


def _short(events: int) -> str:
    return f"{events // 1_000_000}M" if events >= 1_000_000 else f"{events // 1000}k"


def _table(figures: dict[str, object]) -> Table:
    table = Table(title="quick run" if QUICK else None)
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("bar")
    table.add_column("")
    for name, value in figures.items():
        shown = f"{value:,}" if isinstance(value, int | float) else str(value)
        bar = BARS.get(name)
        said = "" if bar is None else "kept" if bar.kept(value) else "MISSED"
        table.add_row(name, shown, "" if bar is None else str(bar), said)
    return table


def main() -> int:
    """Measure everything, print the table, write the file; return the status of the process."""
    console = Console(width=None if os.isatty(1) else 120)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with kafka(console.print) as broker, Progress(*columns, console=console) as progress:
        bench = Bench(broker.bootstrap_servers, progress)
        bench.routing()
        bench.judging()
        bench.watching()
        bench.throughput()
        bench.backtest()
        bench.end_to_end()
        bench.restarts()
        bench.plain()
        bench.sizes()
    console.print(_table(bench.figures))
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(bench.figures, indent=2) + "\n", encoding="utf-8")
    console.print(f"written: {OUT}")
    return int(bool(missed(bench.figures)) and not QUICK)


if __name__ == "__main__":
    sys.exit(main())
