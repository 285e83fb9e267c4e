"""What the dashboard says of rollouts in the in-memory world, without a browser."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from typing_extensions import override

from tests.simulation.worlds import QUICK, STRATEGY, Rollout
from tradecanary.dashboard import one_rollout, overview
from tradecanary.dashboard.board import Board
from tradecanary.dashboard.chart import options
from tradecanary.dashboard.comparison import comparison
from tradecanary.dashboard.decision_lines import line
from tradecanary.dashboard.facts import routers, view_of
from tradecanary.dashboard.trouble import trouble
from tradecanary.dashboard.verbs import VERBS, fitting, perform
from tradecanary.live import Live
from tradecanary.operator import Operator
from tradecanary.processors.runtime.log import Unavailable
from tradecanary.schemas.routing import EVERYWHERE, UnitKind
from tradecanary.schemas.units import US_PER_S

SEQUENTIAL = {**QUICK, "judge": {"kind": "sequential"}}
APPROVED = {**QUICK, "approvals": {"phases": ["Two"]}}
_VOID = {"input"}


class Checked(HTMLParser):
    """Holds that every element is closed where it should be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(text)
        assert [] == self.open

    @override
    def handle_starttag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self.open.append(tag)

    @override
    def handle_endtag(self, tag: str) -> None:
        assert tag == self.open.pop()


def _board(rollout: Rollout) -> Board:
    board = Board(lambda: Live(rollout.world.log), rollout.world.now_us)
    board.refresh()
    return board


def _view(board: Board) -> dict[str, Any]:
    view = board.view(STRATEGY)
    assert view is not None
    return view


def _pieces(board: Board) -> Iterator[str]:
    """Yield every piece of both pages as they stand."""
    view, snapshot = _view(board), board.snapshot
    strategy = snapshot.known[STRATEGY].strategy
    yield overview.row(view)
    yield overview.feed(overview.newest(snapshot.decisions))
    yield one_rollout.heading(view)
    yield one_rollout.notices(view, snapshot.killed_everywhere(), None)
    yield one_rollout.tiles(view)
    yield one_rollout.guards(view)
    yield one_rollout.routers(routers(strategy, board.now_us()), view["revision"])
    yield comparison(view)
    for decision in snapshot.decisions[STRATEGY]:
        yield line(decision)
    drawn = options(board.points(STRATEGY), snapshot.decisions[STRATEGY], view["evidence"])
    json.dumps(drawn, allow_nan=False)


@pytest.mark.parametrize(
    ("fault", "policy", "unit"),
    [
        (None, QUICK, UnitKind.ORDER),
        ("slow:3", SEQUENTIAL, UnitKind.ORDER),
        (None, SEQUENTIAL, UnitKind.ACCOUNT),
    ],
)
def test_everything_can_be_shown_at_every_moment(
    fault: str | None, policy: dict[str, Any], unit: UnitKind
) -> None:
    """From PENDING to the end and after it: well-formed, finite, and never an error."""
    rollout = Rollout.begin(fault, policy=policy, unit=unit, orders_per_s=100)
    board = _board(rollout)
    for _ in range(11):
        rollout.world.run_for(2)
        board.refresh()
        for piece in _pieces(board):
            Checked(piece)


def test_a_rolled_back_rollout_says_why() -> None:
    """Status, reason, evidence beyond its limit, weight 0; first in the list."""
    rollout = Rollout.begin("slow:3", policy=SEQUENTIAL, warm_up_s=6)
    last = rollout.run()
    board = _board(rollout)
    view = _view(board)

    assert (2, 1.0) == (view["rank"], view["evidence"].share)
    assert (last.reason, "bad") == overview.note(view)
    for piece in (overview.row(view), one_rollout.heading(view)):
        assert "✖ ROLLED BACK" in piece
    assert "Rolled back" in one_rollout.notices(view, None, None)
    assert "✖ worse" in comparison(view)
    assert 0 == view["rollout"]["set_weight_bp"]
    assert 0 == board.points(STRATEGY)[-1].set_bp
    known, later_us = board.snapshot.known[STRATEGY], board.now_us() + 16 * 60 * US_PER_S
    assert 4 == view_of(known.partition, known.strategy, later_us)["rank"]


def test_the_list_has_the_urgent_first_and_finds_words() -> None:
    """Killed, then held, then fallen, then running, then the rest; a filter by group and text."""
    rollout = Rollout.begin()
    rollout.world.run_for(8)
    known = _board(rollout).snapshot.known[STRATEGY]
    now_us = rollout.world.now_us()
    calm = replace(known.strategy, strategy="calm")
    frozen = replace(known.strategy, strategy="frozen", frozen="frozen by ana: earnings")
    killed = replace(known.strategy, strategy="killed", killed=True)
    never = replace(known.strategy, strategy="never", rollout=None)
    views = [view_of(known.partition, one, now_us) for one in (never, calm, frozen, killed)]

    def shown(group: str, text: str = "") -> list[str]:
        return [view["strategy"] for view in overview.chosen(views, group, text)]

    assert ["killed", "frozen", "calm", "never"] == shown("all")
    assert ["killed", "frozen"] == shown("attention")
    assert ["frozen"] == shown("all", " EARNINGS ")
    assert ["never"] == shown("ended")
    assert {"all": 4, "attention": 2, "running": 3, "ended": 1} == overview.counts(views)


