"""The momentum strategies answer as the reference implementation did."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tradecanary.producers.strategies.interface import MarketSnapshot, TradingStrategy
from tradecanary.producers.strategies.momentum_v1 import MomentumV1
from tradecanary.producers.strategies.momentum_v2 import MomentumV2

CASES = Path(__file__).parent / "momentum_cases.jsonl.gz"
RELATIVE = 1e-9


def _cases() -> list[dict[str, Any]]:
    with gzip.open(CASES, "rt") as lines:
        return [json.loads(line) for line in lines]


@pytest.mark.parametrize(("column", "strategy"), [("v1", MomentumV1()), ("v2", MomentumV2())])
def test_signals_and_sizes_are_those_of_the_reference(
    column: str, strategy: TradingStrategy
) -> None:
    """All 200 cases: kind exactly; strength, target, stop and size within 1e-9 relative."""
    cases = _cases()

    assert len(cases) == 200
    for case in cases:
        signal = strategy.signal(MarketSnapshot(case["price"], case["volume"]))
        kind, *numbers = case[column]
        size = strategy.position_size(signal, case["balance"])

        assert kind == signal.kind, case
        found = [signal.strength, signal.target, signal.stop_loss]
        if kind == "HOLD":
            assert numbers == found == [None, None, None], case
        else:
            assert numbers == pytest.approx(found, rel=RELATIVE, abs=0), case
        assert case[f"{column}_size"] == pytest.approx(size, rel=RELATIVE, abs=0), case
