"""`tradecanary run`: one stage, or a simulated trading service, as a process."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
import yaml

from tradecanary.cli.connection import Connection, accepted, settings_of
from tradecanary.cli.output import Exit, err, fail
from tradecanary.processors.aggregation.fastest import fastest_fold
from tradecanary.processors.runtime.aggregation_task import AggregationTask
from tradecanary.processors.runtime.decision_task import DecisionTask
from tradecanary.producers.simulation.faults import parse_fault
from tradecanary.producers.simulation.market import MarketDataError
from tradecanary.producers.simulation.service import ServiceSettings
from tradecanary.producers.simulation.stream_faults import parse_stream_fault
from tradecanary.router_sim import SimSettings, strategies
from tradecanary.router_sim import run as trade
from tradecanary.schemas.routing import UnitKind
from tradecanary.schemas.units import US_PER_MS

app = typer.Typer(no_args_is_help=True, help="Run a stage or the simulated trading service.")


@app.command()
def aggregation(bootstrap_servers: Connection = None) -> None:
    """Sum executions per version and cohort, exactly once, into metrics.

    Stops cleanly on SIGTERM. Several processes share the work: give each its own
    TRADECANARY_SLOT, and keep it over restarts.
    """
    from tradecanary.processors.runtime.stage_process import run_stage  # not in the demo

    settings = accepted(settings_of(bootstrap_servers))
    task = AggregationTask(
        slot=settings.slot,
        incarnation=time.time_ns() // 1000,
        make_fold=fastest_fold,
        commit_interval_us=settings.aggregation_commit_interval_ms * US_PER_MS,
    )
    raise typer.Exit(run_stage(task, settings))


@app.command()
def decision(bootstrap_servers: Connection = None) -> None:
    """Judge the canaries and emit routing weights, exactly once.

    Stops cleanly on SIGTERM. A second process (another TRADECANARY_SLOT) takes over when this one
    dies; without any, routers go to their baseline when the lease ends.
    """
    from tradecanary.processors.runtime.decision_figures import DecisionFigures  # not in the demo
    from tradecanary.processors.runtime.stage_process import clock_us, run_stage

    settings = accepted(settings_of(bootstrap_servers))
    task = DecisionTask(settings.decision_commit_interval_ms * US_PER_MS)
    standing = DecisionFigures(task.states, clock_us)
    raise typer.Exit(run_stage(task, settings, standing=standing))


@app.command()
def alerting(
    routes: Annotated[
        Path, typer.Option(help="YAML: senders (slack, pagerduty, webhook) and routes to them.")
    ],
    bootstrap_servers: Connection = None,
) -> None:
    """Tell people of decisions: each alert once to each sender its routes name.

    Stops cleanly on SIGTERM. Start it anew with the same routes: what was not delivered yet is
    delivered then. Secrets stay in the environment or in files; see docs/alerting.md.

    Example: tradecanary run alerting --routes routes.yaml
    """
    from tradecanary.cli.alerts import run_alerting  # not in the demo

    raise typer.Exit(run_alerting(routes, accepted(settings_of(bootstrap_servers))))


@app.command("router-sim")
def router_sim(  # noqa: PLR0913, PLR0917 - options of a simulation
    strategy: Annotated[str, typer.Option(help="The strategy to trade.")] = "momentum",
    market_data: Annotated[
        Path | None, typer.Option(help="Folder of recorded quotes and trades; synthetic without.")
    ] = None,
    instrument: Annotated[
        str, typer.Option(help="us-share, btc, or the beginning of a file's name.")
    ] = "us-share",
    rate: Annotated[float, typer.Option(help="Orders a second.", min=0.1)] = 200.0,
    accounts: Annotated[int, typer.Option(min=1)] = 50,
    unit: Annotated[UnitKind, typer.Option(help="What is routed.")] = UnitKind.ORDER,
    speed: Annotated[float, typer.Option(help="Market seconds a second.", min=0.1)] = 60.0,
    fault: Annotated[
        str | None, typer.Option(help="Planted in the canary: slow:1.5, slipping:2, hanging, ...")
    ] = None,
    fault_after: Annotated[float, typer.Option(help="Seconds until the fault begins.")] = 0.0,
    stream_fault: Annotated[
        str | None, typer.Option(help="late, duplicate, corrupt or missing events, as missing:2")
    ] = None,
    seconds: Annotated[float, typer.Option(help="Stop by itself; 0 = on SIGTERM.", min=0)] = 0.0,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    gateway: Annotated[str, typer.Option(help="This router's name.")] = "gateway-1",
    order_horizon_ms: Annotated[int, typer.Option(min=10)] = 2_000,
    write_spec: Annotated[
        Path | None, typer.Option(help="Write a SPEC for `tradecanary start`, and go on.")
    ] = None,
    policy: Annotated[str, typer.Option(help="The policy that the SPEC names.")] = "aggressive",
    bootstrap_servers: Connection = None,
) -> None:
    """Trade with both momentum versions through the real router and publisher.

    Example: tradecanary run router-sim --market-data tests/data/market --instrument us-share
    --fault slipping:2 --write-spec rollout.yaml
    """
    kafka = accepted(settings_of(bootstrap_servers))
    try:
        service = ServiceSettings(
            orders_per_s=rate,
            accounts=accounts,
            speed=speed,
            seed=seed,
            fault=parse_fault(fault) if fault else None,
            fault_after_s=fault_after,
        )
        settings = SimSettings(
            strategy=strategy,
            gateway=gateway,
            unit=unit.value,
            order_horizon_ms=order_horizon_ms,
            market_data=market_data,
            instrument=instrument,
            service=service,
            stream_fault=parse_stream_fault(stream_fault) if stream_fault else None,
            bootstrap_servers=kafka.bootstrap_servers,
            kafka=dict(kafka.kafka),
            topic_prefix=kafka.topic_prefix,
        )
    except ValueError as wrong:
        fail(str(wrong), Exit.USAGE)
    if write_spec is not None:
        try:
            write_spec.write_text(_spec(settings, policy), encoding="utf-8")
        except OSError as failure:
            fail(f"cannot write the SPEC to {write_spec}: {failure.strerror}", Exit.USAGE)
        err.print(f"SPEC written: tradecanary start {write_spec}")
    _trade(settings, seconds)


_LIMITS = {
    "max_instruments": 1,
    "price_collar_pct": 5.0,
    "max_order_value": 1_000_000,
    "max_orders": 10_000_000,
    "max_position": 100_000_000,
    "max_venues": 1,
}
"""Wide: a simulation is not held back by them, and shows what a SPEC declares."""


def _spec(settings: SimSettings, policy: str) -> str:
    stable, canary = strategies()
    return yaml.safe_dump(
        {
            "rollout": f"{settings.strategy}-{time.time_ns() // 1_000_000_000}",
            "strategy": settings.strategy,
            "stable": stable,
            "canary": canary,
            "unit": settings.unit,
            "policy": policy,
            "owner": "router-sim",
            "limits": _LIMITS,
        },
        sort_keys=False,
    )


def _trade(settings: SimSettings, seconds: float) -> None:
    from tradecanary.processors.runtime.stage_process import json_lines  # not in the demo

    stop = threading.Event()

    def on_signal(_: int, __: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    until_s = time.monotonic() + seconds if seconds else float("inf")
    say = json_lines().bind(gateway=settings.gateway, strategy=settings.strategy)

    def stopping(pause_s: float) -> bool:
        return stop.wait(pause_s) or time.monotonic() >= until_s

    def told(counts: dict[str, Any]) -> None:
        say.info("trading", **counts)

    try:
        trade(settings, stopping, told)
    except MarketDataError as missing:
        fail(str(missing), Exit.USAGE)
