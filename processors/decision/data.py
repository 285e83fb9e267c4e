"""Is there enough data to trust? Stale, incomplete or silent: hold, after a limit roll back.

No data is never success.
"""

from __future__ import annotations

from dataclasses import dataclass

from tradecanary.processors.decision.chain import Cause
from tradecanary.processors.decision.evidence import expected_canary_units
from tradecanary.processors.decision.frontier import HEARD_US, Flow
from tradecanary.processors.decision.holds import HoldCode
from tradecanary.processors.decision.model import Rollout
from tradecanary.schemas.decisions import Check
from tradecanary.schemas.units import US_PER_S

_FEWEST_MISROUTED = 5
"""A few may be a router that restarted in the middle of a change."""


@dataclass(frozen=True, slots=True)
class DataProblem:
    """What is wrong with the data; without the code of a hold it means roll back."""

    hold: HoldCode | None
    reason: str
    check: Check

    @property
    def harm(self) -> bool:
        """Whether to roll back."""
        return self.hold is None

    @property
    def cause(self) -> Cause:
        """The problem as the cause of a decision."""
        return Cause(self.reason, checks=(self.check,))


def data_problem(rollout: Rollout, flow: Flow, now_us: int) -> DataProblem | None:
    """Return the gravest problem of the data at this look, or None."""
    found = [
        problem
        for problem in (
            _stale(rollout, flow, now_us),
            late_evidence(rollout, flow, now_us),
            _lost(rollout),
            _silent(rollout),
            _foreign(rollout),
            _misrouted(rollout),
        )
        if problem is not None
    ]
    return next((problem for problem in found if problem.harm), found[0] if found else None)


def _stale(rollout: Rollout, flow: Flow, now_us: int) -> DataProblem | None:
    limits = rollout.spec.policy.data
    age_s = flow.data_age_us(now_us) / US_PER_S
    harm = age_s > limits.stale_roll_back_s
    limit = limits.stale_roll_back_s if harm else limits.stale_hold_s
    if age_s <= limit:
        return None
    check = Check("data_age", age_s, limit, "s", breached=True)
    hold = None if harm else HoldCode.STALE
    return DataProblem(hold, f"data are {age_s:.1f} s old (limit {limit:g} s)", check)


def late_evidence(rollout: Rollout, flow: Flow, now_us: int) -> DataProblem | None:
    """Return that the judge sees orders late: one publisher's clock holds the watermark back.

    It never rolls back: guards see every event at once, and the publisher may be another strategy's
    or send what an outage had held up. A publisher is waited for HEARD_US as it is. A decider that
    takes over reads first what came meanwhile; nothing rises before.
    """
    horizon_us = max(rollout.order_horizon_us, 0)
    limit_s = rollout.spec.policy.data.stale_hold_s + (horizon_us + HEARD_US) / US_PER_S
    behind_s = flow.behind_us(now_us) / US_PER_S
    if behind_s <= limit_s or not flow.is_confirmed():  # else it is what nobody counted meanwhile
        return None
    check = Check("evidence_delay", behind_s, limit_s, "s", breached=True)
    reason = (
        f"orders are judged {behind_s:.1f} s late (limit {limit_s:g} s): the newest event of "
        f"{flow.slowest(now_us)} is that old; look at its clock"
    )
    return DataProblem(HoldCode.STALE, reason, check)


def _lost(rollout: Rollout) -> DataProblem | None:
    limits, flow = rollout.spec.policy.data, rollout.phase.flow
    events, missing, bad = flow.events, flow.missing, flow.bad
    missing_pct = missing * 100 / (events + missing) if missing > 0 else 0.0
    bad_pct = bad * 100 / (events + bad) if bad > 0 else 0.0
    harm = missing_pct > limits.missing_roll_back_pct
    limit = limits.missing_roll_back_pct if harm else limits.missing_hold_pct
    if missing_pct > limit:
        check = Check("missing", missing_pct, limit, "%", breached=True)
        text = f"{missing} of {events + missing} events of the phase are missing"
        hold = None if harm else HoldCode.MISSING
        return DataProblem(hold, f"{text}: {missing_pct:.2f} % (limit {limit:g} %)", check)
    if bad_pct > limits.bad_hold_pct:
        check = Check("bad_records", bad_pct, limits.bad_hold_pct, "%", breached=True)
        text = f"{bad} of {events + bad} records of the phase are bad"
        reason = f"{text}: {bad_pct:.2f} % (limit {limits.bad_hold_pct:g} %)"
        return DataProblem(HoldCode.BAD, reason, check)
    return None


def _foreign(rollout: Rollout) -> DataProblem | None:
    """Losses of a publisher without sequence numbers may depend on the variant, unseen."""
    judge = rollout.spec.policy.judge
    if judge.kind == "thresholds" or judge.allow_foreign:
        return None
    events = rollout.phase.flow.foreign
    if events <= 0:
        return None
    reason = (
        f"{events} events of the phase came from publishers without sequence numbers, whose losses "
        "nobody sees: number them, or say judge.allow_foreign"
    )
    check = Check("foreign", events, 0, "events", breached=True)
    return DataProblem(HoldCode.FOREIGN, reason, check)


def _misrouted(rollout: Rollout) -> DataProblem | None:
    """An order routed against its vector is no evidence: lost like a missing one, so limited so."""
    limit, astray = rollout.spec.policy.data.missing_hold_pct, rollout.misrouted
    orders = rollout.stable.orders + rollout.canary.orders + astray
    if astray < _FEWEST_MISROUTED or astray * 100 <= limit * orders:
        return None
    share_pct = astray * 100 / orders
    reason = (
        f"{astray} of {orders} orders were not routed as their revision says: {share_pct:.2f} % "
        f"(limit {limit:g} %)"
    )
    check = Check("misrouted", share_pct, limit, "%", breached=True)
    return DataProblem(HoldCode.MISROUTED, reason, check)


def _silent(rollout: Rollout) -> DataProblem | None:
    expected, units = expected_canary_units(rollout)
    limit = rollout.spec.policy.guards.silent_orders
    if expected < limit:
        return None
    check = Check("silent", expected, limit, units, breached=True)
    reason = f"silent: 0 canary {units} while {expected:.0f} were expected (limit {limit})"
    return DataProblem(None, reason, check)
