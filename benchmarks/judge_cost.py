"""What the judge `sequential` costs a rollout at a look: a cohort folded in both streams, judged.

Its orders are those of `make bench-decisions`: a cohort has 10 canary orders, and is ripe at once.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import numpy as np

from benchmarks.decisions.drawn import in_batches
from benchmarks.decisions.sequential import adapter
from tradecanary.processors.decision.judge_settings import Sequential

_WEIGHT_BP = 500
_CANARY_ORDERS_A_LOOK = 10
_WARM_UP_LOOKS = 200


def measure(looks: int) -> Iterator[dict[str, float]]:
    """Yield empty results while it works, then the microseconds of processor time a look."""
    judge = adapter(Sequential())
    orders = (looks + _WARM_UP_LOOKS) * _CANARY_ORDERS_A_LOOK
    flow = in_batches(_WEIGHT_BP, orders).flow(np.random.SeedSequence(1))
    state = judge.start(flow.reference)
    taken_us: list[float] = []
    for number, look in enumerate(flow.looks(judge.histograms)):
        began_ns = time.process_time_ns()
        for mature in look.matured:
            state = judge.fold(state, mature)
        judge.judge(state, look.stable, look.canary)
        taken_us.append((time.process_time_ns() - began_ns) / 1_000)
        if number % 100 == 0:
            yield {}
    taken_us = taken_us[_WARM_UP_LOOKS:]
    yield {
        "judge_us_per_look": statistics.median(taken_us),
        "judge_p99_us_per_look": statistics.quantiles(taken_us, n=100)[98],
    }
