"""What the judge remembers of a rollout: exact totals of its bets, restarts, stratified sums.

Arrays are kept as bytes: frozen, comparable, and the same in a snapshot as in memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from pydantic import Base64Bytes

from tradecanary.processors.decision.judge_settings import Sequential
from tradecanary.processors.decision.judges.sequential.bets import Longs
from tradecanary.processors.decision.judges.sequential.means import FIELDS, Doubles
from tradecanary.processors.decision.judges.sequential.reference import (
    MeasureReference,
    Reference,
    has_far_tail,
    has_tail,
    weights_of,
)
from tradecanary.processors.decision.judges.sequential.streams import (
    BETS,
    MEASURED,
    PROMOTION_TESTS,
    ROLLBACK_ROWS,
    ROWS,
    STREAMS,
    PromotionTest,
    Stream,
)

KEPT_RESTARTS = 16
"""Older restarts count as nothing from then on: valid, and the state stays small."""
_BAD_SIGN = {measured.measure: measured.bad_sign for measured in MEASURED}
_RHO = 3.0
"""Width of the mixture: 3 * d1 / variance (statistics.md 2.3)."""


@dataclass(frozen=True, slots=True)
class StreamTerms:
    """What START fixed for a stream.

    `weight` 0: not judged. `rows` carry it. `rho`: width of its mixture. `tolerance` and `margin`
    (d0, d1) are in units of what is summed, or a share of stable's mean where `relative`.
    `promotion`: whether its non-inferiority test must pass.
    """

    weight: float
    rows: tuple[int, ...]
    rho: float
    tolerance: float
    margin: float
    relative: bool
    promotion: bool


@dataclass(frozen=True, slots=True)
class SequentialState:
    """The judge's state, one value a rollout."""

    terms: tuple[StreamTerms, ...]
    restart_at: int
    totals: Base64Bytes = bytes(8 * ROWS * BETS)
    restarts: tuple[Base64Bytes, ...] = ()
    restarted: int = 0
    phase: int = -1
    means: dict[int, Base64Bytes] = field(default_factory=dict)
    canary_orders: int = 0
    passed: dict[str, int] = field(default_factory=dict)
    log_e_micro_nats: int = 0
    harm: str = ""


def start(settings: Sequential, reference: Reference) -> SequentialState:
    """Return the state before the first order: weights, widths and tests are fixed here."""
    weights = weights_of(reference)
    known = dict(zip((m.measure for m in MEASURED), reference.measures, strict=True))
    terms = tuple(
        _terms(stream, weight, settings, reference, known.get(stream.source))
        for stream, weight in zip(STREAMS, weights, strict=True)
    )
    return SequentialState(terms, settings.restart_orders)


def tests_of(state: SequentialState) -> list[PromotionTest]:
    """Return the non-inferiority tests that this rollout has to pass."""
    return [test for test in PROMOTION_TESTS if state.terms[test.stream].promotion]


def totals_of(state: SequentialState) -> Longs:
    """Return the exact sums of all bets (ROWS x BETS), in nano-nats."""
    return np.frombuffer(state.totals, "<i8").reshape(ROWS, BETS)


def restarts_of(state: SequentialState) -> Longs:
    """Return the kept restarts' totals (restarts x ROLLBACK_ROWS x BETS), oldest first."""
    flat = np.frombuffer(b"".join(state.restarts), "<i8")
    return flat.reshape(-1, ROLLBACK_ROWS, BETS)


def means_of(state: SequentialState) -> Doubles:
    """Return the stratified sums (phases x streams x FIELDS)."""
    flat = np.frombuffer(b"".join(state.means[phase] for phase in sorted(state.means)), "<f8")
    return flat.reshape(-1, len(STREAMS), len(FIELDS))


def phase_means(state: SequentialState, phase: int) -> Doubles:
    """Return the stratified sums of one phase (streams x FIELDS)."""
    kept = state.means.get(phase)
    shape = len(STREAMS), len(FIELDS)
    return np.zeros(shape) if kept is None else np.frombuffer(kept, "<f8").reshape(shape)


def packed(array: Longs | Doubles) -> bytes:
    """Return the array as the bytes of a state."""
    kind = "<i8" if array.dtype.kind == "i" else "<f8"
    return np.ascontiguousarray(array, kind).tobytes()


def kept(restarts: Iterable[bytes]) -> tuple[bytes, ...]:
    """Return the restarts that still count."""
    return tuple(restarts)[-KEPT_RESTARTS:]


def _terms(
    stream: Stream,
    weight: float,
    settings: Sequential,
    reference: Reference,
    known: MeasureReference | None,
) -> StreamTerms:
    rows, relative, positive = stream.rows, False, True
    if stream.name == "fill_rate":
        margin, variance = (
            settings.margins.fill_rate_pp / 100,
            _rate_variance(reference.unfilled_rate),
        )
    elif stream.name == "error_rate":
        margin, variance = (
            settings.margins.error_rate_pp / 100,
            _rate_variance(reference.error_rate),
        )
    elif known is None:
        return StreamTerms(0.0, (), 1.0, 0.0, 0.0, relative=False, promotion=False)
    elif stream.name.endswith("_tail"):
        rows = rows if has_far_tail(known) else rows[:1]
        margin, variance = (settings.margins.tail_ratio - 1) / 100, _rate_variance(0.01)
        positive = has_tail(known, _BAD_SIGN[known.measure])
    elif stream.name.endswith("_rank"):
        margin, variance = 0.05, 1 / 12
        positive = known.score_margin > 0
    else:
        margin, variance, relative = known.margin, known.variance, known.relative
    size = margin * abs(known.mean) if known is not None and relative else margin
    rho = _RHO * size / variance if variance > 0 and size > 0 else 1.0
    tolerance = margin * settings.tolerance
    if known is not None and stream.name.endswith("_rank"):
        margin, tolerance = known.score_margin, known.score_tolerance
    judged = weight > 0 and math.isfinite(rho)
    return StreamTerms(weight, rows, rho, tolerance, margin, relative, judged and positive)


def _rate_variance(rate: float) -> float:
    """At least that of half a percent: a reference without bad orders says little of none."""
    held = min(max(rate, 0.005), 0.5)
    return held * (1 - held)
