"""`tradecanary policy`: check a policy before a rollout depends on it, and look at the presets."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from tradecanary.cli.connection import Connection
from tradecanary.cli.order_flow import File, OrderFlow, OrdersPerS, Strategy, order_flow
from tradecanary.cli.output import Exit, duration, fail, out, percent, say_json
from tradecanary.processors.decision.judge_settings import Sequential, Thresholds
from tradecanary.processors.decision.judges.accounts.looks import enough_accounts
from tradecanary.processors.decision.planning.plan import basis
from tradecanary.processors.decision.planning.untestable import (
    too_slow,
    untestable,
    waiting,
)
from tradecanary.processors.decision.policy import Policy, PolicyProblem, preset, read_policy
from tradecanary.processors.decision.ramps import RAMPS
from tradecanary.schemas.units import FULL_WEIGHT_BP

app = typer.Typer(no_args_is_help=True, help="Check and show policies: ramps, judges, guards.")

_Source = Annotated[
    str, typer.Argument(help="A YAML file, or a preset: trading-standard, aggressive, steps.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def load(source: str) -> Policy:
    """Return the policy of a preset's name or a file; leaves with USAGE when it cannot be used."""
    if source in RAMPS:
        return preset(source)
    path = Path(source)
    try:
        return read_policy(path.read_text(encoding="utf-8"), source)
    except PolicyProblem as problem:
        fail(str(problem), Exit.REFUSED)
    except UnicodeDecodeError:
        fail(f"policy {source!r}: it is not text; docs/policies.md shows a policy", Exit.USAGE)
    except OSError as missing:
        fail(
            f"policy {source!r}: no such file ({missing.strerror}) and no preset of that name; "
            f"presets: {', '.join(RAMPS)}",
            Exit.USAGE,
        )


def warnings(policy: Policy) -> list[str]:
    """Return what is allowed and yet likely a mistake."""
    found = []
    guards = policy.guards
    if guards.loss_budget is None and guards.excess_loss is None:
        found.append(
            "guards: neither loss_budget nor excess_loss is set; money is then guarded by the "
            "judge only"
        )
    found += one_error(policy)
    return found + (
        _thresholds_warnings(policy, policy.judge) if isinstance(policy.judge, Thresholds) else []
    )


def one_error(policy: Policy) -> Iterator[str]:
    """Yield in which phases one rejected order alone is more than the limit allows."""
    for phase in policy.ramp:
        limit, orders = phase.criteria.max_error_rate_pct, max(1, phase.min_orders)
        if phase.weight_bp == FULL_WEIGHT_BP:
            orders = max(orders, policy.judge.watch_orders)
        if limit and 100 / orders > limit:
            yield (
                f"criteria.max_error_rate_pct was {limit:g} in {phase.name}, weighed from canary "
                f"order {orders:,} on: there one rejected order is {100 / orders:.3g} % and rolls "
                f"back; give the phase min_orders of {math.ceil(100 / limit):,}"
            )


def _thresholds_warnings(policy: Policy, judge: Thresholds) -> list[str]:
    found = []
    if judge.min_orders < 1000:  # noqa: PLR2004 - far below what noise asks for
        found.append(
            f"judge.min_orders was {judge.min_orders}: plain thresholds looked at with few "
            "orders roll back most healthy canaries; give them minima that the noise can bear"
        )
    needed = max((phase.min_orders for phase in policy.ramp), default=0)
    if needed < judge.min_orders:
        found.append(
            f"judge.min_orders was {judge.min_orders}, more than any phase's min_orders "
            f"({needed}): the promotion will wait for the judge"
        )
    return found


def account_warnings(policy: Policy, accounts: int) -> list[str]:
    """Return in which phases nothing can be shown about a strategy of so many accounts.

    Leaves with REFUSED when that is so in the last phase below 10000: nobody would be promoted.
    """
    if isinstance(policy.judge, Thresholds):
        return ["judge: thresholds judge order by order; routed by account, use sequential"]
    found, problem = [], ""
    for phase in policy.ramp:
        if phase.weight_bp < FULL_WEIGHT_BP:
            problem = enough_accounts(accounts, phase.weight_bp, policy.judge.alpha)
            found += [f"phase {phase.name}: {problem}"] if problem else []
    if problem:
        fail(f"{policy.name} cannot be tested by account:\n  {found[-1]}", Exit.REFUSED)
    return found


