"""One look at a rollout by account: harm refuted or not, measure by measure.

Harm: exact when the canary changes nothing at all, at looks due by the orders of both variants. The
other claims (a harm up to d0, a harm below d1) are exact when the canary adds the same to every
account's score, and else as good as a permutation test of means.

A measure is HARMFUL when "the effect is at most d0" is refuted at the look's level. It has passed
when "the effect is at least d1" was refuted at some look with enough canary orders; that stays.
What cannot be shown with so many accounts is said, not guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan

import numpy as np
from numpy.typing import NDArray

from tradecanary.processors.decision.account_totals import Book
from tradecanary.processors.decision.judges.accounts import looks, permutation
from tradecanary.processors.decision.judges.accounts.looks import FEWEST_PERMUTATIONS, Looks
from tradecanary.processors.decision.judges.accounts.permutation import Crossings
from tradecanary.processors.decision.judges.accounts.scores import scores
from tradecanary.processors.decision.judges.accounts.settings import MeasureRule, Settings
from tradecanary.processors.decision.judges.judge import Verdict
from tradecanary.schemas.units import CANARY, STABLE


@dataclass(frozen=True, slots=True)
class MeasureAnswer:
    """What a look showed of one measure, in the measure's own unit.

    `effect`: canary less stable, NaN where a variant has no score; `low`, `high`: the effects that
    neither one-sided test refutes at `level`. `p`, `level`: of harm; `p_inferior`,
    `level_inferior`: of an effect of the margin or more. `relabellings`: behind `p`. `orders`: the
    canary's that were measured. `passed`: now or before. `problem`: why `level` cannot be reached
    whatever the orders did, or empty.
    """

    measure: str
    effect: float
    low: float
    high: float
    p: float
    level: float
    p_inferior: float
    level_inferior: float
    relabellings: int
    orders: int
    verdict: Verdict
    passed: bool
    problem: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a look showed.

    `accounts`, `canaries`: with orders in the phase. HARMFUL if any measure is; HEALTHY and
    `promotable` when all have passed; else INCONCLUSIVE.
    """

    look: int
    orders: int
    accounts: int
    canaries: int
    verdict: Verdict
    promotable: bool
    measures: tuple[MeasureAnswer, ...]


def begin(settings: Settings) -> Looks:
    """Return the state at the start of a rollout."""
    return Looks(next_orders=settings.first_orders)


def look(
    totals_now: Book,
    totals_before: Book,
    assignment: Mapping[str, str],
    settings: Settings,
    seed: str,
    orders: int,
    state: Looks,
) -> tuple[Looks, Answer | None]:
    """Return the state after the look and what it showed; the same state and None if not yet due.

    `totals_now`: of the phase; `totals_before`: of the time before the rollout, accounts outside
    the phase too. `assignment`: variant of each account; those neither stable nor canary are left
    out. `seed`: the rollout's salt. `orders`: of both variants in the phase.
    """
    if orders < state.next_orders:
        return state, None
    accounts = sorted(
        account
        for account, totals in totals_now.items()
        if totals.orders and assignment.get(account) in {STABLE, CANARY}
    )
    canary = np.array([assignment[account] == CANARY for account in accounts], dtype=np.bool_)
    number = state.done + 1
    trials = [_Trial.of(rule, settings, number, canary) for rule in settings.measures]
    found = _relabelled(trials, accounts, totals_now, totals_before, canary, seed, number)
    measures = tuple(
        trial.answer(
            crossings, _canary_orders(totals_now, accounts, canary, trial), settings, state
        )
        for trial, crossings in zip(trials, found, strict=True)
    )
    passed = [answer.measure for answer in measures if answer.passed]
    verdict = _overall(measures)
    answer = Answer(
        look=number,
        orders=orders,
        accounts=len(accounts),
        canaries=int(np.count_nonzero(canary)),
        verdict=verdict,
        promotable=verdict is Verdict.HEALTHY,
        measures=measures,
    )
    return state.taken(settings.first_orders, orders, passed), answer


