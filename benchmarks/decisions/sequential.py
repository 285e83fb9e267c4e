"""How the harness asks the production judge `sequential`: its row of the table, untouched."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.decisions.flow import MatureCohort
from benchmarks.decisions.judging import JudgeAdapter
from tradecanary.processors.decision.cohorts import Ripe, Stream
from tradecanary.processors.decision.judge_settings import Sequential
from tradecanary.processors.decision.judges import JUDGES
from tradecanary.processors.decision.judges.judge import Judgement, JudgeState, Terms
from tradecanary.processors.decision.judges.sequential.reference import Reference
from tradecanary.processors.decision.sums import Sums
from tradecanary.schemas.decisions import VariantEvidence

SEQUENTIAL = "sequential"
"""The judge with its default tolerance, a tenth of the margin."""
SEQUENTIAL_EXACT = "sequential, d0 = 0"
"""The same with tolerance 0."""
_JUDGE = JUDGES["sequential", "order"]


@dataclass(frozen=True, slots=True)
class Asked:
    """The judge's state with the reference that START froze."""

    reference: Reference | None
    state: JudgeState


def adapter(settings: Sequential) -> JudgeAdapter[Asked]:
    """Return the judge with `settings`; a mature cohort is ripe in both streams, orders first."""

    def start(stable: Sums) -> Asked:
        reference = _JUDGE.freeze(settings, stable, None)
        return Asked(reference, _JUDGE.start(settings, reference))

    def fold(asked: Asked, mature: MatureCohort) -> Asked:
        terms = Terms(mature.phase, mature.weight_bp, asked.reference)
        ripe = [(Ripe(stream, mature.cohort), terms) for stream in (Stream.ORDERS, Stream.PNL)]
        return Asked(asked.reference, _JUDGE.fold(asked.state, settings, ripe))

    def judge(asked: Asked, stable: VariantEvidence, canary: VariantEvidence) -> Judgement:
        return _JUDGE.judge(asked.state, settings, stable, canary)

    return JudgeAdapter(start, fold, judge, _JUDGE.histograms)
