"""A trading service in small: a bot over accounts, the real router and publisher, a venue.

Every slot of the schedule one account asks the router who decides, the version it is given makes a
signal, and the order meets recorded (or synthetic) quotes. A planted fault worsens what the canary
makes of its orders. Market time runs `speed` times as fast as the service's, in open hours only,
and leaps over times at which any version would hold: so both variants trade the same signals, and
time of day or the versions' appetite cannot pass for their quality.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from tradecanary.producers.publisher import ExecutionPublisher
from tradecanary.producers.route import Route
from tradecanary.producers.router import OrderRouter
from tradecanary.producers.simulation.faults import Fault, apply
from tradecanary.producers.simulation.market import Market
from tradecanary.producers.simulation.orders import Execution, Order
from tradecanary.producers.simulation.schedule import Schedule
from tradecanary.producers.simulation.snapshots import contract_size, snapshot_at
from tradecanary.producers.simulation.venue import Venue
from tradecanary.producers.strategies.bot import Account, BotDecision, TradingBot
from tradecanary.producers.strategies.interface import SignalKind, TradingStrategy
from tradecanary.schemas.execution import OrderStatus
from tradecanary.schemas.units import CANARY, US_PER_MS, US_PER_S

_BALANCE = 100_000.0
_LEAP_US = 10 * US_PER_S
_LEAPS = 5_000
_CRASH_LAG_US = 2 * US_PER_S
"""A crashing canary first stops answering; the process dies this much later."""


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """What one simulated gateway does. `qty` is in the market's units, small against the quote."""

    orders_per_s: float = 200.0
    accounts: int = 50
    qty: float = 1.0
    speed: float = 60.0
    region: str = "us"
    markout_horizon_ms: int = 1_000
    seed: int = 1
    fault: Fault | None = None
    fault_after_s: float = 0.0


@dataclass(slots=True)
class ServiceCounts:
    """What the service did, for its own trail."""

    signals: int = 0
    orders: int = 0
    canary_orders: int = 0
    declined: int = 0
    stuck: int = 0
    by_status: dict[str, int] = field(default_factory=dict)


