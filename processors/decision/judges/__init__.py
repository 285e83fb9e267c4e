"""Judges behind one interface: a judge is a row of the table `JUDGES`.

A judge folds mature cohorts into its own state and answers, at any look, with a verdict on the
evidence. It never sees a clock, a topic or a rollout.
"""

from __future__ import annotations

from collections.abc import Mapping

from tradecanary.processors.decision.judges import thresholds
from tradecanary.processors.decision.judges.accounts.judge import JUDGE as BY_ACCOUNT
from tradecanary.processors.decision.judges.judge import Judge
from tradecanary.processors.decision.judges.sequential.judge import JUDGE as BY_ORDER
from tradecanary.processors.decision.spec import RolloutSpec

JUDGES: Mapping[tuple[str, str], Judge] = {
    ("sequential", "order"): BY_ORDER,
    ("sequential", "account"): BY_ACCOUNT,
    ("thresholds", "order"): thresholds.JUDGE,
    ("thresholds", "account"): thresholds.JUDGE,
}
"""By kind and by the unit that the coin is tossed for, which is the unit of analysis."""


def judge_of(spec: RolloutSpec) -> Judge:
    """Return the row that judges a rollout."""
    return JUDGES[spec.policy.judge.kind, spec.unit]
