"""The row of the table of judges for strategies routed by account."""

from __future__ import annotations

from collections.abc import Iterable

from tradecanary.processors.decision.cohorts import Ripe
from tradecanary.processors.decision.judge_settings import Sequential
from tradecanary.processors.decision.judges.accounts import engine, fold, rules, words
from tradecanary.processors.decision.judges.accounts.state import AccountsState
from tradecanary.processors.decision.judges.judge import (
    Judge,
    Judgement,
    JudgeState,
    Settings,
    Terms,
    Verdict,
)
from tradecanary.processors.decision.judges.sequential.judge import JUDGE as SEQUENTIAL
from tradecanary.processors.decision.judges.sequential.reference import Reference
from tradecanary.schemas.decisions import StreamEvidence, VariantEvidence


def _begun(known: JudgeState) -> AccountsState:
    assert isinstance(known, AccountsState), "START makes the state"
    return known


def _frozen(known: Reference | None) -> Reference:
    assert known is not None, "a rollout without reference stays PENDING"
    return known


def _shortcomings(known: Reference | None) -> str:
    return rules.shortcomings(_frozen(known))


def _start(settings: Settings, known: Reference | None) -> JudgeState:
    assert isinstance(settings, Sequential), "a judge is asked with its own settings"
    fixed = rules.rules(settings, _frozen(known))
    return AccountsState(fixed, engine.begin(fixed))


def _fold(known: JudgeState, _: Settings, ripe: Iterable[tuple[Ripe, Terms]]) -> JudgeState:
    return fold.fold(_begun(known), ripe)


def _judge(known: JudgeState, _: Settings, __: VariantEvidence, ___: VariantEvidence) -> Judgement:
    state = _begun(known)
    shown = state.shown
    if shown is None:
        reason = words.waiting(state.orders, state.looks.next_orders)
        return Judgement(Verdict.INCONCLUSIVE, promotable=False, reason=reason)
    if state.harm:
        return Judgement(Verdict.HARMFUL, promotable=False, reason=state.harm, checks=shown.checks)
    verdict = Verdict.HEALTHY if shown.promotable else Verdict.INCONCLUSIVE
    return Judgement(verdict, promotable=shown.promotable, reason=shown.reason, checks=shown.checks)


def _streams(known: JudgeState, _: Settings) -> tuple[StreamEvidence, ...]:
    shown = _begun(known).shown
    return shown.streams if shown is not None else ()


JUDGE = Judge(
    reference_orders=SEQUENTIAL.reference_orders,
    freeze=SEQUENTIAL.freeze,
    shortcomings=_shortcomings,
    start=_start,
    fold=_fold,
    judge=_judge,
    streams=_streams,
    criteria_roll_back=False,
)
