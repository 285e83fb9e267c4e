"""Stable's recorded orders as the history that a rollout would be planned with."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tradecanary.backtesting import kernel as at
from tradecanary.backtesting.feed import FedBatch
from tradecanary.backtesting.record import Record
from tradecanary.processors.aggregation.oracle import PlainFold
from tradecanary.processors.decision.history import GENERATION_ORDERS, History, take_in
from tradecanary.processors.stage import TopicPartition
from tradecanary.schemas.codec import decode, encode
from tradecanary.schemas.execution import ExecutionEvent, Kind
from tradecanary.schemas.metrics import AggregationSnapshot
from tradecanary.schemas.topics import EXECUTIONS
from tradecanary.schemas.units import STABLE, US_PER_S

MOST_ORDERS = 2 * GENERATION_ORDERS
"""As many of stable's last orders as the decider remembers."""
_PAUSE_US = 60 * US_PER_S
"""A longer gap between orders is a closed market: it does not count for the rate."""
_OUTCOME = list(Kind).index(Kind.OUTCOME)
_NO_NUMBER = -1


@dataclass(frozen=True, slots=True)
class StableFlow:
    """Stable's last orders, how many orders of all variants come a second, and by which unit."""

    history: History
    orders_per_s: float
    by_account: bool


def stable_flow(record: Record) -> StableFlow:
    """Return the last orders of the record's newest stable version; none: an empty history."""
    columns = record.columns
    key, outcome = columns[:, at.KEY], columns[:, at.KIND_OF] == _OUTCOME
    stable = np.array([one.variant == STABLE for one in record.keys], np.bool_)[key]
    orders = np.flatnonzero(stable & outcome)
    if not len(orders):
        return StableFlow(History(), _rate(record, outcome), record.by_account())
    version = record.keys[int(key[orders[-1]])].version
    mine = stable & np.array([one.version == version for one in record.keys], np.bool_)[key]
    first = np.flatnonzero(mine & outcome)[-MOST_ORDERS:][0]
    rows = np.flatnonzero(mine[first:]) + first
    fold = PlainFold()
    fold.restore(AggregationSnapshot(0, 0, from_start=True, max_event_time_us=0, publishers=()))
    values = [_unnumbered(record, int(row)) for row in rows]
    fold.add(0, FedBatch(TopicPartition(EXECUTIONS.name, 0), 0, values, 1 << 46), summed=True)
    history = take_in(History(), fold.drain().partials, version)
    return StableFlow(history, _rate(record, outcome), record.by_account())


def _unnumbered(record: Record, row: int) -> bytes:
    """Repeats were left out when the record was read: numbers would say nothing here."""
    start, length = (int(record.columns[row, place]) for place in (at.START, at.LENGTH))
    event = decode(ExecutionEvent, record.data[start : start + length].tobytes())
    return encode(replace(event, source_seq=_NO_NUMBER))


def _rate(record: Record, outcome: np.ndarray) -> float:
    """Return orders a second while there were any."""
    times = record.event_times[outcome]
    busy_us = int(np.minimum(np.diff(times), _PAUSE_US).sum()) if len(times) > 1 else 0
    return len(times) * US_PER_S / max(busy_us, US_PER_S)
