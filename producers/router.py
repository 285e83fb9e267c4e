"""OrderRouter: the call a trading service makes once per order.

Theory of operation. `route()` reads one attribute, the plan: an immutable value compiled from the
newest vector, with the moment its lease ends. All else happens in the one thread that calls
`on_weights`, `on_kill`, `on_status_appended`, `tick` and `status` (the transport's): it folds what
was read, compiles a new plan and swaps it in. So route() takes no lock that is held over a call,
does no IO, and a transport that hangs only lets the lease run out.

Law. While the vector may not be followed (none, not obeyable, breaker open, lease over) every
order carries revision 0, whatever its coin. A kill outranks everything until it is taken back.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import xxhash

from tradecanary.producers import vectors
from tradecanary.producers.breaker import DEFAULT_LIMIT, Breaker
from tradecanary.producers.clock import SYSTEM_CLOCK, Clock
from tradecanary.producers.leases import BrokerClock, Lease
from tradecanary.producers.open_orders import OpenOrders
from tradecanary.producers.plan import Plan, Tallies, baseline_plan, killed_plan, vector_plan
from tradecanary.producers.route import Route
from tradecanary.producers.standing import Standing
from tradecanary.producers.vectors import Reading
from tradecanary.producers.withdrawals import Withdrawals
from tradecanary.schemas.execution import ExecutionEvent, Mode, Side
from tradecanary.schemas.routing import (
    EVERYWHERE,
    BreakerState,
    KillSwitch,
    RevisionCounts,
    RouterStatus,
    RoutingWeights,
    UnitKind,
)
from tradecanary.schemas.units import STABLE, US_PER_MS

if TYPE_CHECKING:
    from tradecanary.producers.publisher import Counters

_u = xxhash.xxh3_64_intdigest


class OrderRouter:
    """Gives every order of one strategy its variant, version and handler.

    `versions` maps version to handler, whatever the service calls to decide an order; `baseline`
    serves before any vector is read. `unit` is what the coin is tossed for: "order", or "account"
    for strategies that hold positions. An order without an end after `order_horizon_ms` is
    reported as it stands; `markout_horizon_ms` (default: the same) is when its P&L is known.
    `on_withdrawn(variant)` is called, by a thread of its own, when a variant is taken out; it may
    take its time.
    Raises ValueError for arguments that cannot be meant.
    """

    def __init__(  # noqa: PLR0913 -- settings, by name
        self,
        strategy: str,
        versions: Mapping[str, Any],
        baseline: str,
        *,
        unit: UnitKind | str = UnitKind.ORDER,
        order_horizon_ms: int = 2_000,
        markout_horizon_ms: int | None = None,
        on_withdrawn: Callable[[str], object] | None = None,
        breaker_errors: int = DEFAULT_LIMIT,
        mode: Mode = Mode.LIVE,
        clock: Clock = SYSTEM_CLOCK,
        router_id: str | None = None,
    ) -> None:
        if not strategy or not baseline or strategy == EVERYWHERE:
            raise ValueError(
                f"strategy was '{strategy}', baseline '{baseline}': give both a name other than *"
            )
        if order_horizon_ms <= 0 or breaker_errors <= 0:
            raise ValueError(
                f"order_horizon_ms was {order_horizon_ms}, breaker_errors {breaker_errors}: "
                f"both must be > 0"
            )
        self.strategy = strategy
        self.unit = UnitKind(unit)
        self.router_id = router_id or f"{socket.gethostname()}-{os.getpid()}"
        self.incarnation = clock.wall_ns() // 1_000
        self.ignored = 0
        self.last_ignored = ""
        self.tells = on_withdrawn is not None
        self._handlers = dict(versions)
        self._horizons_us = (
            order_horizon_ms * US_PER_MS,
            (markout_horizon_ms or order_horizon_ms) * US_PER_MS,
        )
        self._withdrawals = Withdrawals(on_withdrawn, frozenset({(STABLE, baseline)}))
        self._tallies = Tallies()
        self._by_account = self.unit is UnitKind.ACCOUNT
        self._orders = OpenOrders(
            strategy,
            clock,
            horizon_us=self._horizons_us[0],
            by_account=self._by_account,
            mode=mode,
            on_canary_outcome=self._on_canary_outcome,
        )
        self._monotonic_ns = clock.monotonic_ns
        self._broker_clock = BrokerClock()
        self._standing = Standing(baseline, Lease(sticky=self._by_account))
        self._breaker = Breaker(breaker_errors)
        self._fallback = self._standing.fallback(self._breaker)
        self._plan: Plan[Any] = baseline_plan(baseline, self._handlers, self._tallies)
        self.on_untold = self.tell_withdrawn
        """Called after a change; a transport with threads has `tell_withdrawn` called elsewhere."""

    def route(
        self,
        order_id: str,
        account: str,
        region: str,
        venue: str,
        arrival_mid: float | None = None,
        side: Side | str | None = None,
        order_qty: float | None = None,
        symbol: str = "",
    ) -> Route:
        """Return what to do with one order: no IO, no waiting, nothing raised.

        `arrival_mid`, `side`, `order_qty` (base units) and `symbol` may come later, by
        `Route.terms` or with the outcome. A Route without handler must not be traded.
        """
        book = self._orders
        now_ns = self._monotonic_ns()
        plan = self._plan
        if now_ns >= plan.until_ns:
            plan = plan.otherwise
        try:
            bounds, arm = plan.cells.get((region, venue)) or plan.split(region, venue)
            if bounds:
                u = _u(plan.prefix + (account if self._by_account else order_id))
                for upper, candidate in bounds:
                    if u < upper:
                        arm = candidate
                        break
        except Exception:  # noqa: BLE001 -- whatever was handed in, the order goes on
            book.faults += 1
            arm = plan.outside
        route = Route(
            book, arm, now_ns, order_id, account, region, venue,
            arrival_mid, side, order_qty, symbol,
        )  # fmt: skip
        if arm.handler is not None:
            with book.lock:
                arm.tally.routed += 1
            book.open[route] = None
        return route

    def expired(self) -> list[ExecutionEvent]:
        """Return the OUTCOMEs of orders at their horizon, for the publisher; call it often."""
        return self._orders.expired()

    @property
    def open_orders(self) -> int:
        """How many orders are routed and not reported."""
        return len(self._orders.open)

    def rest(self) -> list[ExecutionEvent]:
        """Return the OUTCOMEs of all open orders as they stand: at the end of the service."""
        return self._orders.rest()

    def on_weights(self, vector: RoutingWeights, append_time_ms: int) -> Reading:
        """Fold one record of `routing-weights`; `append_time_ms` is the broker's."""
        if vector.strategy != self.strategy:
            return Reading.IGNORE
        self.tick()  # a lease that is over has lapsed, whatever comes now
        standing = self._standing
        meaning = vectors.read(standing.vector, vector)
        if meaning.reading is Reading.IGNORE:
            self.ignored += 1
            self.last_ignored = meaning.reason
            return Reading.IGNORE
        if meaning.reading is Reading.ADOPT:
            problem = vectors.problem(vector, self._handlers, self.unit)
            standing = replace(standing, vector=vector, problem=problem)
            with self._orders.lock:
                self._breaker = self._breaker.rearmed(vector.rearm)
        now_ns = self._monotonic_ns()
        age_ms = self._broker_clock.age_ms(append_time_ms, now_ns)
        lease = standing.lease.heard(now_ns, age_ms, vector.lease_ms, vector.revision)
        self._standing = replace(standing, lease=lease)
        self._replan(changed=meaning.reading is Reading.ADOPT)
        self.on_untold()
        return meaning.reading

    def on_kill(self, record: KillSwitch) -> None:
        """Obey one record of `kill-switch`, however old: kill, or take it back."""
        self.obey_kill(record)
        self.on_untold()

    def obey_kill(self, record: KillSwitch) -> None:
        """Obey as `on_kill`, and leave the service untold until `on_untold` is called."""
        if record.strategy in {self.strategy, EVERYWHERE}:
            self._standing = self._standing.after_kill(record)
            self._replan(changed=True)

    def tell_withdrawn(self) -> None:
        """Call `on_withdrawn` for what waits to be told; returns when the service does."""
        self._withdrawals.tell()

    def on_status_appended(self, append_time_ms: int) -> None:
        """Learn the broker's clock from the delivery report of an own status message."""
        self._broker_clock = self._broker_clock.heard(append_time_ms, self._monotonic_ns())

    def tick(self) -> None:
        """Notice what time and outcomes changed; call it at least every 100 ms."""
        self._orders.set_clock()
        self._standing = self._standing.at(self._monotonic_ns())
        if self._fallback != self._standing.fallback(self._breaker):
            self._replan(changed=True)
            self.on_untold()

    def status(self, publisher: Counters | None = None) -> RouterStatus:
        """Return what this router says of itself now, for `router-status`."""
        now_ns = self._monotonic_ns()
        standing, breaker = self._standing.at(now_ns), self._breaker
        epoch, revision = standing.mark
        with self._orders.lock:
            counts = tuple(
                RevisionCounts(t.revision, t.variant, t.routed, t.reported, t.routed - t.reported)
                for t in self._tallies.all()
                if t.routed
            )
        return RouterStatus(
            router=self.router_id,
            incarnation=self.incarnation,
            strategy=self.strategy,
            time_us=self._orders.wall_us(now_ns),
            versions=tuple(sorted(self._handlers)),
            unit=self.unit,
            baseline=standing.baseline,
            order_horizon_us=self._horizons_us[0],
            markout_horizon_us=self._horizons_us[1],
            epoch=epoch,
            revision=revision,
            lease=standing.lease.state,
            breaker=BreakerState.OPEN if breaker.open else BreakerState.CLOSED,
            rearm=breaker.rearm,
            killed=standing.killed,
            lapses=standing.lease.lapses,
            fallback=self._attested(standing, breaker),
            counts=counts,
            withdrawals=self._withdrawals.newest,
            backlog=0 if publisher is None else publisher.backlog,
            spooled=0 if publisher is None else publisher.spooled,
            dropped=0 if publisher is None else publisher.dropped,
        )

    def _attested(self, standing: Standing, breaker: Breaker) -> str:
        """Why orders go to the baseline, and that it is not loaded, if so; else empty."""
        fallback = standing.fallback(breaker)
        if not fallback or standing.baseline in self._handlers:
            return fallback
        return f"{fallback}; baseline {standing.baseline} is not loaded"

    def _on_canary_outcome(self, error: bool) -> None:  # noqa: FBT001 -- a callback's one fact
        """Feed the breaker; called by the gateway's threads. A trip works at once."""
        with self._orders.lock:
            self._breaker = self._breaker.after(error=error)
            if self._breaker.open:
                self._plan = self._plan.otherwise

    def _replan(self, *, changed: bool) -> None:
        """Swap in the plan that the standing asks for, and note what it withdrew."""
        standing = self._standing
        fallback = standing.fallback(self._breaker)
        if changed or fallback != self._fallback:
            plan = self._compiled(fallback)
        elif fallback or standing.killed:
            return
        else:
            plan = self._plan.renewed(standing.lease.until_ns)
        with self._orders.lock:
            # The breaker may have tripped since it was asked.
            self._plan = plan.otherwise if self._breaker.open else plan
        self._fallback = fallback
        now_us = self._orders.wall_us(self._monotonic_ns())
        self._withdrawals.now_served(standing.served(fallback), standing.cause(fallback), now_us)

    def _compiled(self, fallback: str) -> Plan[Any]:
        standing = self._standing
        if standing.killed:
            return killed_plan(standing.baseline, self._tallies)
        if fallback or standing.vector is None:
            return baseline_plan(standing.baseline, self._handlers, self._tallies)
        until_ns = standing.lease.until_ns
        return vector_plan(standing.vector, self._handlers, self._tallies, until_ns)
