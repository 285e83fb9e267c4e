"""What is asked of the methods: one scenario is one cell of a table, for every method in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

import numpy as np

from benchmarks.decisions.arriving import Lifetimes
from benchmarks.decisions.drawn import Drawn, Phase, in_batches, in_time
from benchmarks.decisions.flow import Flow
from benchmarks.decisions.methods import JUDGED, METHODS
from benchmarks.decisions.regimes import autocorrelated, drifts, volatility_doubles
from benchmarks.decisions.sequential import SEQUENTIAL_EXACT
from benchmarks.decisions.world import FAULTS, MARGINS, Fault, Market
from tradecanary.schemas.units import FULL_WEIGHT_BP

WEIGHTS_BP = (500, 5_000)
HEALTHY = "healthy canaries"
IMMEDIATE = "fault from the start"
LATE = "fault after 10,000 good canary orders"
MARGIN = "as bad as the margin"
BY_CLOCK = "looks every 200 ms"
LIFETIMES = "unequal order lifetimes"
REGIMES = "market regimes"
REAL = "recorded market"

LATE_AFTER = 10_000
HEALTHY_ORDERS = 50_000
FAULT_ORDERS = 20_000
_CLOCK_ORDERS = 10_000
_CLOCK_LEAST_S = 30
_LIFETIMES_RATE, _LIFETIMES_S = 1_000, 60
_REGIME_ORDERS = 20_000
_RAMP_ROWS, _RAMP_WIDTH, _RAMP_BP = 250, 400, (100, 500, 2_500, 5_000)
_RAMP_FAULT_PHASE = 2


class Question(StrEnum):
    """What a scenario asks: how often a healthy canary falls, how soon a bad one, or who passes."""

    FALSE_ROLLBACK = "false rollback"
    DELAY = "canary orders until rollback"
    FALSE_PROMOTION = "false promotion"


class Source(Protocol):
    """Where a scenario's flow comes from."""

    def flow(self, seed: np.random.SeedSequence) -> Flow:
        """Return the flow of this seed."""
        ...


@dataclass(frozen=True, slots=True)
class Scenario:
    """One cell: `horizon` canary orders are given to a method before it counts as silent."""

    table: str
    column: str
    weight_bp: int
    question: Question
    source: Source
    horizon: int
    methods: tuple[str, ...] = tuple(METHODS)

    @property
    def name(self) -> str:
        """The name that seeds its runs."""
        return f"{self.table}, {self.column}"


def synthetic() -> tuple[Scenario, ...]:
    """Return all scenarios of the study's world, table by table."""
    every = (*_healthy(), *_faults(), *_margins(), *_by_clock(), *_lifetimes(), *_regimes())
    return tuple(
        scenario if scenario.table in _EXACT_TOO else _without_exact(scenario) for scenario in every
    )


_EXACT_TOO = frozenset({HEALTHY, IMMEDIATE})
"""Where tolerance 0 has a bar of its own; elsewhere it would only cost time."""


def _without_exact(scenario: Scenario) -> Scenario:
    methods = tuple(method for method in scenario.methods if method != SEQUENTIAL_EXACT)
    return replace(scenario, methods=methods)


def _healthy() -> Iterator[Scenario]:
    for weight_bp in WEIGHTS_BP:
        yield Scenario(
            HEALTHY,
            "50,000 canary orders",
            weight_bp,
            Question.FALSE_ROLLBACK,
            in_batches(weight_bp, HEALTHY_ORDERS),
            HEALTHY_ORDERS,
        )


def _faults() -> Iterator[Scenario]:
    for table, good in ((IMMEDIATE, 0), (LATE, LATE_AFTER)):
        for weight_bp in WEIGHTS_BP:
            for fault in FAULTS:
                drawn = in_batches(weight_bp, FAULT_ORDERS, good=good, fault=fault)
                yield Scenario(table, fault.name, weight_bp, Question.DELAY, drawn, FAULT_ORDERS)


def _margins() -> Iterator[Scenario]:
    for weight_bp in WEIGHTS_BP:
        for fault in MARGINS:
            drawn = replace(in_batches(weight_bp, FAULT_ORDERS, fault=fault), promotion_ends=True)
            yield Scenario(
                MARGIN,
                fault.name,
                weight_bp,
                Question.FALSE_PROMOTION,
                drawn,
                FAULT_ORDERS,
                tuple(JUDGED),
            )


def _by_clock() -> Iterator[Scenario]:
    planted: tuple[Fault | None, ...] = (None, *(FAULTS[index] for index in (1, 2, 3)))
    for orders_per_s in (100, 5_000):
        for weight_bp in WEIGHTS_BP:
            per_s = orders_per_s * weight_bp / FULL_WEIGHT_BP
            seconds = max(_CLOCK_LEAST_S, round(_CLOCK_ORDERS / per_s))
            for fault in planted:
                yield Scenario(
                    BY_CLOCK,
                    f"{orders_per_s:,}/s, {fault.name if fault else 'healthy'}",
                    weight_bp,
                    Question.DELAY if fault else Question.FALSE_ROLLBACK,
                    in_time(weight_bp, orders_per_s, seconds, fault),
                    round(seconds * per_s),
                    tuple(JUDGED),
                )


def _lifetimes() -> Iterator[Scenario]:
    for weight_bp in WEIGHTS_BP:
        drawn = in_time(weight_bp, _LIFETIMES_RATE, _LIFETIMES_S)
        yield Scenario(
            LIFETIMES,
            "canary cancels after 2 s, stable after 5 s",
            weight_bp,
            Question.FALSE_ROLLBACK,
            Lifetimes(drawn, stable_s=5, canary_s=2),
            _LIFETIMES_RATE * _LIFETIMES_S * weight_bp // FULL_WEIGHT_BP,
            tuple(JUDGED),
        )


def _regimes() -> Iterator[Scenario]:
    kinds: tuple[tuple[str, Callable[[np.random.Generator, int], Market]], ...] = (
        ("volatility doubles", volatility_doubles),
        ("autocorrelation .8", autocorrelated),
    )
    for weight_bp in WEIGHTS_BP:
        for name, market in kinds:
            drawn = replace(in_batches(weight_bp, _REGIME_ORDERS), market=market)
            yield Scenario(REGIMES, name, weight_bp, Question.FALSE_ROLLBACK, drawn, _REGIME_ORDERS)
    phases = tuple(Phase(weight_bp, _RAMP_ROWS) for weight_bp in _RAMP_BP)
    ramp = Drawn(phases, _RAMP_WIDTH, market=drifts)
    until = _ramp_orders(0)
    yield Scenario(REGIMES, "ramp in a drift", 0, Question.FALSE_ROLLBACK, ramp, until)
    slipping = replace(ramp, fault=FAULTS[3], fault_row=_RAMP_FAULT_PHASE * _RAMP_ROWS)
    yield Scenario(
        REGIMES,
        f"ramp in a drift, {FAULTS[3].name} from 25 % on",
        0,
        Question.DELAY,
        slipping,
        _ramp_orders(_RAMP_FAULT_PHASE),
    )


def _ramp_orders(phase: int) -> int:
    """Return how many orders the canary gets from this phase of the ramp on."""
    return sum(_RAMP_BP[phase:]) * _RAMP_ROWS * _RAMP_WIDTH // FULL_WEIGHT_BP
