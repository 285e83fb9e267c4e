"""What a judge is asked and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from tradecanary.processors.decision.cohorts import Ripe
from tradecanary.processors.decision.policy import Thresholds
from tradecanary.schemas.decisions import Check, StreamEvidence, VariantEvidence

JudgeState = Mapping[str, float]
Settings = Thresholds


class Verdict(Enum):
    """The judge's answer."""

    HEALTHY = "HEALTHY"
    HARMFUL = "HARMFUL"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with what it stands on.

    `promotable`: the evidence so far would allow the step to 10000. `reason` names the measure with
    value and limit.
    """

    verdict: Verdict
    promotable: bool
    reason: str
    checks: tuple[Check, ...] = ()
    streams: tuple[StreamEvidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Judge:
    """One row of the table.

    `fold(state, settings, ripe)` takes in one stream of a mature cohort; `judge(state, settings,
    stable, canary)` weighs it with the pooled evidence since the start of the rollout.
    `criteria_roll_back`: whether a breached criterion of a phase rolls back by default.
    `histograms`: the measures whose histograms its cohorts must carry.
    """

    fold: Callable[[JudgeState, Settings, Ripe], JudgeState]
    judge: Callable[[JudgeState, Settings, VariantEvidence, VariantEvidence], Judgement]
    criteria_roll_back: bool
    histograms: tuple[str, ...] = ()
