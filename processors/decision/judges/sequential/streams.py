"""The tables of the judge: which streams it weighs, with which weights, and the rows of its bets.

A stream is what is judged and shown; a row is one e-process over a grid of bets. A tail stream
averages two rows: beyond the reference's last percent and beyond its last thousandth.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measured:
    """A measure as the judge sees it.

    `bad_sign`: +1 where more is worse. `scale`: units of the measure in one natural unit.
    """

    measure: str
    name: str
    bad_sign: int
    unit: str
    scale: float


LATENCY = Measured("latency_us", "latency", +1, "ms", 1_000.0)
SLIPPAGE = Measured("slippage_milli_bp", "slippage", +1, "bp", 1_000.0)
PNL = Measured("pnl_milli_bp", "pnl", -1, "bp of notional", 1_000.0)
MEASURED = (LATENCY, SLIPPAGE, PNL)


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream: its weight in the average of e-values and the rows that carry it.

    `source`: the measure, or "" for the rates of statuses. `bad_sign`: +1 where more of what is
    summed is worse. Effects are shown in `unit`, canary less stable, one natural unit being `scale`
    of what is summed; `shown_sign` -1 shows the fill rate where unfilled orders are summed.
    """

    name: str
    weight: float
    rows: tuple[int, ...]
    source: str
    unit: str
    scale: float
    bad_sign: int = 1
    shown_sign: int = 1


# rows of bets against stable (roll-back), then rows against the margin (promotion)
FILL, ERROR = 0, 1
RANK, Q99, Q999 = 0, 1, 2
PROMOTE_FILL, PROMOTE_ERROR = 11, 12
PROMOTE_RANK, PROMOTE_Q99 = 0, 1
ROLLBACK_ROWS = 11
ROWS = 19
BETS = 6


def rollback_row(measure: int, kind: int) -> int:
    """Return the row of the roll-back bet `kind` (RANK, Q99, Q999) of MEASURED[measure]."""
    return 2 + 3 * measure + kind


def promotion_row(measure: int, kind: int) -> int:
    """Return the row of the promotion bet `kind` (PROMOTE_RANK, PROMOTE_Q99)."""
    return ROLLBACK_ROWS + 2 + 2 * measure + kind


def _streams() -> tuple[Stream, ...]:
    weights = {
        LATENCY.name: (0.15, 0.10, 0.05),
        SLIPPAGE.name: (0.15, 0.05, 0.05),
        PNL.name: (0.10, 0.05, 0.10),
    }
    found = [
        Stream("fill_rate", 0.15, (FILL,), "", "pp", 0.01, shown_sign=-1),
        Stream("error_rate", 0.05, (ERROR,), "", "pp", 0.01),
    ]
    for index, measured in enumerate(MEASURED):
        name, source = measured.name, measured.measure
        rank, tail, mean = weights[name]
        tails = (rollback_row(index, Q99), rollback_row(index, Q999))
        sign, unit, scale = measured.bad_sign, measured.unit, measured.scale
        found += [
            Stream(f"{name}_rank", rank, (rollback_row(index, RANK),), source, "pp of rank", 0.01),
            Stream(f"{name}_tail", tail, tails, source, "pp", 0.01),
            Stream(f"{name}_mean", mean, (), source, unit, scale, sign),
        ]
    return tuple(found)


STREAMS: tuple[Stream, ...] = _streams()
"""Weights of statistics.md 2.4; they sum to 1, and those of absent streams go to the others."""
INDEX = {stream.name: index for index, stream in enumerate(STREAMS)}
MEANS = tuple(INDEX[f"{measured.name}_mean"] for measured in MEASURED)


@dataclass(frozen=True, slots=True)
class PromotionTest:
    """A non-inferiority test: by a row of bets, or (row -1) by the mean of a measure."""

    name: str
    row: int
    stream: int


def _promotion_tests() -> tuple[PromotionTest, ...]:
    found = [
        PromotionTest("fill_rate", PROMOTE_FILL, INDEX["fill_rate"]),
        PromotionTest("error_rate", PROMOTE_ERROR, INDEX["error_rate"]),
    ]
    for index, measured in enumerate(MEASURED):
        name = measured.name
        rank, tail = promotion_row(index, PROMOTE_RANK), promotion_row(index, PROMOTE_Q99)
        found += [
            PromotionTest(f"{name}_rank", rank, INDEX[f"{name}_rank"]),
            PromotionTest(f"{name}_tail", tail, INDEX[f"{name}_tail"]),
            PromotionTest(f"{name}_mean", -1, INDEX[f"{name}_mean"]),
        ]
    return tuple(found)


PROMOTION_TESTS: tuple[PromotionTest, ...] = _promotion_tests()
"""All must pass (statistics.md 5.5: score and mean and tail); each at beta, no price to pay."""
