"""A backtest's tables as pandas DataFrames; times are UTC, units are in the names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from tradecanary import trail
from tradecanary.backtesting.looked import Sample, Seen
from tradecanary.processors.decision.sums import Sums
from tradecanary.schemas.decisions import Decision
from tradecanary.schemas.units import CANARY, MICROS, STABLE, US_PER_MS

_DECISIONS = (
    "time", "number", "kind", "status", "canary_bp", "canary_orders", "stable_orders", "reason",
    "hash",
)  # fmt: skip
_WINDOWS = (
    "start", "variant", "orders", "fill_rate_pct", "error_rate_pct", "latency_ms", "slippage_bp",
    "pnl", "notional", "late",
)  # fmt: skip
_EVIDENCE = (
    "time", "canary_bp", "status", "verdict", "promotable", "stream", "effect", "low", "high",
    "margin", "log_e", "orders", "reason",
)  # fmt: skip

LOG_E = "log e"
"""The unit of comparisons of e-values."""


def _frame(rows: list[tuple[Any, ...]], columns: Sequence[str], time: str) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(columns))
    frame[time] = pd.to_datetime(frame[time], unit="us", utc=True)
    return frame


def decisions(made: Sequence[Decision]) -> pd.DataFrame:
    """Return one row a decision; `canary_bp` and orders as of it."""
    rows = [
        (
            one.time_us,
            one.number,
            one.kind.value,
            one.status.value,
            trail.canary_weight_bp(one),
            trail.orders_of(one, CANARY),
            trail.orders_of(one, STABLE),
            one.reason,
            one.hash,
        )
        for one in made
    ]
    return _frame(rows, _DECISIONS, "time")


def windows(seen: Seen) -> pd.DataFrame:
    """Return one row a cohort (1 s of `submitted_at`) and variant: what counted as evidence."""
    rows = [
        (start_us, variant, sums.orders, *_figures(sums), sums.late)
        for (start_us, variant), sums in sorted(seen.windows.items())
    ]
    return _frame(rows, _WINDOWS, "start")


def _figures(sums: Sums) -> tuple[float | None, ...]:
    latency, slippage = sums.measure("latency_us"), sums.measure("slippage_milli_bp")
    return (
        _share(sums.filled * 100, sums.orders),
        _share(sums.errors * 100, sums.orders),
        _share(latency.total, latency.n * US_PER_MS),
        _share(slippage.total, slippage.n * 1000),
        sums.measure("pnl_micros").total / MICROS,
        sums.measure("notional_micros").total / MICROS,
    )


def _share(total: float, n: int) -> float | None:
    return total / n if n else None


def evidence(seen: Seen) -> pd.DataFrame:
    """Return the judge's word, one row a second and stream; comparisons have a row of their own.

    A stream of a sequential judge has effect, confidence sequence, tolerance (`margin`) and log
    e-value (nats); a comparison has its value as effect and its limit as margin. A comparison of
    e-values has its value in `log_e`: `e_value` is that of all streams together.
    """
    rows = [row for sample in seen.samples for row in _rows(sample)]
    return _frame(rows, _EVIDENCE, "time")


def _rows(sample: Sample) -> Iterator[tuple[Any, ...]]:
    said = sample.judgement
    head = (
        sample.time_us,
        sample.canary_bp,
        sample.status.value,
        said.verdict.value,
        said.promotable,
    )
    for stream in sample.streams:
        figures = (stream.effect, stream.low, stream.high, stream.margin)
        log_e = stream.log_e_micro_nats / MICROS
        yield (*head, stream.stream, *figures, log_e, stream.orders, said.reason)
    for check in said.checks:
        of_e = check.unit == LOG_E
        effect, value = (None, check.value) if of_e else (check.value, None)
        yield (*head, check.name, effect, None, None, check.limit, value, None, said.reason)
    if not (sample.streams or said.checks):
        yield (*head, *(None,) * 7, said.reason)


def joined(frames: Sequence[tuple[str, pd.DataFrame]]) -> pd.DataFrame:
    """Return the frames under each other, with a first column `policy`."""
    named = [frame.assign(policy=name) for name, frame in frames]
    if not named:
        return pd.DataFrame()
    whole = pd.concat(named, ignore_index=True)
    return whole[["policy", *(column for column in whole.columns if column != "policy")]]