class SimulatedService:
    """One gateway. `schedule` is its time; whoever runs it advances the schedule."""

    def __init__(
        self,
        market: Market,
        router: OrderRouter,
        publisher: ExecutionPublisher,
        schedule: Schedule,
        strategies: Iterable[TradingStrategy],
        settings: ServiceSettings,
        on_crash: Callable[[], None] = lambda: None,
    ) -> None:
        """Trade `market` from the schedule's now on; `on_crash` ends the process's other parts.

        `strategies` are the versions that the router may give.
        """
        self._market = market
        self._router = router
        self._publisher = publisher
        self._schedule = schedule
        self._settings = settings
        self._strategies = tuple(strategies)
        self._on_crash = on_crash
        self._rng = random.Random(settings.seed)
        self._fault_rng = random.Random(settings.seed + 1)
        self._started_us = schedule.now_us()
        self._slot_us = US_PER_S / settings.orders_per_s
        self._slots = 0
        self._venue = Venue(market)
        self._pass = 0
        self._leapt_us = 0
        self._contract = contract_size(market)
        self._decisions: Iterator[BotDecision[Route]] = iter(())
        accounts = [Account(f"A{n:04d}", _BALANCE) for n in range(settings.accounts)]
        self._bot: TradingBot[Route] = TradingBot(
            accounts,
            router.route,
            region=settings.region,
            venue=market.venue,
            first_order=self._started_us // US_PER_S,
        )
        self._dead = False
        self.counts = ServiceCounts()
        schedule.at(self._started_us, self._slot)

    def stop(self) -> None:
        """Send no more orders; what is open still ends."""
        self._dead = True

    def _market_us(self) -> int:
        """Market time of now; a new pass over the market gets a fresh venue."""
        elapsed_us = int((self._schedule.now_us() - self._started_us) * self._settings.speed)
        elapsed_us += self._leapt_us
        number = elapsed_us // max(1, self._market.open_duration_us)
        if number != self._pass:
            self._pass, self._venue = number, Venue(self._market)
        return self._market.at_open_time(elapsed_us)

    def _slot(self) -> None:
        if self._dead:
            return
        self._slots += 1
        due_us = self._started_us + round(self._slots * self._slot_us)
        self._schedule.at(due_us, self._slot)
        decision = next(self._decisions, None)
        if decision is None:
            self._decisions = self._next_round()
            decision = next(self._decisions, None)
        if decision is not None:
            self._order(decision, self._market_us())

    def _next_round(self) -> Iterator[BotDecision[Route]]:
        """The accounts' decisions at the next market time when every version would trade."""
        for _ in range(_LEAPS):
            snapshot = snapshot_at(self._market, self._market_us())
            if snapshot is not None and all(
                strategy.signal(snapshot).kind is not SignalKind.HOLD
                for strategy in self._strategies
            ):
                return iter(self._bot.decide(snapshot))
            self._leapt_us += _LEAP_US
        return iter(())

    def _order(self, decision: BotDecision[Route], market_us: int) -> None:
        route, intent = decision.route, decision.intent
        self.counts.signals += 1
        if intent is None:
            self.counts.declined += 1
            self._publisher.publish(route.outcome(OrderStatus.CANCELED))
            return
        self.counts.orders += 1
        is_canary = route.variant == CANARY
        self.counts.canary_orders += is_canary
        order = Order(decision.order_id, intent.side, self._settings.qty, market_us)
        execution: Execution | None = self._venue.execute(order, self._rng)
        assert execution is not None, "a venue answers every order"
        route.terms(
            side=intent.side,
            order_qty=order.qty,
            symbol=self._market.instrument,
            arrival_mid=execution.arrival_mid,
        )
        self._play(route, self._faulty(route, execution) if is_canary else execution)

    def _faulty(self, route: Route, execution: Execution) -> Execution | None:
        fault = self._settings.fault
        running_us = self._schedule.now_us() - self._started_us
        if fault is None or running_us < self._settings.fault_after_s * US_PER_S:
            return execution
        limit = fault.crashes_after()
        if limit is not None and self.counts.canary_orders >= limit:
            self._crash()
            return None
        made = apply(fault, execution, self._fault_rng)
        if made is None:  # silent: the order ends, and nobody is told
            route.outcome(OrderStatus.FILLED)
        return made

    def _crash(self) -> None:
        """The canary's orders are stuck from now on; the process dies a little later."""
        if not self.counts.stuck:
            self._schedule.at(self._schedule.now_us() + _CRASH_LAG_US, self._die)
        self.counts.stuck += 1

    def _die(self) -> None:
        self._dead = True
        self._schedule.drop()
        self._on_crash()

    def _play(self, route: Route, execution: Execution | None) -> None:
        """Tell the route what the venue says, when it says it."""
        if execution is None:
            return
        now_us = self._schedule.now_us()
        if execution.ack_latency_us is not None:
            self._schedule.at(now_us + execution.ack_latency_us, route.acknowledged)
        if execution.ended_after_us is not None:
            ended_us = now_us + max(execution.ended_after_us, execution.ack_latency_us or 0)
            self._schedule.at(ended_us, lambda: self._end(route, execution, now_us))

    def _end(self, route: Route, execution: Execution, submitted_us: int) -> None:
        status = execution.status.value
        self.counts.by_status[status] = self.counts.by_status.get(status, 0) + 1
        filled = execution.filled_qty > 0
        event = route.outcome(
            execution.status,
            filled_qty=execution.filled_qty,
            avg_price=execution.avg_price,
            fees=execution.fees,
            pnl=None if filled else 0.0,
        )
        if event is not None:
            self._publisher.publish(event)
        if filled:
            markout_us = submitted_us + self._settings.markout_horizon_ms * US_PER_MS
            self._schedule.at(markout_us, lambda: self._markout(route, execution.pnl))

    def _markout(self, route: Route, pnl: float) -> None:
        event = route.markout(pnl)
        if event is not None:
            self._publisher.publish(event)
