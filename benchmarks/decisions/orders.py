"""Orders in columns: what became of many orders, in the exact integers of the measures' units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tradecanary.schemas.execution import ERROR_STATUSES, OrderStatus

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Statuses = npt.NDArray[np.int8]

STATUSES = tuple(OrderStatus)
FILLED = STATUSES.index(OrderStatus.FILLED)
NOT_ALL_FILLED = STATUSES.index(OrderStatus.PARTIALLY_FILLED)
ERRORS = tuple(STATUSES.index(status) for status in STATUSES if status in ERROR_STATUSES)

SCORED = ("latency_us", "slippage_milli_bp", "pnl_milli_bp")
"""Measures that judges weigh by distribution; `pnl_micros` is money, for the plain rules."""
MEASURED = (*SCORED, "pnl_micros")


@dataclass(frozen=True, slots=True)
class Orders:
    """Orders in rows: every array is (rows, width), one element an order.

    `statuses` holds indices into OrderStatus, `values` the integers of MEASURED. `known` says which
    orders had a measure at all; a measure that is not in it is known of every order.
    """

    statuses: Statuses
    values: Mapping[str, Ints]
    known: Mapping[str, Bools] = field(default_factory=dict)

    def rows(self, first: int, stop: int) -> Orders:
        """Return the rows from `first` up to `stop`, without copying."""
        return Orders(
            self.statuses[first:stop],
            {name: values[first:stop] for name, values in self.values.items()},
            {name: known[first:stop] for name, known in self.known.items()},
        )

    def reshaped(self, width: int) -> Orders:
        """Return the orders in rows of `width`; what does not fill a row is left out."""

        def rows(column: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
            return column.ravel()[: column.size // width * width].reshape(-1, width)

        return Orders(
            rows(self.statuses).astype(np.int8, copy=False),
            {name: rows(each).astype(np.int64, copy=False) for name, each in self.values.items()},
            {name: rows(each).astype(np.bool_, copy=False) for name, each in self.known.items()},
        )

    def where(self, canary: Bools, other: Orders) -> Orders:
        """Return these orders, but the `other` ones (of the same shape) where `canary`."""
        return Orders(
            np.where(canary, other.statuses, self.statuses),
            {name: np.where(canary, other.values[name], self.values[name]) for name in self.values},
            {name: np.where(canary, other.known[name], self.known[name]) for name in self.known},
        )
