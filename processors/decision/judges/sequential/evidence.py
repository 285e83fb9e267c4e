"""What of the statistics is shown and hashed: rounded, finite, in natural units."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tradecanary.processors.decision.judges.sequential.means import Difference, half_width
from tradecanary.processors.decision.judges.sequential.state import SequentialState, StreamTerms
from tradecanary.processors.decision.judges.sequential.streams import STREAMS, Stream
from tradecanary.schemas.decisions import StreamEvidence

MICRO = 1_000_000
_MOST_MICRO = 1 << 62
INTERVAL_ALPHA = 0.05
"""Intervals are 95 % confidence sequences: valid at every look, each for itself."""


def limit_micro_nats(alpha: float) -> int:
    """Return log(1 / alpha), rounded up."""
    return math.ceil(-math.log(alpha) * MICRO)


def micro_nats(nats: float) -> int:
    """Return a log e-value as the integer that is compared and hashed."""
    if not math.isfinite(nats):
        return -_MOST_MICRO if nats < 0 else _MOST_MICRO
    return max(-_MOST_MICRO, min(round(nats * MICRO), _MOST_MICRO))


def evidence(
    state: SequentialState,
    log_e: tuple[float, ...],
    shifts: Mapping[int, Difference],
) -> tuple[StreamEvidence, ...]:
    """Return the evidence of every judged stream that has orders of both variants."""
    found = []
    for index, (stream, term) in enumerate(zip(STREAMS, state.terms, strict=True)):
        shift = shifts.get(index)
        if term.weight and shift is not None:
            found.append(_shown(stream, term, log_e[index], shift))
    return tuple(found)


def interval(term: StreamTerms, shift: Difference) -> tuple[float, float]:
    """Return the confidence sequence of the effect, in units of what is summed."""
    width = half_width(shift.variance(), term.rho, INTERVAL_ALPHA / 2) / shift.omega
    return shift.effect - width, shift.effect + width


def rounded(value: float) -> float:
    """Return nine significant digits: the last ones differ between machines."""
    return float(f"{value:.9g}")


def _shown(stream: Stream, term: StreamTerms, log_e: float, shift: Difference) -> StreamEvidence:
    factor = stream.shown_sign / stream.scale
    low, high = sorted(end * factor for end in interval(term, shift))
    base = abs(shift.stable / shift.omega) if term.relative else 1.0
    tolerance = term.tolerance * base * stream.bad_sign * factor
    return StreamEvidence(
        stream=stream.name,
        log_e_micro_nats=micro_nats(log_e) if math.isfinite(log_e) else 0,
        effect=rounded(shift.effect * factor),
        low=rounded(low),
        high=rounded(high),
        margin=rounded(tolerance),
        orders=shift.orders,
    )
