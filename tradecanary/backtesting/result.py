"""What a backtest found: per policy its decisions, evidence and money, and their comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from tradecanary import trail
from tradecanary.backtesting import tables
from tradecanary.backtesting.looked import Seen
from tradecanary.backtesting.record import BadRow, Counts
from tradecanary.backtesting.routed import Period
from tradecanary.processors.decision.guards import canary_pnl_micros, excess_loss_micros
from tradecanary.processors.decision.policy import Policy
from tradecanary.schemas.decisions import Decision, DecisionKind
from tradecanary.schemas.units import MICROS

RECORDED_LOOKS, GRID = "recorded looks", "grid"
ROLLED_BACK, PROMOTED, UNDECIDED = "rolled back", "promoted", "undecided"
_ENDS = {DecisionKind.ROLL_BACK: ROLLED_BACK, DecisionKind.PROMOTE: PROMOTED}


@dataclass(frozen=True)
class PolicyResult:
    """One policy on the record.

    `how`: GRID (looked at every 200 ms of event time) or RECORDED_LOOKS (what ran live, again).
    `thinned`: canary orders left out for the policy's weight. `unserved`: orders submitted while
    the policy asked for more canary than the record had, or that no coin had decided.
    """

    policy: Policy
    how: str
    rollout: str
    seen: Seen
    thinned: int = 0
    unserved: int = 0

    @property
    def name(self) -> str:
        """The policy's name and the beginning of its hash."""
        return f"{self.policy.name}@{self.policy.hash[:8]}"

    @property
    def decided(self) -> tuple[Decision, ...]:
        """The decisions, in order."""
        return tuple(self.seen.decisions)

    @property
    def end(self) -> Decision | None:
        """The decision that ended it: the promotion or the roll-back; None when there was none."""
        return next((one for one in self.seen.decisions if one.kind in _ENDS), None)

    @property
    def outcome(self) -> str:
        """ROLLED_BACK, PROMOTED (from there on the record cannot tell) or UNDECIDED."""
        return UNDECIDED if self.end is None else _ENDS[self.end.kind]

    @property
    def reason(self) -> str:
        """Why it ended, or what still held it when the record did."""
        if self.end is not None:
            return self.end.reason
        last = self.seen.last
        if last is None:
            return "no look saw the rollout"
        held = f": {last.hold_reason}" if last.hold else ""
        return f"{last.status.value} at {last.canary_bp / 100:g} % when the record ended{held}"

    @property
    def money(self) -> Money:
        """Orders and money of the canary up to the end."""
        last = self.seen.last
        if last is None:
            return Money(0, 0, 0.0, 0.0)
        return Money(
            last.canary.orders,
            last.stable.orders,
            canary_pnl_micros(last) / MICROS,
            excess_loss_micros(last) / MICROS,
        )

    @cached_property
    def decisions(self) -> pd.DataFrame:
        """One row a decision: see `tables.decisions`."""
        return tables.decisions(self.decided)

    @cached_property
    def windows(self) -> pd.DataFrame:
        """One row a cohort and variant: see `tables.windows`."""
        return tables.windows(self.seen)

    @cached_property
    def evidence(self) -> pd.DataFrame:
        """One row a second and stream (or comparison) of the judge: see `tables.evidence`."""
        return tables.evidence(self.seen)


@dataclass(frozen=True, slots=True)
class Money:
    """Orders and money, in the reporting currency; `excess_loss`: lost against stable."""

    canary_orders: int
    stable_orders: int
    canary_pnl: float
    excess_loss: float


@dataclass(frozen=True)
class Backtest:
    """Everything a backtest found. Money is in the reporting currency.

    `same_as_live`: whether the decisions of the recorded looks are those in the topic, to the byte;
    None where no look was recorded or none was asked for.
    """

    strategy: str
    stable: str
    canary: str
    source: str
    first_us: int
    last_us: int
    events: int
    counts: Counts
    bad: tuple[BadRow, ...]
    periods: tuple[Period, ...]
    policies: tuple[PolicyResult, ...]
    same_as_live: bool | None = None

    @property
    def happened(self) -> Money:
        """Orders and money of the record's canary, as it was traded."""
        if not self.periods:
            figures = [one.money for one in self.policies]
            return Money(
                sum(one.canary_orders for one in figures),
                sum(one.stable_orders for one in figures),
                sum(one.canary_pnl for one in figures),
                sum(one.excess_loss for one in figures),
            )
        return Money(
            sum(period.canary_orders for period in self.periods),
            sum(period.stable_orders for period in self.periods),
            sum(period.canary_pnl_micros for period in self.periods) / MICROS,
            sum(period.excess_loss_micros for period in self.periods) / MICROS,
        )

    @cached_property
    def decisions(self) -> pd.DataFrame:
        """All policies' decisions, the policy in front."""
        return tables.joined([(one.name, one.decisions) for one in self.policies])

    @cached_property
    def windows(self) -> pd.DataFrame:
        """All policies' windows, the policy in front."""
        return tables.joined([(one.name, one.windows) for one in self.policies])

    @cached_property
    def evidence(self) -> pd.DataFrame:
        """All policies' evidence, the policy in front."""
        return tables.joined([(one.name, one.evidence) for one in self.policies])

    @cached_property
    def comparison(self) -> pd.DataFrame:
        """One row a policy: how and when it ended, at what exposure, and the money spared.

        `spared`: by how much less the canary lost against stable than in what happened; negative
        is lost. Thinned evidence stands for fewer orders than a live run would have: see `thinned`.
        """
        frame = pd.DataFrame(self.compared())
        ended = pd.to_datetime(frame.pop("at_us").astype("Int64"), unit="us", utc=True)
        frame.insert(4, "at", ended)
        return frame

    def compared(self) -> list[dict[str, Any]]:
        """Return the rows of `comparison` as plain values."""
        happened = self.happened
        rows = []
        for one in self.policies:
            end, money = one.end, one.money
            began = next((d for d in one.decided if d.kind is DecisionKind.START), None)
            rows.append(
                {
                    "policy": one.name,
                    "rollout": one.rollout,
                    "how": one.how,
                    "outcome": one.outcome,
                    "at_us": end.time_us if end else None,
                    "after_s": (end.time_us - began.time_us) / MICROS if end and began else None,
                    "reached_bp": _reached_bp(one.decided),
                    "canary_orders": money.canary_orders,
                    "stable_orders": money.stable_orders,
                    "canary_pnl": round(money.canary_pnl, 6),
                    "excess_loss": round(money.excess_loss, 6),
                    "spared": round(happened.excess_loss - money.excess_loss, 6),
                    "thinned": one.thinned,
                    "unserved": one.unserved,
                    "reason": one.reason,
                }
            )
        return rows

    def html(self) -> str:
        """Return the report: one page with plots inline, no request to anywhere."""
        from tradecanary.backtesting.report import page

        return page(self)


def _reached_bp(decisions: Sequence[Decision]) -> int:
    """Return the highest canary weight that the rollout reached."""
    return max((trail.canary_weight_bp(one) for one in decisions), default=0)
