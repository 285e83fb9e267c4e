"""One look at a rollout by account, driven with exact totals."""

from __future__ import annotations

from dataclasses import replace
from math import pi

import numpy as np
import pytest

from tradecanary.processors.decision.account_totals import (
    ERRORS,
    UNFILLED,
    AccountTotals,
    Moments,
)
from tradecanary.processors.decision.judges.accounts import engine, looks
from tradecanary.processors.decision.judges.accounts.engine import Answer, MeasureAnswer
from tradecanary.processors.decision.judges.accounts.looks import Looks
from tradecanary.processors.decision.judges.accounts.permutation import Crossings
from tradecanary.processors.decision.judges.accounts.settings import MeasureRule, Settings
from tradecanary.processors.decision.judges.judge import Verdict
from tradecanary.schemas.units import CANARY, STABLE

PNL = "pnl_milli_bp"
SETTINGS = Settings(
    measures=(
        MeasureRule(measure=UNFILLED, margin=0.05, weight=0.5),
        MeasureRule(measure=PNL, margin=400.0, weight=0.5, worse=-1),
    ),
    min_canary_orders=100,
)
START = engine.begin(SETTINGS)
NAMES = [f"a{index:02}" for index in range(60)]
ASSIGNMENT = {name: CANARY if index % 3 == 0 else STABLE for index, name in enumerate(NAMES)}
ORDERS = 30


def _book(seed: int, *, unfilled: float = 0.1, gain: float = 0.0) -> dict[str, AccountTotals]:
    """30 orders an account; the canary's are unfilled with this probability, and gain so much."""
    random = np.random.default_rng(seed)
    book = {}
    for name in NAMES:
        canary = ASSIGNMENT[name] == CANARY
        pnl = np.rint(random.normal(gain * canary, 1_000, ORDERS)).astype(int).tolist()
        moments = Moments(ORDERS, sum(pnl), sum(value * value for value in pnl))
        lost = int(random.binomial(ORDERS, unfilled if canary else 0.1))
        book[name] = AccountTotals(ORDERS, lost, measures={PNL: moments})
    return book


BEFORE = _book(99)


def _look(
    book: dict[str, AccountTotals],
    state: Looks = START,
    settings: Settings = SETTINGS,
    orders: int = 1_800,
) -> tuple[Looks, Answer]:
    after, answer = engine.look(book, BEFORE, ASSIGNMENT, settings, "salt", orders, state)
    assert answer is not None
    return after, answer


def _of(answer: Answer, measure: str) -> MeasureAnswer:
    (found,) = (each for each in answer.measures if each.measure == measure)
    return found


def test_before_a_look_is_due_nothing_happens() -> None:
    """One order short of the first look: the same state and no answer."""
    assert (START, None) == engine.look(_book(1), BEFORE, ASSIGNMENT, SETTINGS, "salt", 999, START)


def test_the_order_of_accounts_changes_nothing() -> None:
    """Books and assignment filled in another order give the same answer, to the bit."""
    book = _book(1)
    turned = dict(reversed(book.items()))
    before, assignment = dict(reversed(BEFORE.items())), dict(reversed(ASSIGNMENT.items()))

    assert _look(book) == engine.look(turned, before, assignment, SETTINGS, "salt", 1_800, START)


def test_a_healthy_canary_passes_and_a_pass_stays() -> None:
    """With both measures passed the look is HEALTHY; at a worse one later, still promotable."""
    after, answer = _look(_book(1))
    later, again = _look(_book(2, gain=-200.0), replace(after, done=6), orders=2_000)

    assert Verdict.HEALTHY is answer.verdict
    assert answer.promotable
    assert (20, 60) == (answer.canaries, answer.accounts)
    assert Looks(1, 2_000, tuple(sorted({UNFILLED, PNL}))) == after
    assert _of(again, PNL).p_inferior > _of(again, PNL).level_inferior
    assert again.promotable
    assert tuple(sorted({UNFILLED, PNL})) == later.passed


@pytest.mark.parametrize(
    ("measure", "book"),
    [(UNFILLED, _book(3, unfilled=0.5)), (PNL, _book(3, gain=-1_500.0))],
)
def test_harm_is_found_by_measure(measure: str, book: dict[str, AccountTotals]) -> None:
    """Fewer fills or less P&L is HARMFUL there and nowhere else; the effect has its own sign."""
    _, answer = _look(book)
    found = _of(answer, measure)

    assert Verdict.HARMFUL is answer.verdict
    assert not answer.promotable
    assert [measure] == [each.measure for each in answer.measures if each.p <= each.level]
    assert found.low < found.effect < found.high
    assert (found.effect < 0) == (measure == PNL)
    assert found.low * found.high > 0
    assert not found.passed


def test_a_gain_is_no_harm() -> None:
    """More P&L passes at once, with an interval above zero."""
    _, answer = _look(_book(4, gain=1_500.0))

    assert _of(answer, PNL).passed
    assert _of(answer, PNL).low > 0


def test_a_late_look_draws_more_only_where_it_matters() -> None:
    """At look 5 a measure in doubt needs more than 4,000 relabellings, and only that one."""
    late = replace(START, done=4)
    _, answer = _look(_book(3, unfilled=0.5), late)

    assert _of(answer, UNFILLED).relabellings > 4 / _of(answer, UNFILLED).level - 2 > 4_000
    assert 4_000 == _of(answer, PNL).relabellings
    assert Verdict.HARMFUL is _of(answer, UNFILLED).verdict


