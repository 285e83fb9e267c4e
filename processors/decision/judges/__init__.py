"""Judges behind one interface: a judge is a row of the table `JUDGES`.

A judge folds mature cohorts into its own state and answers, at any look, with a verdict on the
evidence. It never sees a clock, a topic or a rollout.
"""

from __future__ import annotations

from collections.abc import Mapping

from tradecanary.processors.decision.judges import thresholds
from tradecanary.processors.decision.judges.judge import Judge
from tradecanary.processors.decision.judges.sequential.judge import JUDGE as SEQUENTIAL

JUDGES: Mapping[str, Judge] = {
    "sequential": SEQUENTIAL,
    "thresholds": thresholds.JUDGE,
}
