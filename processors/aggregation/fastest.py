"""The fastest fold that is installed."""

from __future__ import annotations

from importlib.util import find_spec

from tradecanary.processors.aggregation.folding import Fold
from tradecanary.processors.aggregation.oracle import PlainFold


def fastest_fold() -> Fold:
    """Return a new fold: compiled where numba is installed, else the plain one.

    Both give the same sums to the bit. The first compiled one takes about 10 s, later ones load
    the machine code from numba's cache; see `warm_up`.
    """
    if find_spec("numba") is None:
        return PlainFold()
    from tradecanary.processors.aggregation.compiled import CompiledFold  # noqa: PLC0415 - optional

    return CompiledFold()
