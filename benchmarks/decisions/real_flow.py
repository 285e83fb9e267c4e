"""Taker orders of both strategy versions on a recorded market, and rollouts over them.

Both versions trade the same market through the product's own simulation, each against a book of its
own and with equal luck: once a second of open time, when both want to trade. The first half of the
open time is the reference, the rest the rollout, looked at in batches of 10 canary orders as in the
synthetic tables; a run is another coin for every order.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.decisions.block import Block, sums_of
from benchmarks.decisions.flow import Flow
from benchmarks.decisions.orders import MEASURED, SCORED, STATUSES, Orders
from benchmarks.decisions.scenarios import REAL, WEIGHTS_BP, Question, Scenario
from tests.executions import event
from tradecanary.processors.decision.sums import Sums
from tradecanary.producers.simulation.faults import Fault, apply, parse_fault
from tradecanary.producers.simulation.market import Market
from tradecanary.producers.simulation.market_files import load_market
from tradecanary.producers.simulation.orders import Execution, Order
from tradecanary.producers.simulation.service import ServiceSettings
from tradecanary.producers.simulation.snapshots import snapshot_at
from tradecanary.producers.simulation.venue import Venue
from tradecanary.producers.strategies.interface import SignalKind, TradingStrategy
from tradecanary.router_sim import strategies
from tradecanary.schemas.execution import ExecutionEvent, Mode, Side
from tradecanary.schemas.measures import MEASURE_NAMES, scaled_values
from tradecanary.schemas.units import CANARY, FULL_WEIGHT_BP, STABLE, US_PER_S
from tradecanary.world import settings_for

PLANTED = "slipping:0.5"
"""The canary's average price is half a basis point worse."""
ORDER_EVERY_US = US_PER_S
"""Of open market time; an order is sent when both versions want to trade."""
_BATCH = 10
_LUCK_SEED = 1


@dataclass(frozen=True, slots=True)
class Recorded:
    """What both versions did with the same orders in the rollout's half; stable's reference."""

    reference: Sums
    stable: Orders
    canary: Orders
    weight_bp: int

    def flow(self, seed: np.random.SeedSequence) -> Flow:
        """Return the rollout in which each order goes to the canary by the coin of `seed`."""
        coin = np.random.default_rng(seed).random(self.stable.statuses.shape)
        canary = coin < self.weight_bp / FULL_WEIGHT_BP
        block = Block(self.stable.where(canary, self.canary), canary, self.weight_bp)
        return Flow(self.reference, iter((block,)))


def recorded(directory: Path, instrument: str) -> tuple[Scenario, ...]:
    """Return the scenarios on this market: with nothing planted, and with the fault, per weight.

    Raises MarketDataError when there is no such market in the directory.
    """
    market = load_market(directory, instrument)
    stable, canary = strategies().values()
    times = _order_times(market, (stable, canary))
    half = int(np.searchsorted(times, market.at_open_time(market.open_duration_us // 2)))
    ours = _columns(_executions(market, stable, times), STABLE)
    theirs = _executions(market, canary, times)
    healthy = _columns(theirs, CANARY)
    faulty = _columns(_with_fault(parse_fault(PLANTED), theirs), CANARY)
    reference = sums_of(ours.rows(0, half), SCORED)
    found = []
    for weight_bp in WEIGHTS_BP:
        width = _BATCH * FULL_WEIGHT_BP // weight_bp
        rollout = ours.rows(half, len(times)).reshaped(width)
        horizon = rollout.statuses.size * weight_bp // FULL_WEIGHT_BP
        for name, what, question in (
            ("nothing planted", healthy, Question.FALSE_ROLLBACK),
            (f"planted {PLANTED}", faulty, Question.DELAY),
        ):
            source = Recorded(
                reference, rollout, what.rows(half, len(times)).reshaped(width), weight_bp
            )
            found.append(Scenario(REAL, name, weight_bp, question, source, horizon))
    return tuple(found)


def _order_times(market: Market, versions: Sequence[TradingStrategy]) -> list[int]:
    """Return the market times at which every version would trade, oldest first."""
    times = []
    for elapsed_us in range(ORDER_EVERY_US, market.open_duration_us, ORDER_EVERY_US):
        time_us = market.at_open_time(elapsed_us)
        snapshot = snapshot_at(market, time_us)
        if snapshot is not None and all(
            version.signal(snapshot).kind is not SignalKind.HOLD for version in versions
        ):
            times.append(time_us)
    return times


def _executions(market: Market, version: TradingStrategy, times: Sequence[int]) -> list[Execution]:
    """Return what becomes of the version's orders; its luck is that of every other version."""
    venue, rng = Venue(market), random.Random(_LUCK_SEED)
    qty = settings_for(market, ServiceSettings()).qty
    found = []
    for number, time_us in enumerate(times):
        snapshot = snapshot_at(market, time_us)
        assert snapshot is not None, "the versions traded on it"
        buys = version.signal(snapshot).kind is SignalKind.BUY
        side = Side.BUY if buys else Side.SELL
        found.append(venue.execute(Order(f"{number}", side, qty, time_us), rng))
    return found


def _with_fault(fault: Fault, executions: Sequence[Execution]) -> list[Execution]:
    rng = random.Random(_LUCK_SEED)
    changed = (apply(fault, execution, rng) for execution in executions)
    return [execution for execution in changed if execution is not None]


def _columns(executions: Sequence[Execution], variant: str) -> Orders:
    """Return the executions in columns of one row an order, by the product's own measures."""
    rows = [scaled_values(_event(execution, variant)) for execution in executions]
    values, known = {}, {}
    for name in MEASURED:
        index = MEASURE_NAMES.index(name)
        found = [None if row is None else row[index] for row in rows]
        values[name] = np.array([[value or 0] for value in found], dtype=np.int64)
        known[name] = np.array([[value is not None] for value in found], dtype=np.bool_)
    statuses = [[STATUSES.index(execution.status)] for execution in executions]
    return Orders(np.array(statuses, dtype=np.int8), values, known)


def _event(execution: Execution, variant: str) -> ExecutionEvent:
    order, mid = execution.order, execution.arrival_mid
    return event(
        mode=Mode.REPLAY, version=variant, variant=variant, unit=order.order_id,
        order_id=order.order_id, side=order.side, status=execution.status, order_qty=order.qty,
        filled_qty=execution.filled_qty, arrival_mid=mid, avg_price=execution.avg_price,
        notional=0.0 if mid is None else order.qty * mid, fees=execution.fees, pnl=execution.pnl,
        submitted_at=order.submitted_at_us, event_time=execution.known_at_us,
        ack_latency_us=execution.ack_latency_us,
    )  # fmt: skip
