"""`watch`: what it shows of a rollout, and that it draws in place."""

from __future__ import annotations

import io
import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from tests.simulation.command_line import spec_file, tradecanary, trading
from tests.simulation.worlds import QUICK, STRATEGY, Rollout
from tests.unlucky import FarLog
from tradecanary.cli import app
from tradecanary.cli.connection import working_on
from tradecanary.cli.output import Exit
from tradecanary.cli.watch import TAKE_INS, draw, picture
from tradecanary.cli.watched import trees
from tradecanary.live import Live
from tradecanary.operator import Operator
from tradecanary.processors.decision.judges.sequential.streams import STREAMS
from tradecanary.schemas.routing import EVERYWHERE
from tradecanary.world import World

_POLICY = QUICK | {"judge": {"kind": "sequential"}, "guards": {"loss_budget": 5000}}


@cache
def _judged() -> World:
    """Return a world in the middle of a rollout that is judged by all streams."""
    rollout = Rollout.begin(policy=_POLICY, warm_up_s=20)
    rollout.world.run_for(4)
    return rollout.world


def _drawn(live: Live, world: World, strategy: str | None = None, height: int = 60) -> str:
    file = io.StringIO()
    console = Console(file=file, width=120, height=height)
    console.print(picture(live, strategy, world.now_us(), height))
    return file.getvalue()


def test_once_shows_everything_of_a_rollout() -> None:
    """Header, phase with countdown, weights, routers, lease, budget, each stream, decisions."""
    answer = tradecanary(_judged(), "watch", STRATEGY, "--once")
    text = answer.stdout

    assert Exit.OK == answer.exit_code
    assert "◌ ACTIVE   phase 1/3 One   10 % -> next 50 % in " in text
    assert "set 1,000 bp   actual " in text
    assert "routers 1/1 acked   lease " in text
    assert "/ 5,000   orders " in text
    assert "e-value " in text
    assert all(f"─ {stream.name} " in text for stream in STREAMS)
    assert "START" in text.split("Last decisions:")[1]
    assert "\x1b" not in text, "colours are for terminals"


def test_json_has_the_same_facts() -> None:
    """A row a stream with both figures, interval, e-value, limit and state; budget and lease."""
    (line,) = tradecanary(_judged(), "watch", "--once", "--json").stdout.splitlines()
    view = json.loads(line)
    rows = {row["name"]: row for row in view["rollout"]["rows"]}
    slippage = rows["slippage_mean"]

    assert {stream.name for stream in STREAMS} == set(rows)
    assert slippage["low"] < slippage["difference"] < slippage["high"]
    assert {"stable", "canary", "e_value", "limit", "state", "canary_orders"} <= set(slippage)
    assert 0 < view["lease_left_s"] <= 10
    assert ["loss", "orders", "notional"] == [one["name"] for one in view["rollout"]["budget"]]
    assert 5000 == view["rollout"]["budget"][0]["limit"]
    assert 100 == pytest.approx(view["rollout"]["e_limit"])


def test_plain_rules_have_a_row_a_measure(tmp_path: Path) -> None:
    """The judge `thresholds` keeps no e-values: figures, the difference it weighs, its limit."""
    world = trading()
    tradecanary(world, "start", spec_file(tmp_path))
    world.run_for(9)
    (line,) = tradecanary(world, "watch", "--once", "--json").stdout.splitlines()
    rows = {row["name"]: row for row in json.loads(line)["rollout"]["rows"]}

    assert ["fill_rate", "error_rate", "latency", "slippage", "pnl"] == list(rows)
    assert all(row["e_value"] is None for row in rows.values())
    assert "└─ pnl" in tradecanary(world, "watch", "--once").stdout


