"""From sums to a verdict: e-values averaged over streams and restarts, tests of promotion.

Roll back when the weighted average of e-values reaches 1/alpha: valid at every look, under any
dependence of the streams (Ville's inequality; statistics.md 2.4). Promote when each
non-inferiority test has passed at some time (latched) and there are orders enough (2.6).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np

from tradecanary.processors.decision.judge_settings import Sequential
from tradecanary.processors.decision.judges.judge import Judgement, Verdict
from tradecanary.processors.decision.judges.sequential import words
from tradecanary.processors.decision.judges.sequential.bets import Doubles, log_e
from tradecanary.processors.decision.judges.sequential.evidence import (
    MICRO,
    evidence,
    limit_micro_nats,
    micro_nats,
)
from tradecanary.processors.decision.judges.sequential.means import (
    Difference,
    differences,
    log_half_normal,
)
from tradecanary.processors.decision.judges.sequential.state import (
    SequentialState,
    StreamTerms,
    means_of,
    restarts_of,
    tests_of,
    totals_of,
)
from tradecanary.processors.decision.judges.sequential.streams import (
    MEANS,
    ROLLBACK_ROWS,
    STREAMS,
)
from tradecanary.schemas.decisions import Check, StreamEvidence

BURN_IN = 100
"""Orders of each arm before a mean is trusted."""


def weighed(state: SequentialState, settings: Sequential) -> SequentialState:
    """Return the state with its evidence weighed: harm and passed tests stay, once reached."""
    shifts = differences(means_of(state), MEANS)
    by_stream = stream_log_e(state, _row_log_e(state), shifts)
    shares = [
        math.log(term.weight) + value if term.weight else -math.inf
        for term, value in zip(state.terms, by_stream, strict=True)
    ]
    total = micro_nats(_log_sum(shares))
    harm = state.harm
    if not harm and total >= limit_micro_nats(settings.alpha):
        harm = words.harm(STREAMS[shares.index(max(shares))], state, total, settings)
    return replace(
        state,
        log_e_micro_nats=total,
        harm=harm,
        passed=state.passed | _newly_passed(state, settings, shifts),
    )


def judge(state: SequentialState, settings: Sequential) -> Judgement:
    """Return the verdict on all that was folded so far."""
    limit = limit_micro_nats(settings.alpha)
    check = Check(
        "e_value", state.log_e_micro_nats / MICRO, limit / MICRO, "log e", bool(state.harm)
    )
    if state.harm:
        return Judgement(Verdict.HARMFUL, promotable=False, reason=state.harm, checks=(check,))
    waiting = [test.name for test in tests_of(state) if test.name not in state.passed]
    enough = state.canary_orders >= settings.promotion_orders
    ready = enough and not waiting
    verdict = Verdict.HEALTHY if ready else Verdict.INCONCLUSIVE
    reason = words.standing(state, settings, waiting)
    return Judgement(verdict, promotable=ready, reason=reason, checks=(check,))


def stream_log_e(
    state: SequentialState, rows: Doubles, shifts: Mapping[int, Difference]
) -> tuple[float, ...]:
    """Return log e of every stream, -inf where nothing is judged yet.

    `rows`: of the roll-back rows, restarts included. `shifts`: of MEANS at least.
    """
    by_row = rows.tolist()
    found = []
    for index, term in enumerate(state.terms):
        if term.rows:
            values = [by_row[row] for row in term.rows]
            found.append(_log_sum(values) - math.log(len(values)))
        else:
            found.append(_mean_log_e(term, index, shifts.get(index)))
    return tuple(found)


def streams(state: SequentialState) -> tuple[StreamEvidence, ...]:
    """Return every judged stream's e-value, effect with interval, tolerance and orders."""
    shifts = differences(means_of(state), range(len(STREAMS)))
    return evidence(state, stream_log_e(state, _row_log_e(state), shifts), shifts)


def _row_log_e(state: SequentialState) -> Doubles:
    totals = totals_of(state)[:ROLLBACK_ROWS]
    parts = np.concatenate([totals[None], totals - restarts_of(state)])
    log_weights, log_unstarted = _restart_weights(state.restarted, len(state.restarts))
    logs = log_e(parts) + log_weights
    top = np.maximum(logs.max(axis=0), log_unstarted)
    found: Doubles = top + np.log(np.exp(logs - top).sum(axis=0) + np.exp(log_unstarted - top))
    return found


def _log_sum(logs: Iterable[float]) -> float:
    """Return the log of the sum of exp(logs)."""
    values = tuple(logs)
    top = max(values)
    return (
        top + math.log(sum(math.exp(value - top) for value in values)) if top > -math.inf else top
    )


@lru_cache(maxsize=1024)
def _restart_weights(restarted: int, kept: int) -> tuple[Doubles, float]:
    """Half on the start, half as 6 / (pi^2 k^2) on restart k; one not started counts as 1.

    Returned as logs: a column (1 + kept, 1), and what is not started yet.
    """
    spent = 0.5 * 6 / math.pi**2 / np.arange(1, restarted + 1) ** 2
    unstarted = max(0.5 - float(spent.sum()), 1e-300)
    weights = np.concatenate([[0.5], spent[restarted - kept :]])
    return np.log(weights)[:, None], math.log(unstarted)


def _mean_log_e(term: StreamTerms, index: int, shift: Difference | None) -> float:
    if shift is None or not term.weight or min(shift.orders, shift.control) < BURN_IN:
        return -math.inf
    ratio = 1 + term.tolerance if term.relative else 1.0
    sign = STREAMS[index].bad_sign
    s = sign * (shift.canary - ratio * shift.stable)
    if not term.relative:
        s -= term.tolerance * shift.omega
    return log_half_normal(s, shift.variance(ratio), term.rho)


def _newly_passed(
    state: SequentialState, settings: Sequential, shifts: Mapping[int, Difference]
) -> dict[str, int]:
    limit = limit_micro_nats(settings.beta)
    waiting = [test for test in tests_of(state) if test.name not in state.passed]
    if not waiting:
        return {}
    rows = log_e(totals_of(state))
    found = {}
    for test in waiting:
        if test.row >= 0:
            value = float(rows[test.row])
        else:
            term, shift = state.terms[test.stream], shifts.get(test.stream)
            value = _health_log_e(term, test.stream, settings, shift)
        if micro_nats(value) >= limit:
            found[test.name] = state.canary_orders
    return found


def _health_log_e(
    term: StreamTerms, index: int, settings: Sequential, shift: Difference | None
) -> float:
    """Null: the canary's mean is worse by the margin or more."""
    if shift is None or shift.orders < settings.promotion_orders or shift.control < BURN_IN:
        return -math.inf
    ratio = 1 + term.margin if term.relative else 1.0
    s = STREAMS[index].bad_sign * (ratio * shift.stable - shift.canary)
    if not term.relative:
        s += term.margin * shift.omega
    return log_half_normal(s, shift.variance(ratio), term.rho)
