"""The judge by account: what it takes in, when it looks, what it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tradecanary.processors.decision import keyed
from tradecanary.processors.decision.account_past import Past
from tradecanary.processors.decision.account_totals import (
    ERRORS,
    PNL,
    UNFILLED,
    AccountTotals,
    Book,
    Moments,
)
from tradecanary.processors.decision.cohorts import Cohort, Ripe, Stream
from tradecanary.processors.decision.judge_settings import Margins, Sequential
from tradecanary.processors.decision.judges import judge_of
from tradecanary.processors.decision.judges.accounts import rules
from tradecanary.processors.decision.judges.accounts.state import AccountsState
from tradecanary.processors.decision.judges.judge import Terms, Verdict
from tradecanary.processors.decision.judges.sequential.reference import (
    MeasureReference,
    Reference,
)
from tradecanary.processors.decision.policy import preset
from tradecanary.processors.decision.spec import RolloutSpec
from tradecanary.processors.decision.sums import Sums
from tradecanary.schemas.decisions import VariantEvidence
from tradecanary.schemas.units import CANARY, STABLE

SPEC = RolloutSpec(
    rollout="r1", strategy="s", stable="v1", canary="v2", unit="account", policy=preset("steps")
)
JUDGE = judge_of(SPEC)
SETTINGS = Sequential()
_UNUSED = Sums().evidence(STABLE)


def totals(slippage: int = 0, orders: int = 1, pnl: int | None = None) -> AccountTotals:
    """Return the totals of orders that are all alike and filled."""
    values = {"slippage_milli_bp": slippage} | ({} if pnl is None else {PNL: pnl})
    measures = {
        name: Moments(orders, orders * value, orders * value * value)
        for name, value in values.items()
    }
    return AccountTotals(orders, measures=measures)


def _measure(name: str, mean: float, margin: float, *, relative: bool = False) -> MeasureReference:
    return MeasureReference(
        measure=name, n=5_000, mean=mean, variance=1.0, edges=(), counts=(5_000,), q99=0, q999=0,
        margin=margin, relative=relative, score_tolerance=0.0, score_margin=0.0,
    )  # fmt: skip


LATENCY = _measure("latency_us", 3_500.0, 0.2, relative=True)
SLIPPAGE = _measure("slippage_milli_bp", 1_000.0, 500.0)
PNL_REFERENCE = _measure(PNL, -40.0, 300.0)
FULL = Reference(5_000, 0.05, 0.0, (LATENCY, SLIPPAGE, PNL_REFERENCE))
ONLY_SLIPPAGE = Reference(5_000, 0.05, 0.0, (None, SLIPPAGE, None))


def _begun(reference: Reference = ONLY_SLIPPAGE) -> AccountsState:
    state = JUDGE.start(SETTINGS, reference)
    assert isinstance(state, AccountsState)
    return state


def _folded(
    state: AccountsState,
    books: dict[str, Book],
    *,
    stream: Stream = Stream.ORDERS,
    phase: int = 0,
    canary_bp: int = 1_000,
    past: Book | None = None,
    salt: str = "salt",
) -> AccountsState:
    variants = {
        name: Sums(orders=sum(one.orders for one in book.values())) for name, book in books.items()
    }
    cohort = Cohort(0, 1, variants=variants, accounts=books)
    before = Past("v1", 0, keyed.put({}, past or {}))
    terms = Terms(phase, canary_bp, ONLY_SLIPPAGE, before, salt)
    after = JUDGE.fold(state, SETTINGS, [(Ripe(stream, cohort), terms)])
    assert isinstance(after, AccountsState)
    return after


def _judged(state: AccountsState) -> tuple[Verdict, str]:
    evidence: VariantEvidence = _UNUSED
    answer = JUDGE.judge(state, SETTINGS, evidence, evidence)
    return answer.verdict, answer.reason


def _traded(harm: int = 0, accounts: int = 100, orders: int = 10) -> dict[str, Book]:
    """Every fifth account is canary, and worse by `harm`; all differ by chance."""
    random = np.random.default_rng(5)
    books: dict[str, dict[str, AccountTotals]] = {STABLE: {}, CANARY: {}}
    for number in range(accounts):
        variant = STABLE if number % 5 else CANARY
        value = round(random.normal(1_000, 300)) + harm * (variant == CANARY)
        books[variant][f"account-{number}"] = totals(value, orders)
    return dict(books)


def test_orders_by_account_are_never_judged_by_order() -> None:
    """The unit picks the row: e-values by order would roll back every other healthy canary."""
    by_order = judge_of(SPEC.model_copy(update={"unit": "order"}))

    assert JUDGE is not by_order
    assert JUDGE.fold is not by_order.fold


def test_margins_come_in_the_unit_of_the_sums() -> None:
    """Latency relative to the reference's mean; shares for rates; all of alpha is spent."""
    settings = Sequential(alpha=0.02, beta=0.1, tolerance=0.2, promotion_orders=77)
    found = rules.rules(settings, FULL)
    margins = {rule.measure: rule.margin for rule in found.measures}

    assert {
        UNFILLED: 0.01, ERRORS: 0.005, "latency_us": 700.0, "slippage_milli_bp": 500.0, PNL: 300.0,
    } == pytest.approx(margins)  # fmt: skip
    assert [0.2] * 5 == pytest.approx([rule.tolerance / rule.margin for rule in found.measures])
    assert [PNL] == [rule.measure for rule in found.measures if rule.worse < 0]
    assert (0.02, 0.1, 77) == (found.alpha, found.beta, found.min_canary_orders)
    assert "" == rules.shortcomings(FULL)