def test_an_end_that_nothing_bounds_is_infinite() -> None:
    """By account an interval may be open: the largest float is not a figure to be read."""
    (line,) = tradecanary(_judged(), "watch", "--once", "--json").stdout.splitlines()
    view = json.loads(line)
    view["rollout"]["rows"][0] |= {"low": -sys.float_info.max, "high": sys.float_info.max}
    file = io.StringIO()
    Console(file=file, width=120).print(trees([view]))

    assert "[-∞, +∞]" in file.getvalue()


def _table(view: dict[str, Any], width: int) -> list[str]:
    """Return the lines of the table of measures on a terminal of so many columns."""
    file = io.StringIO()
    Console(file=file, width=width).print(trees([view]))
    text = file.getvalue()
    assert max(map(len, text.splitlines())) <= width
    return text[text.index("NAME ") : text.index("Last decisions:")].splitlines()


def _view() -> dict[str, Any]:
    (line,) = tradecanary(_judged(), "watch", "--once", "--json").stdout.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def _figures(row: dict[str, Any]) -> list[str]:
    """Return what must be read of a measure at any width."""
    both = [f"{row[name]:,.2f}" for name in ("stable", "canary") if row[name] is not None]
    ends = [f"{row['low']:+.3g},", f"{row['high']:+.3g}]"]
    return [row["name"], *both, f"{row['difference']:+.3g}", *ends, row["e_value"], row["state"]]


@pytest.mark.parametrize(
    ("width", "head"),
    [
        (120, "NAME STABLE CANARY DIFF (95 % CS) LIMIT UNIT E-VALUE N STATUS"),
        (100, "NAME STABLE CANARY DIFF (95 % CS) LIMIT (UNIT) E-VALUE STATUS"),
        (80, "NAME STABLE CANARY DIFF (95 % CS) E-VALUE STATUS"),
        (72, "NAME STABLE CANARY DIFF E-VALUE STATUS"),
    ],
)
def test_no_figure_is_cut_on_a_narrow_terminal(width: int, head: str) -> None:
    """Whole columns are left out, limits and counts first; what remains can be read."""
    view = _view()
    lines = _table(view, width)
    text = "\n".join(lines)
    rows = view["rollout"]["rows"]

    assert head.split() == lines[0].split()
    assert "…" not in text
    assert len(lines) == 2 + len(rows) * (2 if "DIFF E" in head else 1)
    for row in rows:
        for figure in _figures(row):
            assert figure in text


@pytest.mark.parametrize("width", [120, 100, 80, 60])
def test_wide_figures_are_not_cut_either(width: int) -> None:
    """Large money, strong evidence, a long name: what does not fit goes on in the next line.

    Only the strategy's name is shortened, which who watches knows.
    """
    view = _view()
    view["strategy"] = "momentum-of-the-whole-world-and-beyond"
    row = view["rollout"]["rows"][-1]
    row |= {"stable": -123_456_789.12, "canary": -987_654_321.98, "e_value": "above 1,000,000"}
    text = "\n".join(_table(view, width))

    assert all(line.startswith("⟳") for line in text.splitlines() if "…" in line)
    if width >= 80:
        for figure in ("-123,456,789", ".12", "-987,654,321", ".98", ">1,000,000"):
            assert figure in text


def test_a_long_reason_ends_after_a_word() -> None:
    """Of a decision's line that does not fit; half a figure would be another figure."""
    view = _view()
    view["decisions"][-1]["reason"] = "it was " + "123,456 " * 20
    file = io.StringIO()
    Console(file=file, width=80).print(trees([view]))
    last = file.getvalue().rstrip().splitlines()[-1]

    assert last.endswith("123,456 …")
    assert len(last) <= 80


def test_an_unknown_strategy_is_said() -> None:
    """Exit code REFUSED with --once: a script must not take silence for health."""
    answer = tradecanary(_judged(), "watch", "nobody", "--once")

    assert (Exit.REFUSED, True) == (answer.exit_code, "'nobody' is not known" in answer.stderr)


