"""The methods that are compared, one row each.

A production judge is a row `"NAME": partial(canary_orders_until, ADAPTER)` in JUDGED, with a
JudgeAdapter that starts, feeds and asks the judge of `processors/decision/judges` and holds no
formula of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from benchmarks.decisions.flow import Flow, MatureCohort
from benchmarks.decisions.judging import JudgeAdapter, Outcome, canary_orders_until
from benchmarks.decisions.peers import (
    fixed_horizon,
    peer_orders_until,
    polled_mann_whitney,
    pooled_sequence,
)
from benchmarks.decisions.sequential import SEQUENTIAL, SEQUENTIAL_EXACT, adapter
from tradecanary.processors.decision.judge_settings import Sequential, Thresholds
from tradecanary.processors.decision.judges import JUDGES
from tradecanary.processors.decision.judges.judge import Judgement
from tradecanary.processors.decision.sums import Sums
from tradecanary.schemas.decisions import VariantEvidence

Method = Callable[[Flow], Outcome]


def _no_state(_: Sums) -> None:
    return None


def _nothing_folded(state: None, _: MatureCohort) -> None:
    return state


def _thresholds(_: None, stable: VariantEvidence, canary: VariantEvidence) -> Judgement:
    return JUDGES["thresholds", "order"].judge(None, Thresholds(), stable, canary)


THRESHOLDS: JudgeAdapter[None] = JudgeAdapter(_no_state, _nothing_folded, _thresholds, None)
"""The plain rules with their defaults, on the pooled evidence: they fold nothing."""

JUDGED: Mapping[str, Method] = {
    SEQUENTIAL: partial(canary_orders_until, adapter(Sequential())),
    SEQUENTIAL_EXACT: partial(canary_orders_until, adapter(Sequential(tolerance=0))),
    "thresholds": partial(canary_orders_until, THRESHOLDS),
}
"""Production judges: looked at by the clock, too, and asked for promotion."""

PEERS: Mapping[str, Method] = {
    "polled Mann-Whitney": partial(peer_orders_until, polled_mann_whitney),
    "pooled sequence": partial(peer_orders_until, pooled_sequence),
    "fixed-horizon t": partial(peer_orders_until, fixed_horizon),
}

METHODS: Mapping[str, Method] = {**JUDGED, **PEERS}
