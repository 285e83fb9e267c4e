"""`tradecanary watch`: rollouts as they run, drawn anew a few times a second."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live as Screen
from rich.text import Text

from tradecanary.cli.connection import Connection, connected
from tradecanary.cli.listing import lines
from tradecanary.cli.options import MaybeStrategy
from tradecanary.cli.output import Exit, View, err, fail, out, say_json, saying
from tradecanary.cli.status import unknown
from tradecanary.cli.watched import fits, rows, trees
from tradecanary.live import Live
from tradecanary.operator import Operator
from tradecanary.processors.runtime.log import Unavailable
from tradecanary.rollout_view import no_decider
from tradecanary.watch_view import watch_view

_EVERY_S = 0.3
"""Between two pictures: fast enough for a person, and the countdown moves."""
TAKE_INS = 3
TAKE_IN_S = _EVERY_S / TAKE_INS
"""In pieces: a look at 100 rollouts takes some 75 ms, and three of them must not come at once."""


def watch(
    strategy: MaybeStrategy = None,
    once: Annotated[bool, typer.Option("--once", help="Print it once and end.")] = False,  # noqa: FBT002
    json: Annotated[  # noqa: FBT002
        bool, typer.Option("--json", help="Print a JSON line a strategy whenever it changed.")
    ] = False,
    bootstrap_servers: Connection = None,
) -> None:
    """Watch rollouts live: phase, weights, routers, lease, budget, measures, decisions.

    Of each measure: both variants, the difference with an interval that holds at
    every look, the e-value, the tolerance and the state. Many rollouts are drawn
    as a line each. Ctrl-C ends it; in a pipe it prints a picture at every
    decision.

    Exit codes: 0 done, 1 no such strategy (--once), 4 Kafka unreachable.

    Example: tradecanary watch momentum
    """
    with connected(bootstrap_servers) as operator:
        with saying("reading the decider's state"):
            live = Live(operator.log)
            live.refresh()
        shown = views(live, strategy, operator.now_us())
        if strategy is not None and not shown:
            if once:
                fail(unknown(strategy), Exit.REFUSED)
            if json or not out.is_terminal:
                err.print(f"{unknown(strategy)} (yet); watching for it ...", style="yellow")
        late = no_decider(live.states, operator.now_us())
        if once or json or not out.is_terminal:
            if late:
                err.print(late, style="red")
            _print(shown, strategy, as_json=json)
        if once:
            return
        try:
            if json or not out.is_terminal:
                _lines(operator, live, strategy, as_json=json)
            else:
                draw(operator, live, strategy, out)
        except KeyboardInterrupt:
            return


def views(live: Live, strategy: str | None, now_us: int) -> list[View]:
    """Return what is shown of each strategy, or of one."""
    decisions = live.decisions
    return [
        watch_view(partition, known, decisions.get(name, ()), now_us)
        for partition in live.states
        for name, known in sorted(partition.strategies.items())
        if strategy in {None, name}
    ]


def picture(live: Live, strategy: str | None, now_us: int, height: int) -> RenderableType:
    """Return what is drawn now in so many lines: trees where they fit, else a line a rollout."""
    late = no_decider(live.states, now_us)
    shown = _shown(live, strategy, now_us, height - bool(late))
    return Group(Text(late, style="bold red"), shown) if late else shown


def _shown(live: Live, strategy: str | None, now_us: int, height: int) -> RenderableType:
    known = sum(len(partition.strategies) for partition in live.states)
    if strategy is None and not fits(known, height):
        return rows(lines(live.states), known, height)
    return trees(views(live, strategy, now_us), strategy)


def _print(shown: list[View], strategy: str | None, *, as_json: bool) -> None:
    for view in shown if as_json else ():
        say_json(view)
    if not as_json and (shown or strategy is None):
        out.print(trees(shown))


def _lines(operator: Operator, live: Live, strategy: str | None, *, as_json: bool) -> None:
    decided, away = _decided(live), False
    while True:
        operator.wait(_EVERY_S)
        try:
            moved = live.refresh()
        except Unavailable as failure:
            if not away:
                err.print(f"Kafka does not answer, watching on: {failure}", style="yellow")
            away = True
            continue
        away = False
        before, decided = decided, _decided(live)
        if moved and (as_json or decided != before):
            _print(views(live, strategy, operator.now_us()), strategy, as_json=as_json)


def _decided(live: Live) -> dict[str, str]:
    return {name: kept[-1].hash for name, kept in live.decisions.items()}


def draw(operator: Operator, live: Live, strategy: str | None, console: Console) -> None:
    """Draw in place on the terminal's second screen; leave the last picture behind."""
    last: RenderableType = ""
    away = ""
    try:
        with Screen(console=console, screen=True, auto_refresh=False) as screen:
            while True:
                height = console.height - bool(away)
                last = picture(live, strategy, operator.now_us(), height)
                if away:  # the ages above go on: a picture that stands still would look healthy
                    last = Group(Text(f"Kafka does not answer: {away}", style="bold red"), last)
                screen.update(last, refresh=True)
                away = _taken_in(operator, live)
    finally:
        console.print(last)


def _taken_in(operator: Operator, live: Live) -> str:
    """Take in what is new, little by little, until the next picture is due.

    Returns why it cannot be had, an empty text when it can.
    """
    for _ in range(TAKE_INS):
        operator.wait(TAKE_IN_S)
        try:
            live.refresh()
        except Unavailable as away:
            return str(away)
    return ""
