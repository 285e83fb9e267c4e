"""What every rise waits for: kill switch, freeze, approval, and the end of what is to be read."""

from __future__ import annotations

from tradecanary.processors.decision.chain import At, Cause, Changed
from tradecanary.processors.decision.commands import gates
from tradecanary.processors.decision.holds import Hold, HoldCode, hold_on
from tradecanary.processors.decision.model import Rollout, StrategyState
from tradecanary.schemas.units import US_PER_S

_UNREAD_US = 5 * US_PER_S
"""A command that was just read hides the end of its topic for a look or two: not worth telling."""


def gate_hold(strategy: StrategyState, rollout: Rollout, gate: str) -> Hold | None:
    """Return what stops any rise here: kill, freeze, missing approval (always the last gate)."""
    if strategy.killed:
        return Hold(HoldCode.KILLED, Cause("the kill switch is on"))
    if strategy.frozen:
        return Hold(HoldCode.FROZEN, Cause(strategy.frozen))
    if gate in gates(rollout) and gate not in rollout.approvals:
        return Hold(HoldCode.APPROVAL, Cause(f"waiting for approval of {gate}"), gate)
    return None


def unread(strategy: StrategyState, at: At) -> Changed:
    """Wait for the end of what is to be read; told when it does not come soon."""
    if at.now_us - at.flow.read_at_us < _UNREAD_US:
        return strategy, ()
    reason = (
        "catching up: commands, kill switch or metrics are not read to their end, and an abort may "
        "be among them"
    )
    return hold_on(strategy, Hold(HoldCode.CATCHING_UP, Cause(reason)), at)