def test_a_decider_that_does_not_look_is_said() -> None:
    """After 3 s, and that the leases have ended after 10 s."""
    rollout = Rollout.begin()
    rollout.world.run_for(5)
    snapshot = _board(rollout).snapshot

    def said(silent_s: int) -> str:
        read_us = rollout.world.now_us() + silent_s * US_PER_S
        return trouble(replace(snapshot, read_at_us=read_us), read_us, STRATEGY)

    assert "No decider" not in said(2)
    assert "go to the baseline when their lease" in said(5)
    assert "routers serve the baseline" in said(11)


def test_an_outage_is_said_and_ends() -> None:
    """What was read stays, with the time of it; the next reading goes on."""
    rollout = Rollout.begin()
    rollout.world.run_for(5)
    away = [True]

    def follow() -> Live:
        if away[0]:
            raise Unavailable("looking up topic commands: no broker")
        return Live(rollout.world.log)

    board = Board(follow, rollout.world.now_us)
    assert not board.refresh()
    assert "no broker. Nothing was read yet" in trouble(board.snapshot, board.now_us())
    away[0] = False
    assert board.refresh()
    assert "" == trouble(board.snapshot, board.now_us())
    late_us = board.now_us() + 4 * US_PER_S
    assert "Nothing was read" in trouble(board.snapshot, late_us)


def test_a_transition_is_shown_before_its_second_is_over() -> None:
    """A view is remade once a second, and at once when something turned."""
    rollout = Rollout.begin()
    rollout.world.run_for(6)
    board = _board(rollout)
    before = _view(board)
    rollout.world.run_for(0.2)
    board.refresh()
    assert before is _view(board)
    _do(rollout, "halt")
    board.refresh()
    assert "HALTED" == _view(board)["rollout"]["status"]


def _do(rollout: Rollout, verb: str, strategy: str = STRATEGY) -> tuple[str, str]:
    @contextmanager
    def hands() -> Iterator[Operator]:
        yield rollout.world.operator

    answer = perform(hands, VERBS[verb], strategy, actor="bob", reason="a drill", every=(STRATEGY,))
    return answer.outcome, answer.text


def test_verbs_do_what_they_say_and_tell_the_answer() -> None:
    """Done, refused with the decider's words, or nobody answered; only fitting ones are offered."""
    rollout = Rollout.begin(policy=APPROVED)
    rollout.world.run_for(10)

    def offered() -> set[str]:
        return {verb.name for verb in fitting(_view(_board(rollout)))}

    at_first = {"halt", "approve", "increase", "promote", "abort", "freeze", "rearm", "kill"}
    assert at_first == offered()
    outcome, text = _do(rollout, "halt")
    assert ("done", "halt by bob: a drill") == (outcome, text.partition("): ")[2])
    assert {"resume", "approve", "abort", "freeze", "rearm", "kill"} == offered()
    outcome, text = _do(rollout, "halt")
    assert ("refused", True) == (outcome, "r1 is HALTED" in text)
    assert "done" == _do(rollout, "approve")[0]
    assert "approve" not in offered()
    assert "done" == _do(rollout, "freeze")[0]
    assert "unfreeze" in offered()
    assert ("done", "unfreeze of 1 strategies: 1 done, 0 refused") == (
        _do(rollout, "unfreeze", EVERYWHERE)
    )
    assert "refused" == _do(rollout, "unfreeze", EVERYWHERE)[0]
    assert "done" == _do(rollout, "freeze", EVERYWHERE)[0]
    assert ("done", "kill of all strategies is written; 1 of 1 routers obey") == (
        _do(rollout, "kill", EVERYWHERE)
    )
    assert {"unkill", "unfreeze", "approve"} & offered() == {"unkill", "unfreeze"}
    board = _board(rollout)
    kill = board.snapshot.killed_everywhere()
    assert "by bob" in one_rollout.notices(_view(board), kill, None)
    assert "All strategies are killed" in trouble(board.snapshot, board.now_us())
    assert "done" == _do(rollout, "unkill", EVERYWHERE)[0]
    assert "done" == _do(rollout, "abort")[0]
    assert {"rearm", "unfreeze", "kill"} == offered()


def test_without_the_extra_one_sentence_says_what_to_install() -> None:
    """And nothing else of the command line misses it."""
    script = (
        "import sys; sys.modules['nicegui'] = None\n"
        "from tradecanary.cli import app; app(['dashboard', '--port', '0'])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )

    assert 2 == answer.returncode
    assert "the dashboard needs nicegui: pip install 'tradecanary[dashboard]'" in answer.stderr
    assert "token" not in answer.stderr


def test_a_verb_that_nobody_answers_says_what_to_do() -> None:
    """No decider: written all the same; no Kafka: perhaps not even that."""
    rollout = Rollout.begin()
    log, world = rollout.world.log, rollout.world
    now = [world.now_us()]
    alone = Operator(
        log,
        lambda topic, key, value, partition=None: log.append(
            topic, key, value, partition=partition
        ),
        now_us=lambda: now[0],
        wait=lambda seconds: now.__setitem__(0, now[0] + round(seconds * US_PER_S)),
        new_id=lambda: "alone",
    )

    @contextmanager
    def hands() -> Iterator[Operator]:
        yield alone

    def away() -> AbstractContextManager[Operator]:
        raise Unavailable("no broker")

    silent = perform(hands, VERBS["halt"], STRATEGY, actor="bob", reason="a drill")
    failed = perform(away, VERBS["kill"], STRATEGY, actor="bob", reason="a drill")

    assert "silent" == silent.outcome
    assert "no decider answered within 10 s" in silent.text
    assert ("silent", "kill of momentum may not be written: no broker") == (
        failed.outcome, failed.text,
    )  # fmt: skip