def test_what_the_reference_lacks_is_not_judged() -> None:
    """Its part of alpha goes to the others, in proportion; a constant measure has no margin."""
    constant = replace(LATENCY, variance=0.0)
    found = rules.rules(
        Sequential(margins=Margins(fill_rate_pp=3)),
        replace(FULL, measures=(constant, SLIPPAGE, None)),
    )
    weights = {rule.measure: rule.weight for rule in found.measures}

    assert {UNFILLED: 0.15, ERRORS: 0.05, "slippage_milli_bp": 0.25} == pytest.approx(
        {name: weight * 0.45 for name, weight in weights.items()}
    )
    said = rules.shortcomings(replace(FULL, measures=(constant, SLIPPAGE, None)))
    assert "latency is not judged; pnl is not judged" == said


def test_looks_come_when_orders_have_doubled() -> None:
    """At 1,000 and 2,000 of the phase, whatever the cohorts; in the next phase from 1,000 again."""
    state, seen = _begun(), []
    for _ in range(25):
        state = _folded(state, _traded(orders=1))
        seen.append(state.looks.done)
    assert [0] * 9 + [1] * 10 + [2] * 6 == seen
    assert "look 2 at 2,000 orders, 100 accounts (20 canary)" in _judged(state)[1]
    state = _folded(state, _traded(orders=1), phase=1)
    assert (100, 1_000, 2) == (state.orders, state.looks.next_orders, state.looks.done)
    assert 20 == keyed.count(state.totals[CANARY])


def test_before_the_first_look_it_says_so() -> None:
    """How many orders are missing; no streams yet."""
    state = _folded(_begun(), _traded(orders=1))
    verdict, reason = _judged(state)

    assert (Verdict.INCONCLUSIVE, True) == (verdict, "100 of 1,000 orders of the phase" in reason)
    assert () == JUDGE.streams(state, SETTINGS)


def test_harm_is_said_and_stays() -> None:
    """Measure, effect, tolerance, p, limit and accounts; what comes after it changes nothing."""
    state = _folded(_begun(), _traded(harm=700))
    verdict, reason = _judged(state)
    assert verdict is Verdict.HARMFUL
    for words in ("slippage is ", "bp above stable's", "tolerance 0.05", "p 0.0002", "limit 0.0034",
                  "100 accounts (20 canary)"):  # fmt: skip
        assert words in reason
    (shown,) = (one for one in JUDGE.streams(state, SETTINGS) if one.stream == "slippage_mean")
    assert (0.05, 200, True) == (shown.margin, shown.orders, shown.low < 0.7 < shown.high)
    assert round((-np.log(2) - np.log(1 / 4_001) / 2) * 1e6) == shown.log_e_micro_nats
    later = state
    for _ in range(3):
        later = _folded(later, _traded(harm=-5_000))

    assert (Verdict.HARMFUL, reason) == _judged(later)


