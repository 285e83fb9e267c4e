"""The row of the table of judges."""

from __future__ import annotations

from collections.abc import Iterable

from tradecanary.processors.decision.cohorts import Ripe
from tradecanary.processors.decision.judge_settings import Sequential
from tradecanary.processors.decision.judges.judge import (
    Judge,
    Judgement,
    JudgeState,
    Settings,
    Terms,
)
from tradecanary.processors.decision.judges.sequential import fold, reference, state, verdict
from tradecanary.processors.decision.judges.sequential.reference import Reference
from tradecanary.processors.decision.judges.sequential.state import SequentialState
from tradecanary.processors.decision.judges.sequential.streams import MEASURED
from tradecanary.processors.decision.sums import Sums
from tradecanary.schemas.decisions import StreamEvidence, VariantEvidence


def _mine(settings: Settings) -> Sequential:
    assert isinstance(settings, Sequential), "a judge is asked with its own settings"
    return settings


def _begun(known: JudgeState) -> SequentialState:
    assert isinstance(known, SequentialState), "START makes the state"
    return known


def _frozen(known: Reference | None) -> Reference:
    assert known is not None, "a rollout without reference stays PENDING"
    return known


def _reference_orders(settings: Settings) -> int:
    return _mine(settings).reference_orders


def _freeze(settings: Settings, stable: Sums, before: Reference | None) -> Reference:
    return reference.freeze(stable, _mine(settings), before)


def _shortcomings(known: Reference | None) -> str:
    return reference.shortcomings(_frozen(known))


def _start(settings: Settings, known: Reference | None) -> JudgeState:
    return state.start(_mine(settings), _frozen(known))


def _fold(known: JudgeState, settings: Settings, ripe: Iterable[tuple[Ripe, Terms]]) -> JudgeState:
    return fold.fold(_begun(known), _mine(settings), ripe)


def _judge(
    known: JudgeState, settings: Settings, _: VariantEvidence, __: VariantEvidence
) -> Judgement:
    return verdict.judge(_begun(known), _mine(settings))


def _streams(known: JudgeState, _: Settings) -> tuple[StreamEvidence, ...]:
    return verdict.streams(_begun(known))


JUDGE = Judge(
    reference_orders=_reference_orders,
    freeze=_freeze,
    shortcomings=_shortcomings,
    start=_start,
    fold=_fold,
    judge=_judge,
    streams=_streams,
    criteria_roll_back=False,
    histograms=tuple(measured.measure for measured in MEASURED),
)
