"""What a judge is asked and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum

from tradecanary.processors.decision.account_past import Past
from tradecanary.processors.decision.cohorts import Ripe
from tradecanary.processors.decision.judge_settings import Sequential, Thresholds
from tradecanary.processors.decision.judges.accounts.state import AccountsState
from tradecanary.processors.decision.judges.sequential.reference import Reference
from tradecanary.processors.decision.judges.sequential.state import SequentialState
from tradecanary.processors.decision.sums import Sums
from tradecanary.schemas.decisions import Check, StreamEvidence, VariantEvidence

JudgeState = SequentialState | AccountsState | None
Settings = Thresholds | Sequential


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


@dataclass(frozen=True, slots=True)
class Terms:
    """What held for the revision that routed some orders: phase, coin and frozen reference.

    `past`: of stable's accounts, as of START; `salt`: of the rollout's coin.
    """

    phase: int
    canary_bp: int
    reference: Reference | None
    past: Past = field(default_factory=Past)
    salt: str = ""


@dataclass(frozen=True, slots=True)
class Judge:
    """One row of the table.

    `reference_orders(settings)`: how many of stable's last orders it needs before a start.
    `freeze(settings, stable, before)`: the reference made of them, at the start and at each phase.
    `shortcomings(reference)`: what a small reference costs, as a sentence, or an empty text.
    `start(settings, reference)`: its state before the first order.
    `fold(state, settings, ripe)`: the state with all taken in that became ripe at a look.
    `judge(state, settings, stable, canary)`: the verdict, with the pooled sums since the start.
    `streams(state, settings)`: what a decision carries of it.
    `criteria_roll_back`: whether a breached criterion of a phase rolls back by default.
    `histograms`: the measures whose histograms its cohorts must carry.
    """

    reference_orders: Callable[[Settings], int]
    freeze: Callable[[Settings, Sums, Reference | None], Reference | None]
    shortcomings: Callable[[Reference | None], str]
    start: Callable[[Settings, Reference | None], JudgeState]
    fold: Callable[[JudgeState, Settings, Iterable[tuple[Ripe, Terms]]], JudgeState]
    judge: Callable[[JudgeState, Settings, VariantEvidence, VariantEvidence], Judgement]
    streams: Callable[[JudgeState, Settings], tuple[StreamEvidence, ...]]
    criteria_roll_back: bool
    histograms: tuple[str, ...] = ()