def test_accounts_of_both_variants_are_left_out_and_counted() -> None:
    """A router that lapsed moved them: they are neither's."""
    books = _traded()
    moved = {"account-0": totals(10**6, 10), "account-5": totals(10**6, 10)}
    state = _folded(_begun(), books | {STABLE: {**books[STABLE], **moved}})
    reason = _judged(state)[1]

    assert "98 accounts (18 canary)" in reason
    assert "2 accounts with orders of both variants are left out" in reason


def test_few_accounts_show_nothing() -> None:
    """With two canary accounts of ten the reason says what protects."""
    reason = _judged(_folded(_begun(), _traded(harm=9_000, accounts=10, orders=100)))[1]

    assert "2 canary accounts of 10" in reason
    assert "only guards protect" in reason


def test_orders_and_pnl_are_taken_in_when_mature() -> None:
    """P&L comes with its own stream, late orders too; nothing is counted twice."""
    books: dict[str, Book] = {
        STABLE: {"a": totals(5, 2, pnl=7)},
        CANARY: {"b": totals(6, 3, pnl=8)},
    }
    state = _folded(_begun(FULL), books)
    only_pnl: dict[str, Book] = {CANARY: {"c": totals(pnl=1).only_pnl()}}
    assert state == _folded(state, only_pnl)
    assert (5, False) == (state.orders, dict(keyed.items(state.totals[STABLE]))["a"].has_pnl)
    state = _folded(state, books, stream=Stream.PNL)
    state = _folded(state, {STABLE: {"a": totals(9)}}, stream=Stream.LATE_ORDERS)
    found = dict(keyed.items(state.totals[STABLE]))["a"]

    assert totals(5, 2, pnl=7).plus(totals(9)) == found
    assert 6 == state.orders


def test_orders_without_control_or_of_an_earlier_phase_are_no_evidence() -> None:
    """At weight 0 and 10000; and once a later phase has mature orders."""
    state = _folded(_begun(), _traded(orders=1), phase=1)

    assert state == _folded(state, _traded(), canary_bp=10_000, phase=1)
    assert state == _folded(state, _traded(), canary_bp=0, phase=1)
    assert state == _folded(state, _traded(), phase=0)


def test_an_account_is_compared_with_its_own_past() -> None:
    """+0.3 bp among accounts that differ by 10 bp: found with their past, hidden without."""
    random = np.random.default_rng(7)
    past = {
        f"account-{number}": totals(round(10_000 * random.normal()), 30) for number in range(100)
    }
    books: dict[str, dict[str, AccountTotals]] = {STABLE: {}, CANARY: {}}
    for number, (name, before) in enumerate(past.items()):
        usual = before.moments("slippage_milli_bp").total // before.orders
        variant = STABLE if number % 5 else CANARY
        harm = 300 * (variant == CANARY) + round(50 * random.normal())
        books[variant][name] = totals(usual + harm, 10)

    assert _judged(_folded(_begun(), dict(books), past=past))[0] is Verdict.HARMFUL
    assert _judged(_folded(_begun(), dict(books)))[0] is Verdict.INCONCLUSIVE


def test_the_rollouts_salt_seeds_the_relabellings() -> None:
    """The same in every replay, others in another rollout."""
    one, same, other = (_folded(_begun(), _traded(), salt=salt).shown for salt in ("a", "a", "b"))

    assert one == same
    assert one != other


def test_the_worst_measure_is_said_first() -> None:
    """Of several that are refuted, the one whose p lies furthest below its limit."""
    lost = {
        name: replace(one, unfilled=one.orders) for name, one in _traded(harm=900)[CANARY].items()
    }
    state = _folded(_begun(), _traded() | {CANARY: lost})
    verdict, reason = _judged(state)
    assert state.shown is not None
    breached = {check.name for check in state.shown.checks if check.breached}

    assert (Verdict.HARMFUL, {"slippage_mean", "fill_rate"}) == (verdict, breached)
    assert reason.startswith("slippage is ")
