"""All commands in one place."""

from __future__ import annotations

import typer

from tradecanary.cli import (
    alerts,
    backtest,
    completion,
    dashboard,
    demo,
    explain,
    freeze,
    history,
    listing,
    operate,
    plan,
    policy,
    replay,
    report,
    run,
    start,
    status,
    topics,
    verify,
    waiting,
    watch,
)

app = typer.Typer(
    name="tradecanary",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    help=(
        "Moves order flow to a new build step by step, and takes it back by itself when the new "
        "build trades worse.\n\nBegin with: tradecanary demo"
    ),
)
app.command()(demo.demo)
app.add_typer(topics.app, name="topics")
app.add_typer(run.app, name="run")
app.command()(start.start)
app.command("list")(listing.list_rollouts)
app.command()(status.status)
app.command()(watch.watch)
app.command()(dashboard.dashboard)
app.command()(waiting.wait)
app.command()(history.history)
app.command()(explain.explain)
app.command()(verify.verify)
app.command()(report.report)
for _name, _command in operate.VERBS.items():
    app.command(_name)(_command)
app.command()(operate.approve)
app.command()(freeze.freeze)
app.command()(freeze.unfreeze)
app.command()(operate.kill)
app.command()(operate.unkill)
app.command()(replay.replay)
app.command()(backtest.backtest)
app.command("plan")(plan.plan_command)
app.add_typer(policy.app, name="policy")
app.add_typer(alerts.app, name="alerts")
app.command()(completion.completion)
