"""Phases and their criteria give the reference's answers on all 120 cases."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from tests.parity.cases import cases
from tradecanary.processors.decision.criteria import PhaseAnswer, PhaseCheck, check_phase
from tradecanary.processors.decision.policy import Phase, preset
from tradecanary.processors.decision.sums import MeasureTotal, Sums
from tradecanary.schemas.execution import OrderStatus
from tradecanary.schemas.histogram import bucket_of
from tradecanary.schemas.units import US_PER_S

_CASES = cases("phase")
_BUCKET_WIDTH = 0.016


def _recorded(sums: Sums, requests: list[list[int]]) -> Sums:
    """The case's requests as sums: an order in error is REJECTED, a good one FILLED."""
    good = sum(ok for ok, _ in requests)
    counts = dict.fromkeys(OrderStatus, 0)
    counts |= {OrderStatus.FILLED: good, OrderStatus.REJECTED: len(requests) - good}
    old = sums.measure("latency_us")
    histogram = dict(old.histogram)
    for _, latency_ms in requests:
        bucket = bucket_of(latency_ms * 1000)
        histogram[bucket] = histogram.get(bucket, 0) + 1
    latency = MeasureTotal(old.n + len(requests), 0, 0, histogram)
    return replace(
        sums,
        orders=sums.orders + len(requests),
        statuses=tuple(a + b for a, b in zip(sums.statuses, counts.values(), strict=True)),
        measures={"latency_us": latency},
    )


def _without_throughput(phase: Phase) -> Phase:
    """The reference declared minimum throughput and never checked it."""
    return phase.model_copy(
        update={"criteria": phase.criteria.model_copy(update={"min_orders_per_s": None})}
    )


def _answer(found: PhaseCheck, following: Phase | None) -> tuple[str, Any]:
    match found.answer:
        case PhaseAnswer.WAIT:
            return "WAIT", found.reason
        case PhaseAnswer.PASSED:
            if following is None:
                return "COMPLETE", None
            return "ADVANCE", following.weight_bp // 100
        case _:
            return "ROLL_BACK", found.reason


def _figures(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", text.replace("p99", ""))]


def _same(expected: tuple[str, Any], actual: tuple[str, Any]) -> bool:
    if expected[0] != actual[0]:
        return False
    if not isinstance(expected[1], str):
        return bool(expected[1] == actual[1])
    was, now = expected[1].replace("P99", "p99"), str(actual[1])
    if "duration" in was:
        return _figures(was)[0] == _figures(now)[0] and " s of " in now
    if "requests" in was:
        return _figures(was) == _figures(now)[:2] and "canary orders" in now
    subject = was.split()[0].lower()
    value, limit = _figures(was)
    printed, printed_limit = _figures(now)[0], _figures(now)[1]
    near = abs(value - printed) <= value * (_BUCKET_WIDTH if subject == "p99" else 0)
    return now.startswith(subject) and near and printed_limit == limit


@pytest.mark.parametrize("case", _CASES, ids=lambda case: str(case["case"]))
def test_phases_advance_as_the_reference(case: dict[str, Any]) -> None:
    """Same action and argument, same phase and weight after it, at every check."""
    ramp = [_without_throughput(phase) for phase in preset(case["preset"]).ramp]
    index, sums, since_s = -1, Sums(), 0
    for op in case["steps"]:
        if op["op"] == "start":
            index, sums, since_s = 0, Sums(), op["at_s"]
            continue
        if op["op"] == "record":
            sums = _recorded(sums, op["requests"]) if index >= 0 else sums
            continue
        if index < 0:
            assert op["result"][0] == "NOT_STARTED"
            continue
        last = index == len(ramp) - 1
        elapsed_us = (op["at_s"] - since_s) * US_PER_S
        found = check_phase(ramp[index], elapsed_us, sums, 0)
        actual = _answer(found, None if last else ramp[index + 1])
        if found.answer is PhaseAnswer.PASSED and not last:
            index, sums, since_s = index + 1, Sums(), op["at_s"]

        assert _same(tuple(op["result"]), actual), (op["result"], actual)
        if op["result"][0] != "ROLL_BACK":
            after = (op["phase_after"], op["weight_pct_after"])
            assert after == (ramp[index].name, ramp[index].weight_bp // 100)


def test_all_cases_are_there() -> None:
    """120 cases were given."""
    assert len(_CASES) == 120