@pytest.mark.parametrize("extreme", range(6))
@pytest.mark.parametrize("number", [1, 2, 5])
def test_stopping_early_changes_no_verdict(extreme: int, number: int) -> None:
    """Whoever stops after 4,000 relabellings would not have met the level with all of them.

    So many of the first 4,000 did as well as the observed labelling, and none later.
    """
    level = looks.level(0.0025, number)
    values = np.ones(looks.permutations(level, 60))
    values[:extreme] = -1.0
    found = Crossings(0.5, values, 0.0)
    at_first = found.first(looks.FEWEST_PERMUTATIONS).p_harm(0.0)
    drawn = engine._relabellings(at_first, level, 60)

    assert (found.p_harm(0.0) <= level) == (found.first(drawn).p_harm(0.0) <= level)
    assert drawn == (len(values) if found.p_harm(0.0) <= level else looks.FEWEST_PERMUTATIONS)


def test_a_look_spends_its_part_of_the_rates() -> None:
    """At look 3 harm is tested at alpha * weight * 6 / (pi * 3)^2, inferiority without weight."""
    _, answer = _look(_book(1), replace(START, done=2))

    for found in answer.measures:
        assert 0.01 * 0.5 * 6 / (9 * pi**2) == pytest.approx(found.level)
        assert 0.05 * 6 / (9 * pi**2) == pytest.approx(found.level_inferior)


def test_accounts_without_orders_are_not_counted() -> None:
    """An account that sent nothing in the phase is no account of the look."""
    _, answer = _look(_book(1) | {"a00": AccountTotals(), "a01": AccountTotals()})

    assert (19, 58) == (answer.canaries, answer.accounts)


def test_within_the_tolerance_harm_is_harmless() -> None:
    """A drop of 800 is harmful at d0 = 0, and is not when d0 is 900."""
    book = _book(5, gain=-800.0)
    tolerant = MeasureRule(measure=PNL, margin=1_500.0, tolerance=900.0, weight=1.0, worse=-1)
    _, strict = _look(book)
    _, lenient = _look(book, settings=replace(SETTINGS, measures=(tolerant,)))

    assert Verdict.HARMFUL is strict.verdict
    assert Verdict.HARMFUL is not lenient.verdict


def test_too_few_canary_orders_pass_nothing() -> None:
    """600 canary orders are less than 601: nothing passes, however good it looks."""
    for fewest, passes in ((600, True), (601, False)):
        _, answer = _look(_book(1), settings=replace(SETTINGS, min_canary_orders=fewest))
        assert passes == answer.promotable


def test_what_was_never_measured_neither_harms_nor_passes() -> None:
    """No data is never success: p is 1 both ways and the problem is said."""
    latency = MeasureRule(measure="latency_us", margin=1.0, weight=1.0)
    _, answer = _look(_book(1), settings=replace(SETTINGS, measures=(latency,)))
    (found,) = answer.measures

    assert (1.0, 1.0) == (found.p, found.p_inferior)
    assert Verdict.INCONCLUSIVE is answer.verdict
    assert "no account of one of the variants has a score" == found.problem


def test_a_phase_without_accounts_is_inconclusive() -> None:
    """Orders of accounts that no coin decided are no evidence."""
    after, answer = engine.look(_book(1), BEFORE, {}, SETTINGS, "salt", 1_000, START)

    assert answer is not None
    assert (0, Verdict.INCONCLUSIVE) == (answer.accounts, answer.verdict)
    assert 1 == after.done


def test_an_unreachable_level_is_said() -> None:
    """Two canaries of six, one of 15 choices: p cannot reach the level, and that is said."""
    few = {name: totals for name, totals in _book(3, gain=-9_000.0).items() if name <= "a05"}
    _, answer = _look(few)

    assert (2, 6) == (answer.canaries, answer.accounts)
    assert _of(answer, PNL).problem.startswith("2 canary accounts of 6 and ")
    assert _of(answer, PNL).p > _of(answer, PNL).level


def test_no_error_anywhere_is_no_harm() -> None:
    """A measure that is 0 on every account has no harm, and passes."""
    errors = MeasureRule(measure=ERRORS, margin=0.005, weight=1.0)
    _, answer = _look(_book(1), settings=replace(SETTINGS, measures=(errors,)))

    assert (1.0, 0.0) == (answer.measures[0].p, answer.measures[0].effect)
    assert answer.promotable


def test_sums_of_a_billion_orders_are_judged() -> None:
    """At 10^9 orders an account and values near 2^55 every figure is finite and harm is found."""
    n, most = 10**9, 1 << 54
    book = {}
    for index, name in enumerate(NAMES):
        value = most + index - (5_000 if ASSIGNMENT[name] == CANARY else 0)
        total_sq = n * (value * value + 10**6)
        book[name] = AccountTotals(n, measures={PNL: Moments(n, n * value, total_sq)})
    before = {
        name: AccountTotals(n, measures={PNL: Moments(n, n * most, n * (most * most + 10**6))})
        for name in NAMES
    }
    pnl = SETTINGS.measures[1]
    state, answer = engine.look(
        book, before, ASSIGNMENT, replace(SETTINGS, measures=(pnl,)), "salt", 60 * n, START
    )

    assert answer is not None
    assert Verdict.HARMFUL is answer.verdict
    assert -5_001.0 - 1 < answer.measures[0].effect < -4_998
    assert state.next_orders > 60 * n
