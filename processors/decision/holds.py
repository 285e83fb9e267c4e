"""Holds: what stops a rollout from rising, told when it begins and when it is over."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from tradecanary.processors.decision.chain import At, Cause, Changed, record
from tradecanary.processors.decision.model import StrategyState
from tradecanary.schemas.decisions import DecisionKind, RolloutStatus
from tradecanary.schemas.units import US_PER_S

FREE_US = 10 * US_PER_S
"""A hold that comes and goes within this is one."""


class HoldCode(StrEnum):
    """Everything that can hold: each has its row in the table of alerts and its word in the docs.

    An approval is followed by its gate: `approval Majority`.
    """

    NOTHING = ""
    APPROVAL = "approval"
    ATTEST = "attest"
    BAD = "bad"
    CATCHING_UP = "catching up"
    CRITERIA = "criteria"
    FOREIGN = "foreign"
    FROZEN = "frozen"
    GAP = "gap"
    KILLED = "killed"
    MISROUTED = "misrouted"
    MISSING = "missing"
    REFERENCE = "reference"
    SAMPLE_RATIO = "sample ratio"
    STALE = "stale"
    THROUGHPUT = "throughput"
    VERDICT = "verdict"


@dataclass(frozen=True, slots=True)
class Hold:
    """Why nothing rises now; `gate` is that of an approval."""

    code: HoldCode
    cause: Cause
    gate: str = ""

    @property
    def text(self) -> str:
        """The hold as rollouts and decisions carry it; empty when nothing holds."""
        return f"{self.code.value} {self.gate}".rstrip()


NOTHING_HOLDS = Hold(HoldCode.NOTHING, Cause(""))


def hold_on(strategy: StrategyState, hold: Hold, at: At) -> Changed:
    """Return the strategy held so, and what was decided.

    A new hold is written once, and its end when nothing has held for FREE_US.
    """
    rollout = strategy.rollout
    if rollout is None:
        return strategy, ()
    held = replace(rollout, hold=hold.text, hold_reason=hold.cause.reason)
    if hold.text:
        held = replace(held, free_since_us=-1, told_hold=hold.text)
        strategy = replace(strategy, rollout=held)
        told = hold.text == rollout.told_hold
        return (strategy, ()) if told else record(strategy, DecisionKind.HOLD, hold.cause, at)
    if not rollout.told_hold:
        return strategy, ()
    if rollout.free_since_us < 0:
        held = replace(held, free_since_us=at.now_us)
    strategy = replace(strategy, rollout=held)
    # Of a halted rollout nothing is told: RESUME would read as the end of the halt.
    if at.now_us - held.free_since_us < FREE_US or held.status is RolloutStatus.HALTED:
        return strategy, ()
    strategy = replace(strategy, rollout=held.unheld())
    reason = f"nothing has held for {FREE_US // US_PER_S} s; before: {rollout.told_hold}"
    return record(strategy, DecisionKind.RESUME, Cause(reason), at)
