"""A flow in columns, for peers that need no more than sums by row and variant.

Every measure is turned so that larger is worse: P&L with its sign changed, fills as unfilled.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np

from benchmarks.decisions.block import Block
from benchmarks.decisions.flow import Flow
from benchmarks.decisions.orders import FILLED, SCORED, Bools, Floats
from tradecanary.schemas.units import FULL_WEIGHT_BP

WORSE = {"unfilled": 1, "latency_us": 1, "slippage_milli_bp": 1, "pnl_milli_bp": -1}
"""The measures, and the sign that makes larger worse."""


@dataclass(frozen=True, slots=True)
class Column:
    """One measure by (row, variant), stable first: count, sum and sum of squares.

    `baseline_n` and `baseline_total` by row: the same of an equal-sized part of stable's orders.
    """

    n: Floats
    total: Floats
    total_sq: Floats
    baseline_n: Floats
    baseline_total: Floats


@dataclass(frozen=True, slots=True)
class Columns:
    """The first rows of a flow: canary orders by row, measures, and the weight at the start."""

    canary_orders: Floats
    measures: dict[str, Column]
    first_weight: float


def first_rows(flow: Flow, blocks: int) -> tuple[Columns, bool]:
    """Return the first `blocks` blocks in columns, and whether that is the whole flow."""
    found = list(islice(flow.blocks(), blocks + 1))
    whole, found = len(found) <= blocks, found[:blocks]
    columns = [_columns(block) for block in found]
    return (
        Columns(
            np.concatenate([block.canary.sum(axis=1) for block in found]).astype(np.float64),
            {
                name: Column(
                    *(
                        np.concatenate([getattr(each[name], part) for each in columns])
                        for part in Column.__dataclass_fields__
                    )
                )
                for name in WORSE
            },
            found[0].weight_bp / FULL_WEIGHT_BP,
        ),
        whole,
    )


def _columns(block: Block) -> dict[str, Column]:
    baseline = _equal_baseline(block)
    counts = block.counts().astype(np.float64)
    orders, unfilled = counts.sum(axis=2), counts.sum(axis=2) - counts[:, :, FILLED]
    is_unfilled = block.orders.statuses != FILLED
    found = {
        "unfilled": Column(
            orders,
            unfilled,
            unfilled,
            baseline.sum(axis=1, dtype=np.float64),
            (baseline & is_unfilled).sum(axis=1, dtype=np.float64),
        )
    }
    for name in SCORED:
        n, totals = block.totals(name)
        known = block.orders.known.get(name)
        chosen = baseline if known is None else baseline & known
        found[name] = Column(
            n.astype(np.float64),
            WORSE[name] * totals.astype(np.float64),
            block.squares(name).astype(np.float64),
            chosen.sum(axis=1, dtype=np.float64),
            WORSE[name] * (block.orders.values[name] * chosen).sum(axis=1, dtype=np.float64),
        )
    return found


def _equal_baseline(block: Block) -> Bools:
    """Return which of stable's orders are the first of their row, as many as the canary's share."""
    share = max(1, round(block.canary.shape[1] * block.weight_bp / FULL_WEIGHT_BP))
    stable = ~block.canary
    first: Bools = stable & (np.cumsum(stable, axis=1, dtype=np.int32) <= share)
    return first