def test_an_unknown_strategy_is_watched_for_by_name() -> None:
    """On a screen and in a pipe: others run, so that no strategy is known would be wrong."""
    world = _judged()

    def wait(_: float) -> None:
        raise KeyboardInterrupt

    live = Live(world.log)
    live.refresh()
    operator = Operator(
        world.log, lambda *_: None, now_us=world.now_us, wait=wait, new_id=lambda: "none"
    )
    with working_on(operator):
        piped = CliRunner().invoke(app, ["watch", "nobody"], catch_exceptions=False)

    for text in (_drawn(live, world, "nobody"), piped.stderr):
        assert "strategy 'nobody' is not known to any decider (yet)" in text
    assert (Exit.OK, "") == (piped.exit_code, piped.stdout)


def test_a_kill_is_shown_with_who_and_why() -> None:
    """In the words of `status`."""
    world = Rollout.begin(policy=_POLICY, warm_up_s=5).world
    world.operator.switch(EVERYWHERE, killed=True, actor="ana", reason="odd [/fills]", timeout_s=0)
    line = "ON for all strategies (by ana: odd [/fills]): route() gives no handler until unkill"

    for command in ("status", "watch --once"):
        assert line in tradecanary(world, *command.split()).stdout


def test_what_does_not_fit_is_a_line_each(tmp_path: Path) -> None:
    """Three strategies on ten lines: rows, and how to see one in full; on many lines: trees."""
    world = trading(None, STRATEGY, "reversal", "spread")
    tradecanary(world, "start", spec_file(tmp_path))
    tradecanary(world, "start", spec_file(tmp_path, strategy="spread", rollout="s1"))
    world.run_for(2)
    live = Live(world.log)
    live.refresh()
    few, many = _drawn(live, world, height=10), _drawn(live, world, height=100)

    assert few.splitlines()[0].startswith("STRATEGY")
    assert ("r1" in few, "s1" in few, "1 more; one in full" in few) == (True, True, True)
    assert 2 == many.count("Rollout:")
    assert "Rollout:  r1" in _drawn(live, world, STRATEGY, height=10)


def test_an_outage_is_said_and_outlived() -> None:
    """While Kafka does not answer the last picture stays, with the reason above it."""
    world, turns = Rollout.begin(policy=_POLICY, warm_up_s=20).world, 0

    def wait(_: float) -> None:
        nonlocal turns
        turns += 1
        if turns == 4 + TAKE_INS:
            raise KeyboardInterrupt

    log = FarLog(world.log, lambda: turns in {2, 3})
    operator = Operator(log, lambda *_: None, now_us=world.now_us, wait=wait, new_id=lambda: "none")
    file = io.StringIO()
    live = Live(log)
    live.refresh()
    with pytest.raises(KeyboardInterrupt):
        draw(operator, live, STRATEGY, Console(file=file, force_terminal=True, height=60))
    inside, behind = file.getvalue().split("\x1b[?1049l")

    assert (2, 4) == (inside.count("Kafka does not answer"), inside.count("Weight:"))
    assert "Kafka does not answer" not in behind


def test_it_draws_in_place_and_leaves_the_last_picture() -> None:
    """On the terminal's second screen, several pictures; what was seen last stays behind."""
    world, turns = Rollout.begin(policy=_POLICY, warm_up_s=20).world, 0

    def wait(seconds: float) -> None:
        nonlocal turns
        turns += 1
        if turns == 3 * TAKE_INS + 1:
            raise KeyboardInterrupt
        world.run_for(seconds)

    operator = Operator(
        world.log, lambda *_: None, now_us=world.now_us, wait=wait, new_id=lambda: "none"
    )
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=120, height=60)
    live = Live(world.log)
    live.refresh()
    with pytest.raises(KeyboardInterrupt):
        draw(operator, live, STRATEGY, console)
    text = file.getvalue()
    on, off = "\x1b[?1049h", "\x1b[?1049l"

    assert (1, 1) == (text.count(on), text.count(off))
    inside, behind = text.split(off)
    assert 4 == inside.count("Weight:")
    assert 1 == behind.count("Weight:")
