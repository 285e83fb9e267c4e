"""`tradecanary demo`: two rollouts in this process, without Kafka."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from tradecanary import trail
from tradecanary.cli.decision_json import decision_json
from tradecanary.cli.explained import explained, explained_json
from tradecanary.cli.output import Exit, err, fail, out, say_json
from tradecanary.demo.rollouts import PLANNED, Planned, play, policy
from tradecanary.schemas.decisions import Decision

_Json = Annotated[bool, typer.Option("--json", help="Print the decisions as JSON lines.")]


def demo(
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.", min=0)] = 2,
    json: _Json = False,  # noqa: FBT002
    explain: Annotated[
        str, typer.Option(help="Explain one decision in full, as in slow/3.", metavar="NAME/N")
    ] = "",
) -> None:
    """Play two rollouts in this process: a healthy canary promoted, a slow one taken back.

    No Kafka, no Docker: the same stages, router and publisher on a log in memory, a synthetic
    market, simulated time. Takes about 30 s.
    """
    if explain:
        _explain(explain, seed, as_json=json)
        return
    last = ""
    if not json:
        _introduce(seed)
    for planned in PLANNED:
        decisions = _played(planned, seed, as_json=json)
        if not json:
            out.print(Text(f"  {trail.summary(decisions)}\n", style="bold"))
            last = f"{planned.name}/{decisions[-1].number}"
    if not json:
        out.print("Why was it taken back? Ask:", style="bold")
        out.print(f"  tradecanary demo --seed {seed} --explain {last}")


def _introduce(seed: int) -> None:
    out.print(
        f"Two rollouts of strategy momentum, ramp aggressive, synthetic market, seed {seed}.\n"
        f"The judge '{policy().judge.kind}' weighs every mature order: it may look as often as it "
        "likes.\n"
    )


def _played(planned: Planned, seed: int, *, as_json: bool) -> list[Decision]:
    """Play one rollout, printing each decision as it is made."""
    decisions: list[Decision] = []
    if not as_json:
        out.print(Text(f"{planned.name}: {planned.says}", style="bold cyan"))
        out.print(Text(f"  {trail.HEADER}", style="dim"))
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=as_json) as progress:
        task = progress.add_task(f"{planned.name}: orders flow")
        for decision in play(planned, seed):
            decisions.append(decision)
            progress.update(task, description=f"{planned.name}: {decision.status.value}")
            _say(planned, decision, decisions[0].time_us, as_json=as_json)
    return decisions


def _say(planned: Planned, decision: Decision, since_us: int, *, as_json: bool) -> None:
    if as_json:
        say_json({"demo": planned.name} | decision_json(decision))
        return
    style = trail.STYLES.get(decision.kind, "")
    out.print(Text(f"  {trail.line(decision, since_us)}", style=style))


def _explain(wanted: str, seed: int, *, as_json: bool) -> None:
    """Play the rollout again (the same seed gives the same bytes) and show one decision."""
    name, _, number = wanted.partition("/")
    planned = next((one for one in PLANNED if one.name == name), None)
    if planned is None or not number.isdigit():
        names = ", ".join(one.name for one in PLANNED)
        fail(f"--explain was {wanted!r}; give NAME/N with NAME one of {names}", Exit.USAGE)
    with err.status(f"playing {name} again"):
        found = [one for one in play(planned, seed) if one.number == int(number)]
    if not found:
        fail(f"{name} has no decision {number}", Exit.USAGE)
    if as_json:
        say_json({"demo": name} | explained_json(found[0]))
    else:
        out.print(explained(found[0]))
