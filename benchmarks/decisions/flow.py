"""A rollout's flow as a judge meets it: look after look, mature cohorts and pooled evidence.

A flow draws its blocks when somebody asks for them and keeps them: all methods see the same orders,
and a run that ends early costs little.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, fields

import numpy as np

from benchmarks.decisions.block import Block
from benchmarks.decisions.orders import ERRORS, FILLED
from tradecanary.processors.decision.cohorts import Cohort
from tradecanary.processors.decision.sums import Sums
from tradecanary.schemas.decisions import VariantEvidence
from tradecanary.schemas.units import CANARY, STABLE

_EVIDENCE = ("latency_us", "slippage_milli_bp", "pnl_micros")


@dataclass(frozen=True, slots=True)
class MatureCohort:
    """A cohort of which every order and its P&L are known.

    `cohort` holds start, revision and both variants' sums; `weight_bp` is the canary's, `phase` the
    rung of the ramp, from 0.
    """

    cohort: Cohort
    phase: int
    weight_bp: int


@dataclass(frozen=True, slots=True)
class Look:
    """What is new at one look, and all that was reported since the start.

    `canary_orders`: how many the canary got until now, mature or not: the capital at risk.
    """

    matured: tuple[MatureCohort, ...]
    stable: VariantEvidence
    canary: VariantEvidence
    canary_orders: int


@dataclass(slots=True)
class Flow:
    """Reference and orders of one rollout.

    A cohort is mature `maturity_looks` looks after its last row. The fault is there from row
    `fault_row` on. `promotion_ends`: at the first promotion there is no control any more.
    """

    reference: Sums
    source: Iterator[Block]
    maturity_looks: int = 0
    fault_row: int = 0
    promotion_ends: bool = False
    _blocks: list[Block] = field(default_factory=list, init=False)

    def blocks(self) -> Iterator[Block]:
        """Yield all blocks from the first one on, drawing those that nobody asked for yet."""
        number = 0
        while True:
            if number == len(self._blocks):
                block = next(self.source, None)
                if block is None:
                    return
                self._blocks.append(block)
            yield self._blocks[number]
            number += 1

    def canary_orders_before(self, row: int) -> int:
        """Return how many orders the canary got in the rows before `row`."""
        orders, left = 0, row
        for block in self.blocks():
            if left <= 0:
                break
            orders += int(block.canary[:left].sum())
            left -= block.rows
        return orders

    def looks(self, histograms: Collection[str] | None) -> Iterator[Look]:
        """Yield every look in turn; cohorts carry `histograms`, None leaves them all out."""
        waiting: deque[tuple[int, MatureCohort]] = deque()
        pooled = np.zeros((2, len(_COLUMNS)), dtype=np.int64)
        row = 0
        for block in self.blocks():
            columns = pooled + np.cumsum(_columns(block), axis=0)
            pooled = columns[-1]
            cohorts = iter(()) if histograms is None else block.cohorts(histograms)
            for number, (stable, canary) in enumerate(columns.tolist()):
                if histograms is not None and (number + 1) % block.cohort_rows == 0:
                    mature = MatureCohort(next(cohorts), block.phase, block.weight_bp)
                    waiting.append((row + self.maturity_looks, mature))
                matured = []
                while waiting and waiting[0][0] <= row:
                    matured.append(waiting.popleft()[1])
                yield Look(
                    tuple(matured),
                    VariantEvidence(STABLE, *stable),
                    VariantEvidence(CANARY, *canary),
                    canary[0],
                )
                row += 1


_COLUMNS = tuple(each.name for each in fields(VariantEvidence))[1:]
"""The columns of VariantEvidence behind the variant, in its sequence."""


def _columns(block: Block) -> np.ndarray[tuple[int, int, int], np.dtype[np.int64]]:
    """Return what VariantEvidence holds by (row, variant, column)."""
    counts = block.counts()
    columns = [counts.sum(axis=2), counts[:, :, FILLED], counts[:, :, ERRORS].sum(axis=2)]
    for name in _EVIDENCE:
        columns += block.totals(name)
    return np.stack(columns, axis=2)
