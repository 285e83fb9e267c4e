"""The benchmark's recorded flow: real orders of both versions, a coin for each, a planted fault."""

from __future__ import annotations

import numpy as np

from benchmarks.decisions.drawn import seed_of
from benchmarks.decisions.real_flow import Recorded, recorded
from tests.markets import EXCERPT

SCENARIOS = recorded(EXCERPT, "us-share")


def _sources() -> list[Recorded]:
    return [each.source for each in SCENARIOS if isinstance(each.source, Recorded)]


def test_versions_meet_the_same_luck() -> None:
    """Where both versions send the same order the same becomes of it; P&L and all."""
    for source in (each for each in _sources()[::2]):
        same = source.stable.statuses == source.canary.statuses
        assert same.all()
        for name, values in source.stable.values.items():
            assert (values == source.canary.values[name]).all()


def test_the_planted_fault_is_half_a_basis_point() -> None:
    """Every order of the canary that filled slips by 500 milli-bp, to rounding; no other does."""
    for source in _sources()[1::2]:
        known = source.stable.known["slippage_milli_bp"]
        more = source.canary.values["slippage_milli_bp"] - source.stable.values["slippage_milli_bp"]
        assert known.any()
        assert (np.abs(more[known] - 500) <= 1).all()
        assert (more[~known] == 0).all()


def test_a_run_is_a_coin() -> None:
    """Another seed assigns the same orders anew; the reference and the share stay."""
    healthy, faulty = _sources()[2:]
    (one,), (again,), (other,) = (
        faulty.flow(seed_of("real", 5_000, run)).blocks() for run in (0, 0, 1)
    )

    assert (one.canary == again.canary).all()
    assert (one.canary != other.canary).any()
    assert abs(one.canary.mean() - 0.5) < 0.1
    assert healthy.reference == faulty.reference
    assert healthy.reference.orders > 0
