"""The `thresholds` judge gives the reference's answers on all 300 cases."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.parity.cases import cases
from tradecanary.processors.decision.judge_settings import Thresholds
from tradecanary.processors.decision.judges import JUDGES, thresholds
from tradecanary.processors.decision.judges.judge import Verdict
from tradecanary.processors.decision.ramps import next_weight
from tradecanary.schemas.decisions import VariantEvidence

_CASES = cases("threshold")


def _evidence(case: dict[str, Any], canary: int) -> VariantEvidence:
    orders = [order for order in case["orders"] if order[0] == canary]
    n = len(orders)
    return VariantEvidence(
        variant="canary" if canary else "stable",
        orders=n,
        filled=sum(order[1] for order in orders),
        errors=0,
        latency_n=n,
        latency_total_us=sum(order[3] for order in orders),
        slippage_n=n,
        # the case gives 1/100 bp; the reference cut price improvement off at zero
        slippage_total_milli_bp=sum(max(order[4], 0) * 10 for order in orders),
        pnl_n=n,
        pnl_total_micros=sum(order[2] * 10_000 for order in orders),
    )


def _settings(case: dict[str, Any]) -> Thresholds:
    limits = case["thresholds"]
    return Thresholds(
        min_orders=limits["min_requests"],
        fill_rate_pp=limits["max_error_rate_increase_pp"],
        latency_pct=limits["max_latency_increase_pct"],
        slippage_bp=limits["max_slippage_increase_bp"],
        pnl_ratio=limits["min_pnl_ratio"],
    )


def _printed(breached: str, stable: VariantEvidence, canary: VariantEvidence) -> str:
    """The figures as the reference prints them."""
    match breached:
        case "fill_rate":
            was, now = thresholds.fill_rate_pct(stable), thresholds.fill_rate_pct(canary)
            return f"Fill rate degraded: stable {was:.1f}% vs canary {now:.1f}%"
        case "latency":
            was, now = thresholds.latency_ms(stable), thresholds.latency_ms(canary)
            rise = (now / was - 1) * 100
            return f"Latency increased by {rise:.1f}%: stable {was:.2f}ms vs canary {now:.2f}ms"
        case "slippage":
            was, now = thresholds.slippage_bp(stable), thresholds.slippage_bp(canary)
            return f"Slippage increased: stable {was:.2f}bp vs canary {now:.2f}bp"
        case _:
            was, now = thresholds.pnl_per_order(stable), thresholds.pnl_per_order(canary)
            return (
                f"P&L degraded: stable ${was:.2f}/order vs canary ${now:.2f}/order "
                f"(ratio: {now / was:.2f})"
            )


_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def _words(text: str) -> str:
    return _NUMBER.sub("#", text)


def _figures(text: str) -> list[float]:
    return [float(number) for number in _NUMBER.findall(text)]


@pytest.mark.parametrize("case", _CASES, ids=lambda case: str(case["case"]))
def test_the_judge_decides_as_the_reference(case: dict[str, Any]) -> None:
    """Same decision, same next weight, same measure, same printed figures."""
    stable, canary = _evidence(case, 0), _evidence(case, 1)
    judgement = JUDGES["thresholds", "order"].judge(None, _settings(case), stable, canary)
    breached = next((check.name for check in judgement.checks if check.breached), "")
    steps = [round(step) for step in case["thresholds"]["traffic_steps_pct"]]
    step = next_weight(steps, case["current_pct"])
    if case["halted"] or judgement.verdict is Verdict.INCONCLUSIVE:
        decided: tuple[str, Any] = ("CONTINUE", None)
    elif judgement.verdict is Verdict.HARMFUL:
        decided = ("ROLL_BACK", _printed(breached, stable, canary))
    elif step is None or step == 100:
        decided = ("PROMOTE", None)
    else:
        decided = ("INCREASE", step)

    assert case["decision"] == decided[0]
    if isinstance(decided[1], str):
        assert _words(case["argument"]) == _words(decided[1])
        # the reference truncates a float: 0.01 may be missing
        assert _figures(case["argument"]) == pytest.approx(_figures(decided[1]), abs=0.0101)
    else:
        assert case["argument"] == decided[1]


def test_all_cases_are_there() -> None:
    """300 cases were given."""
    assert len(_CASES) == 300


@pytest.mark.parametrize("case", _CASES, ids=lambda case: str(case["case"]))
def test_averages_agree(case: dict[str, Any]) -> None:
    """The averages reported agree within 0.01 (the reference truncates a float)."""
    report = case["report"]
    for name, canary in (("stable", 0), ("canary", 1)):
        evidence = _evidence(case, canary)

        assert report[f"{name}_fill_rate_pct"] == pytest.approx(
            thresholds.fill_rate_pct(evidence), abs=0.01
        )
        assert report[f"{name}_latency_ms"] == pytest.approx(
            thresholds.latency_ms(evidence), abs=0.01
        )
        assert report[f"{name}_slippage_bp"] == pytest.approx(
            thresholds.slippage_bp(evidence), abs=0.01
        )
        assert report[f"{name}_pnl"] == pytest.approx(
            evidence.pnl_total_micros / 1_000_000, abs=0.01
        )