def _tested(policy: Policy, flow: OrderFlow) -> list[str]:
    """Return what the tests wait for; leaves with REFUSED when the flow cannot bring it."""
    base = basis(policy, flow.stable, flow.orders_per_s)
    _refuse(policy, flow, list(untestable(base)))
    return list(waiting(base))


def _refuse(policy: Policy, flow: OrderFlow, problems: list[str]) -> None:
    if problems:
        lines = "\n".join(f"  {line}" for line in problems)
        fail(f"{policy.name} asks for what cannot be had with {flow.says}:\n{lines}", Exit.REFUSED)


@app.command()
def lint(
    source: _Source,
    strategy: Strategy = None,
    file: File = None,
    orders_per_s: OrdersPerS = None,
    accounts: Annotated[
        int | None,
        typer.Option(
            min=1, help="How many accounts trade: for strategies routed by account (sticky)."
        ),
    ] = None,
    json: _Json = False,  # noqa: FBT002
    bootstrap_servers: Connection = None,
) -> None:
    """Check a policy: exit 0 when it can be used, 1 with field, value and rule when not.

    Refused too is what even an equal canary could not pass: a margin so
    small that the orders planned for the canary below 100 % would not
    show it to be within; a minimum of orders a second that the strategy
    does not trade; a guard of orders or notional that is used up before.
    Without --strategy or --file this is computed with typical orders,
    100 a second.

    Example: tradecanary policy lint momentum.yaml --strategy momentum
    """
    policy = load(source)
    found, flow = warnings(policy), None
    if accounts is not None:
        found += account_warnings(policy, accounts)
    elif isinstance(policy.judge, Sequential):
        flow = order_flow(strategy, file, orders_per_s, bootstrap_servers)
        found += _tested(policy, flow)
    elif (strategy, file, orders_per_s) != (None, None, None):
        flow = order_flow(strategy, file, orders_per_s, bootstrap_servers)
        _refuse(policy, flow, list(too_slow(policy, flow.orders_per_s)))
    if json:
        facts = {"policy": policy.name, "hash": policy.hash, "flow": flow.says if flow else None}
        say_json(facts | {"warnings": found})
        return
    tested = f" with {flow.says}" if flow else ""
    out.print(f"{policy.name}@{policy.hash[:8]} can be used{tested}", style="green")
    for text in found:
        out.print(f"warning: {text}", style="yellow")


@app.command()
def show(source: _Source, json: _Json = False) -> None:  # noqa: FBT002
    """Show all that a policy says, defaults included.

    Example: tradecanary policy show trading-standard
    """
    policy = load(source)
    if json:
        say_json(policy.model_dump(mode="json") | {"hash": policy.hash})
        return
    table = Table(title=f"{policy.name}@{policy.hash[:8]}", title_justify="left")
    for column in (
        "phase",
        "weight",
        "min time",
        "min orders",
        "max errors",
        "max p99",
        "min flow",
    ):
        table.add_column(column, justify="left" if column == "phase" else "right")
    for phase in policy.ramp:
        criteria = phase.criteria
        table.add_row(
            phase.name,
            percent(phase.weight_bp),
            duration(phase.min_duration_s),
            f"{phase.min_orders:,}",
            _limit(criteria.max_error_rate_pct, "%"),
            _limit(criteria.max_p99_latency_ms, "ms"),
            _limit(criteria.min_orders_per_s, "orders/s"),
        )
    out.print(table)
    for name in ("judge", "guards", "data", "approvals"):
        said = ", ".join(f"{key} {value}" for key, value in getattr(policy, name))
        out.print(Text(name, style="bold").append(f": {said}", style=""))
    most = f"at most {duration(policy.max_duration_s)} in all"
    out.print(
        Text("watch", style="bold").append(f" {duration(policy.watch_s)} at 100 %, {most}", "")
    )


def _limit(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:g} {unit}"