@dataclass(frozen=True, slots=True)
class _Trial:
    """One measure at one look: its two levels, and the relabellings each needs."""

    rule: MeasureRule
    accounts: int
    canaries: int
    level: float
    level_inferior: float

    @classmethod
    def of(
        cls, rule: MeasureRule, settings: Settings, number: int, canary: NDArray[np.bool_]
    ) -> _Trial:
        """The trial of `rule` at look `number`."""
        return cls(
            rule=rule,
            accounts=len(canary),
            canaries=int(np.count_nonzero(canary)),
            level=looks.level(settings.alpha * rule.weight, number),
            level_inferior=looks.level(settings.beta, number),
        )

    def needed(self, crossings: Crossings) -> int:
        """Relabellings that this measure still needs, given its first 4,000.

        More are drawn only while a level can still be met with them. That keeps p super-uniform:
        who stops early has p above the level, and is above it with all of them too.
        """
        at_first = crossings.first(FEWEST_PERMUTATIONS)
        tests = (
            (at_first.p_harm(self.rule.tolerance), self.level),
            (at_first.p_inferior(self.rule.margin), self.level_inferior),
        )
        return max(_relabellings(p, level, self.accounts) for p, level in tests)

    def answer(
        self, crossings: Crossings, canary_orders: int, settings: Settings, state: Looks
    ) -> MeasureAnswer:
        """What this measure's crossings say."""
        at_first = crossings.first(FEWEST_PERMUTATIONS)
        tolerance, margin = self.rule.tolerance, self.rule.margin
        drawn = _relabellings(at_first.p_harm(tolerance), self.level, self.accounts)
        behind = crossings.first(drawn)
        p = behind.p_harm(tolerance)
        against = _relabellings(at_first.p_inferior(margin), self.level_inferior, self.accounts)
        p_inferior = crossings.first(against).p_inferior(margin)
        enough = canary_orders >= settings.min_canary_orders
        refuted = enough and p_inferior <= self.level_inferior
        passed = refuted or self.rule.measure in state.passed
        low, high = crossings.interval(self.level)
        if self.rule.worse < 0:
            low, high = -high, -low
        return MeasureAnswer(
            measure=self.rule.measure,
            effect=self.rule.worse * crossings.effect,
            low=low,
            high=high,
            p=p,
            level=self.level,
            p_inferior=p_inferior,
            level_inferior=self.level_inferior,
            relabellings=len(behind.values),
            orders=canary_orders,
            verdict=_verdict(harmful=p <= self.level, passed=passed),
            passed=passed,
            problem=self._problem(crossings),
        )

    def _problem(self, crossings: Crossings) -> str:
        if isnan(crossings.effect):
            return "no account of one of the variants has a score"
        most = looks.permutations(self.level, self.accounts)
        smallest = looks.smallest_p(self.accounts, self.canaries, most)
        if smallest <= self.level:
            return ""
        return (
            f"{self.canaries} canary accounts of {self.accounts} and {most} relabellings give no p "
            f"below {smallest:.2g}, this look needs {self.level:.2g}; only guards protect"
        )


def _relabelled(
    trials: list[_Trial],
    accounts: list[str],
    now: Book,
    before: Book,
    canary: NDArray[np.bool_],
    seed: str,
    number: int,
) -> tuple[Crossings, ...]:
    """The crossings of each trial: the first 4,000, then as many as the neediest needs."""
    scored = [
        scores(accounts, now, before, trial.rule.measure).facing(trial.rule.worse)
        for trial in trials
    ]
    random = permutation.generator(seed, number)
    found = permutation.crossings(scored, canary, FEWEST_PERMUTATIONS, random)
    needed = max(trial.needed(each) for trial, each in zip(trials, found, strict=True))
    if needed > FEWEST_PERMUTATIONS:
        more = permutation.crossings(scored, canary, needed - FEWEST_PERMUTATIONS, random)
        found = permutation.joined(found, more)
    return found


def _relabellings(p_at_first: float, level: float, accounts: int) -> int:
    """As many as `level` needs, or the first 4,000 if these make it impossible to reach."""
    most = looks.permutations(level, accounts)
    extreme = round(p_at_first * (FEWEST_PERMUTATIONS + 1))
    return most if extreme <= level * (most + 1) else FEWEST_PERMUTATIONS


def _canary_orders(now: Book, accounts: list[str], canary: NDArray[np.bool_], trial: _Trial) -> int:
    return sum(
        now[account].moments(trial.rule.measure).n
        for account, is_canary in zip(accounts, canary, strict=True)
        if is_canary
    )


def _verdict(*, harmful: bool, passed: bool) -> Verdict:
    if harmful:
        return Verdict.HARMFUL
    return Verdict.HEALTHY if passed else Verdict.INCONCLUSIVE


def _overall(measures: tuple[MeasureAnswer, ...]) -> Verdict:
    harmful = any(answer.verdict is Verdict.HARMFUL for answer in measures)
    return _verdict(harmful=harmful, passed=all(answer.passed for answer in measures))
