"""The `thresholds` judge and a decider under it give the reference's answers on all 300 cases."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from tests.parity.cases import cases
from tests.stories.teller import CANARY_BUILD, STABLE_BUILD, STRATEGY, Teller
from tradecanary.processors.decision.judge_settings import Thresholds
from tradecanary.processors.decision.judges import JUDGES, thresholds
from tradecanary.processors.decision.judges.judge import Verdict
from tradecanary.processors.decision.sums import MeasureTotal, Sums
from tradecanary.schemas.canonical import canonical_json
from tradecanary.schemas.decisions import Check, Decision, DecisionKind, VariantEvidence
from tradecanary.schemas.execution import OrderStatus
from tradecanary.schemas.routing import CommandKind
from tradecanary.schemas.units import CANARY

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


_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def _figures(text: str) -> list[float]:
    return [float(number) for number in _NUMBER.findall(text)]


_MEASURES = {"Fill": "fill_rate", "Latency": "latency", "Slippage": "slippage", "P&L": "pnl"}


def _says_the_same(argument: str, reason: str, checks: Iterable[Check]) -> None:
    """The measure that the reference names is the one breached, and its figures are told."""
    breached = next(one.name for one in checks if one.breached)
    assert _MEASURES[argument.split(" ", maxsplit=1)[0]] == breached
    told = _figures(reason)
    for figure in _figures(argument):
        # the reference truncates a float: 0.01 may be missing
        assert any(figure == pytest.approx(one, abs=0.0101) for one in told), (figure, reason)


_VERDICTS = {
    "CONTINUE": Verdict.INCONCLUSIVE,
    "ROLL_BACK": Verdict.HARMFUL,
    "INCREASE": Verdict.HEALTHY,
    "PROMOTE": Verdict.HEALTHY,
}


@pytest.mark.parametrize(
    "case", [case for case in _CASES if not case["halted"]], ids=lambda case: str(case["case"])
)
def test_the_judge_finds_what_the_reference_finds(case: dict[str, Any]) -> None:
    """Same verdict, same measure, same printed figures."""
    stable, canary = _evidence(case, 0), _evidence(case, 1)
    judgement = JUDGES["thresholds", "order"].judge(None, _settings(case), stable, canary)

    assert _VERDICTS[case["decision"]] is judgement.verdict
    if judgement.verdict is Verdict.HARMFUL:
        _says_the_same(case["argument"], judgement.reason, judgement.checks)


def _sums(evidence: VariantEvidence) -> Sums:
    counts = dict.fromkeys(OrderStatus, 0)
    counts[OrderStatus.FILLED] = evidence.filled
    counts[OrderStatus.CANCELED] = evidence.orders - evidence.filled
    totals = {
        "latency_us": (evidence.latency_n, evidence.latency_total_us),
        "slippage_milli_bp": (evidence.slippage_n, evidence.slippage_total_milli_bp),
        "pnl_micros": (evidence.pnl_n, evidence.pnl_total_micros),
    }
    measures = {name: MeasureTotal(n, total, 0, {}) for name, (n, total) in totals.items()}
    return Sums(orders=evidence.orders, statuses=tuple(counts.values()), measures=measures)


def _spec(case: dict[str, Any]) -> str:
    """A rollout that begins at the case's weight: its steps above are the next phases.

    0 and 100 % are no weights at which a canary is judged: the nearest that are, stand for them.
    """
    settings, now_bp = _settings(case), min(max(case["current_pct"] * 100, 1), 9_999)
    above = [round(pct * 100) for pct in case["thresholds"]["traffic_steps_pct"]]
    steps = [now_bp, *(bp for bp in above if now_bp < bp < 10_000), 10_000]
    ramp = [{"name": str(bp), "weight_bp": bp, "min_orders": settings.min_orders} for bp in steps]
    policy = {"name": "parity", "ramp": ramp, "judge": settings.model_dump(mode="json")}
    names = {"rollout": "r1", "strategy": STRATEGY, "stable": STABLE_BUILD, "canary": CANARY_BUILD}
    return canonical_json({**names, "policy": policy})


def _decided(case: dict[str, Any]) -> Decision | None:
    """Return what a decider does at its next look, when the orders were those of the case."""
    teller = Teller()
    teller.run(["3s"])
    teller.send(teller.command(CommandKind.START, _spec(case)))
    if case["halted"]:
        teller.send(teller.command(CommandKind.HALT, "{}"))
    strategy = teller.state.strategies[STRATEGY]
    assert strategy.rollout is not None
    stable, canary = _sums(_evidence(case, 0)), _sums(_evidence(case, 1))
    phase = replace(strategy.rollout.phase, stable=stable, canary=canary)
    rollout = replace(strategy.rollout, stable=stable, canary=canary, phase=phase)
    strategies = {STRATEGY: replace(strategy, rollout=rollout)}
    teller.state = replace(teller.state, strategies=strategies)
    before = len(teller.decisions)
    teller.closed(["1s"])
    new = teller.decisions[before:]
    assert len(new) <= 1
    return new[0] if new else None


@pytest.mark.parametrize("case", _CASES, ids=lambda case: str(case["case"]))
def test_a_decider_decides_as_the_reference(case: dict[str, Any]) -> None:
    """Same action, same next weight.

    Two rules are others here: a halt stops what rises, but not a roll-back, and without
    an order of stable nothing is compared.
    """
    decision, action = _decided(case), case["decision"]
    stable, canary = _evidence(case, 0), _evidence(case, 1)
    if not stable.orders:
        assert decision is None or decision.kind in {DecisionKind.HOLD, DecisionKind.INCREASE}
    elif case["halted"]:
        judgement = JUDGES["thresholds", "order"].judge(None, _settings(case), stable, canary)
        harmful = judgement.verdict is Verdict.HARMFUL
        assert (DecisionKind.ROLL_BACK if harmful else None) is (decision and decision.kind)
    elif action == "CONTINUE":
        assert decision is None
    else:
        assert decision is not None
        assert action == decision.kind.value
        (weight,) = (w for w in decision.after.cells[0].weights if w.variant == CANARY)
        if action == "ROLL_BACK":
            assert 0 == weight.weight_bp
            _says_the_same(case["argument"], decision.reason, decision.evidence.checks)
        else:
            assert (case["argument"] or 100) * 100 == weight.weight_bp


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
