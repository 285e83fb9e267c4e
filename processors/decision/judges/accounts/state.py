"""What the judge by account remembers of a rollout: totals of the phase, looks, what they showed.

The accounts' past is not part of it: it stays as it was at START, with the strategy.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tradecanary.processors.decision.account_totals import AccountTotals
from tradecanary.processors.decision.judges.accounts.looks import Looks
from tradecanary.processors.decision.judges.accounts.settings import Settings
from tradecanary.processors.decision.keyed import Keyed
from tradecanary.schemas.decisions import Check, StreamEvidence


@dataclass(frozen=True, slots=True)
class Shown:
    """What the last look showed: the comparisons, the evidence, and a sentence."""

    promotable: bool
    reason: str
    checks: tuple[Check, ...]
    streams: tuple[StreamEvidence, ...]


@dataclass(frozen=True, slots=True)
class AccountsState:
    """The judge's state, one value a rollout.

    `orders`: of both variants in `phase` (-1: none yet). `totals`: of that phase, by variant.
    `harm`: why it is harmful, once and for ever.
    """

    settings: Settings
    looks: Looks
    phase: int = -1
    orders: int = 0
    totals: dict[str, Keyed[AccountTotals]] = field(default_factory=dict)
    shown: Shown | None = None
    harm: str = ""
