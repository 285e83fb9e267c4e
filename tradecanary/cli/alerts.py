"""`tradecanary alerts`: check a routes file, and hear for oneself whether its senders arrive."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tradecanary.cli.output import Exit, err, fail, out, say_json
from tradecanary.processors.alerting.routes import Routes, RoutesProblem, deliveries, read_routes
from tradecanary.schemas.alerts import (
    Alert,
    AlertAction,
    DeliveryOutcome,
    PendingDelivery,
    Severity,
    Until,
)
from tradecanary.schemas.decisions import Check, RolloutStatus
from tradecanary.schemas.units import US_PER_S

if TYPE_CHECKING:
    from tradecanary.processors.runtime.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Check routes of alerts, and send test alerts.")

LOG_AWAY_US = 600 * US_PER_S
"""A restart forgets what was sent and not yet written down, so alerting waits for its log longer
than other stages."""

_File = Annotated[Path, typer.Option("--routes", help="The routes file.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def load(path: Path) -> Routes:
    """Return the routes of a file; leaves with USAGE or REFUSED when it cannot be used."""
    try:
        return read_routes(path.read_text(encoding="utf-8"), str(path))
    except RoutesProblem as problem:
        fail(str(problem), Exit.REFUSED)
    except (OSError, UnicodeDecodeError) as missing:
        why = missing.strerror if isinstance(missing, OSError) else "it is not text"
        fail(f"reading the routes file {path}: {why}. Give one with --routes.", Exit.USAGE)


def run_alerting(path: Path, settings: Settings) -> int:
    """Run the stage until it is told to stop; return the process's exit code."""
    from prometheus_client import REGISTRY

    from tradecanary.processors.runtime.alert_courier import Courier
    from tradecanary.processors.runtime.alerting_task import AlertingTask
    from tradecanary.processors.runtime.stage_process import clock_us, json_lines, run_stage
    from tradecanary.processors.runtime.telemetry import AttemptFigures

    routes = load(path)
    for problem in secret_problems(routes):  # it may still come: a delivery tries again
        err.print(f"warning: {problem}", style="yellow")
    say = json_lines().bind(slot=settings.slot)
    figures = AttemptFigures(REGISTRY, say.warning)
    task = AlertingTask(routes, Courier(routes, clock_us, figures.failed))
    return run_stage(task, settings, wind_down=task.wind_down, deadline_us=LOG_AWAY_US)


def secret_problems(routes: Routes) -> list[str]:
    """Return what secrets of the senders cannot be read now, each in a sentence without it."""
    from tradecanary.processors.runtime.alert_http import SecretMissing, read_secret

    found = []
    for name, sender in routes.senders.items():
        for place in sender.secrets():
            try:
                read_secret(place)
            except SecretMissing as missing:
                found.append(f"sender {name}: {missing}")
    return found


@app.command()
def lint(routes: _File, json: _Json = False) -> None:  # noqa: FBT002
    """Check a routes file and that its secrets can be read here: exit 0, or 1 with every problem.

    Example: tradecanary alerts lint --routes routes.yaml
    """
    known = load(routes)
    problems = secret_problems(known)
    if json:
        say_json({"routes": [one.name for one in known.routes], "problems": problems})
    else:
        for route in known.routes:
            senders = ", ".join(f"{n} ({known.senders[n].kind})" for n in route.senders)
            patterns = ", ".join(route.strategies)
            out.print(f"{route.name}: {patterns} from {route.minimum.value} on -> {senders}")
    for problem in problems:
        err.print(problem, style="red")
    if problems:
        raise typer.Exit(Exit.REFUSED)


@app.command("test")
def try_route(
    route: Annotated[str, typer.Argument(help="A route of the file: its senders are tried.")],
    routes: _File,
    json: _Json = False,  # noqa: FBT002
) -> None:
    """Send a test alert through every sender of a route; one attempt, no Kafka needed.

    PagerDuty gets an incident that is resolved at once. Exit 0 when all arrived, 1 when not.

    Example: tradecanary alerts test on-call --routes routes.yaml
    """
    from tradecanary.processors.runtime.alert_http import AlertHttp

    known = load(routes)
    chosen = known.route(route)
    if chosen is None:
        names = ", ".join(one.name for one in known.routes) or "none"
        fail(f"no route is called {route!r}; routes of {routes}: {names}", Exit.USAGE)
    now_us = time.time_ns() // 1000
    only = replace_route(known, route)
    results: list[dict[str, str]] = []
    for alert in _test_alerts(now_us):
        for name, each in deliveries(only, (alert,)):
            sender = known.senders[name].model_copy(update={"deadline_s": 0})
            http = AlertHttp(sender, stopping=threading.Event(), failed=lambda _: None)
            found = http.deliver(PendingDelivery(name, each, 0, now_us), again=False, now_us=now_us)
            assert found is not None, "nothing stops it"
            results.append(
                {
                    "sender": name,
                    "action": each.action.value,
                    "outcome": found.outcome.value,
                    "problem": found.problem,
                }
            )
    if json:
        say_json(results)
    else:
        for one in results:
            style = "green" if one["outcome"] == DeliveryOutcome.SENT else "red"
            text = f"{one['sender']}: {one['action']} {one['outcome']} {one['problem']}".rstrip()
            out.print(text, style=style)
    if any(one["outcome"] != DeliveryOutcome.SENT for one in results):
        raise typer.Exit(Exit.REFUSED)


def replace_route(routes: Routes, name: str) -> Routes:
    """Return the routes with this one alone, open to every severity and strategy."""
    return routes.model_copy(
        update={
            "routes": tuple(
                one.model_copy(update={"minimum": Severity.INFO, "strategies": ("*",)})
                for one in routes.routes
                if one.name == name
            )
        }
    )


def _test_alerts(now_us: int) -> tuple[Alert, Alert]:
    trigger = Alert(
        key=f"tradecanary-test/{now_us}/test",
        strategy="tradecanary-test",
        rollout="test",
        number=1,
        time_us=now_us,
        action=AlertAction.TRIGGER,
        severity=Severity.INFO,
        until=Until.NEXT_START,
        breach="test",
        title="Test alert",
        reason="somebody asked for it with `tradecanary alerts test`",
        next_action="Nothing: alerts arrive here.",
        checks=(Check("answer", 42.0, 41.0, "units", breached=True),),
        status=RolloutStatus.ACTIVE,
        phase="Test",
        stable="test-1",
        canary="test-2",
        weight_bp=100,
        actor="tradecanary alerts test",
    )
    resolve = replace(trigger, action=AlertAction.RESOLVE, next_action="", checks=())
    return trigger, resolve
