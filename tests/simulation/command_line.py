"""The command line on the log of a world: time passes there while a command waits."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from tests.laws.decision_input import LIMITS
from tests.simulation.worlds import CANARY_BUILD, QUICK, STABLE_BUILD, START_US, STRATEGY, market
from tradecanary.cli import app
from tradecanary.cli.connection import working_on
from tradecanary.producers.simulation.faults import parse_fault
from tradecanary.producers.simulation.service import ServiceSettings
from tradecanary.router_sim import strategies
from tradecanary.world import World, settings_for


def trading(fault: str | None = None, *names: str) -> World:
    """Return a world in which these strategies trade stable, and no rollout was started."""
    world = World(START_US)
    for number, name in enumerate(names or (STRATEGY,)):
        settings = ServiceSettings(
            orders_per_s=200.0,
            seed=3 + number,
            fault=parse_fault(fault) if fault else None,
            accounts=200,
        )
        world.add_gateway(
            market(),
            strategy=name,
            versions=dict(strategies()),
            baseline=STABLE_BUILD,
            settings=settings_for(market(), settings),
            name=f"gateway-{number + 1}",
        )
    world.run_for(2)
    return world


def spec_file(folder: Path, **changes: object) -> str:
    """Write a SPEC with limits; return its path. A change to None leaves the field out."""
    made: dict[str, object] = {
        "rollout": "r1",
        "strategy": STRATEGY,
        "stable": STABLE_BUILD,
        "canary": CANARY_BUILD,
        "policy": QUICK,
        "owner": "desk",
        "limits": LIMITS,
    }
    path = folder / "rollout.yaml"
    path.write_text(json.dumps({k: v for k, v in (made | changes).items() if v is not None}))
    return str(path)


def tradecanary(world: World, *arguments: str) -> Result:
    """Run a command to its end on the world's log; nobody sits at a terminal."""
    with working_on(world.operator):
        return CliRunner().invoke(app, arguments, catch_exceptions=False)
