"""The seam for production judges: how one is asked, and what counts as its answer.

An adapter knows how a judge of `processors/decision/judges` is started on a reference, fed with
mature cohorts and asked for its verdict; the judge itself is the production's, untouched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from benchmarks.decisions.flow import Flow, MatureCohort
from tradecanary.processors.decision.judges.judge import Judgement, Verdict
from tradecanary.processors.decision.sums import Sums
from tradecanary.schemas.decisions import VariantEvidence

StateT = TypeVar("StateT")


@dataclass(frozen=True, slots=True)
class JudgeAdapter(Generic[StateT]):
    """A production judge as the harness asks it.

    `start(reference)` returns the state at START, on stable's sums before it; `fold(state, mature)`
    takes in one mature cohort; `judge(state, stable, canary)` answers at a look, with the pooled
    evidence since the start beside it. `histograms`: the measures whose histograms cohorts must
    carry; None: the judge folds no cohorts.
    """

    start: Callable[[Sums], StateT]
    fold: Callable[[StateT, MatureCohort], StateT]
    judge: Callable[[StateT, VariantEvidence, VariantEvidence], Judgement]
    histograms: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many orders the canary had got when it was rolled back and first promotable; or None."""

    rolled_back_at: int | None
    promoted_at: int | None


def canary_orders_until(adapter: JudgeAdapter[StateT], flow: Flow) -> Outcome:
    """Return when the judge rolls the canary back; asked at every look until it does.

    Promotion is noted on the way, and ends the run where the flow says so.
    """
    state = adapter.start(flow.reference)
    promoted_at: int | None = None
    for look in flow.looks(adapter.histograms):
        for mature in look.matured:
            state = adapter.fold(state, mature)
        judgement = adapter.judge(state, look.stable, look.canary)
        if judgement.verdict is Verdict.HARMFUL:
            return Outcome(look.canary_orders, promoted_at)
        if judgement.promotable and promoted_at is None:
            promoted_at = look.canary_orders
            if flow.promotion_ends:
                break
    return Outcome(None, promoted_at)
