"""What the runs of one method in one scenario come to, with the error of each figure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from scipy.stats import beta

from benchmarks.decisions.run import Answer
from benchmarks.decisions.scenarios import Question, Scenario
from tradecanary.schemas.units import FULL_WEIGHT_BP

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure and what it stands on.

    `rate`: of runs in which the error that the question is about was made, or the fault was found,
    with one-sided exact bounds. `mean`, `error`: canary orders until rollback, silent runs counted
    at the horizon, and its standard error; over the runs not rolled back before the fault, `early`
    ones. `promoted`, `promoted_mean`: runs promoted, and after how many canary orders.
    """

    table: str
    column: str
    weight_bp: int
    question: Question
    method: str
    runs: int
    events: int
    rate: float
    rate_lower: float
    rate_upper: float
    mean: float | None
    error: float | None
    early: int
    promoted: int
    promoted_mean: float | None
    horizon: int

    @property
    def weight(self) -> str:
        """The canary's weight for people."""
        return f"{self.weight_bp / FULL_WEIGHT_BP:.0%}" if self.weight_bp else "1-50 %"


def bounds(events: int, runs: int) -> tuple[float, float]:
    """Return the one-sided 95 % bounds of Clopper and Pearson (1934) for a rate."""
    if runs == 0:
        return 0.0, 1.0
    lower = beta.ppf(1 - CONFIDENCE, events, runs - events + 1) if events else 0.0
    upper = beta.ppf(CONFIDENCE, events + 1, runs - events) if events < runs else 1.0
    return float(lower), float(upper)


def cells(scenario: Scenario, answers: Sequence[Sequence[Answer]]) -> Iterable[Cell]:
    """Yield one cell a method, from the answers of all runs."""
    for index, method in enumerate(scenario.methods):
        yield _cell(scenario, method, [run[index] for run in answers])


def _cell(scenario: Scenario, method: str, answers: Sequence[Answer]) -> Cell:
    counted = [answer for answer in answers if not answer.early]
    promoted = [answer.promoted_at for answer in answers if answer.promoted_at is not None]
    found = [answer for answer in counted if answer.orders is not None]
    events = len(promoted if scenario.question is Question.FALSE_PROMOTION else found)
    lower, upper = bounds(events, len(counted))
    mean, error = None, None
    if scenario.question is Question.DELAY and counted:
        silent = scenario.horizon
        orders = [silent if each.orders is None else each.orders for each in counted]
        mean = fmean(orders)
        error = stdev(orders) / math.sqrt(len(orders)) if len(orders) > 1 else None
    return Cell(
        table=scenario.table,
        column=scenario.column,
        weight_bp=scenario.weight_bp,
        question=scenario.question,
        method=method,
        runs=len(counted),
        events=events,
        rate=events / len(counted) if counted else 0.0,
        rate_lower=lower,
        rate_upper=upper,
        mean=mean,
        error=error,
        early=len(answers) - len(counted),
        promoted=len(promoted),
        promoted_mean=fmean(promoted) if promoted else None,
        horizon=scenario.horizon,
    )
