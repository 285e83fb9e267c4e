"""How long a bad canary keeps its orders: tripping event published -> its withdrawal obeyed.

And how long an operator waits: `tradecanary abort` begun, as a process -> the withdrawal obeyed.

Real processes (`tradecanary run aggregation`, `run decision`), a real router and publisher, and a
steady flow of other events beside them. Each trip is a rollout of its own. Three kinds: a loss
budget that one event uses up; the `thresholds` judge, whose minimum of orders one event completes;
and the `sequential` judge, for which one cohort is enough. The clock runs from the call of
`publish`, of a cohort from when it is mature, to the router's call of `on_withdrawn`: from then on
`route()` gives that canary no order, which is checked.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from confluent_kafka import Producer

from benchmarks.flow import CANARY, STABLE
from benchmarks.places import Place, running
from tradecanary.processors.decision.cohorts import Horizons
from tradecanary.producers.kafka_transport import connect
from tradecanary.producers.publisher import ExecutionPublisher
from tradecanary.producers.route import Route
from tradecanary.producers.router import OrderRouter
from tradecanary.schemas.codec import encode
from tradecanary.schemas.execution import OrderStatus
from tradecanary.schemas.routing import Command, CommandKind
from tradecanary.schemas.topics import COMMANDS
from tradecanary.schemas.units import COHORT_US, US_PER_MS, US_PER_S

_STRATEGY = "bench"
_DEADLINE_S = 30.0
_MIN_ORDERS = 20
_SETTLED_S = 1.0
"""After this all that was published before has long been judged."""
_HALF = {"name": "Half", "weight_bp": 5_000, "min_duration_s": 3_600}
_POLICY = {
    "name": "bench",
    "ramp": [_HALF, {"name": "All", "weight_bp": 10_000}],
    "judge": {"kind": "thresholds", "min_orders": _MIN_ORDERS},
    "guards": {"loss_budget": 1_000_000},
}
_SEQUENTIAL = {**_POLICY, "judge": {"kind": "sequential"}}
_HORIZON_US = 2 * US_PER_S
_COHORT_ORDERS = 120
"""About half of them are the canary's, and unfilled: 20 would be enough."""


class Gateway:
    """One trading service: a router whose canary gets half of the orders, and a publisher."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._withdrawn = threading.Event()
        self._withdrawn_ns = 0
        self._orders = 0
        self._canaries = 0
        self._rollouts = 0
        self.router = OrderRouter(
            _STRATEGY,
            {STABLE: object(), CANARY: object()},
            STABLE,
            order_horizon_ms=_HORIZON_US // US_PER_MS,
            on_withdrawn=self._on_withdrawn,
        )
        self.publisher = ExecutionPublisher("bench-gateway")
        self._operator = Producer({**place.settings.connection(), "linger.ms": 0})

    def _on_withdrawn(self, variant: str) -> None:
        if variant == "canary":
            self._withdrawn_ns = time.perf_counter_ns()
            self._withdrawn.set()

    def start(self, policy: Mapping[str, object] = _POLICY) -> None:
        """Start the next rollout; return when the router gives the canary orders."""
        self._rollouts += 1
        rollout = f"bench-{os.getpid()}-{self._rollouts}"
        spec = {
            "rollout": rollout, "strategy": _STRATEGY, "stable": STABLE, "canary": CANARY,
            "policy": policy,
        }  # fmt: skip
        command = Command(
            id=rollout,
            strategy=_STRATEGY,
            actor="bench",
            time_us=time.time_ns() // 1000,
            kind=CommandKind.START,
            arguments=json.dumps(spec),
            reason="bench",
        )
        topic = self._place.settings.topic_prefix + COMMANDS.name
        self._operator.produce(topic, encode(command), _STRATEGY.encode(), 0)
        assert self._operator.flush(10) == 0, "the command was not written"
        self._withdrawn.clear()
        self._canaries = 0
        deadline = time.monotonic() + _DEADLINE_S
        while not self._canary_is_served():
            if time.monotonic() > deadline:
                status = self.router.status()
                raise TimeoutError(f"{rollout} did not start; the router says {status}")
            threading.Event().wait(0.02)

    def _canary_is_served(self) -> bool:
        return bool(self.end(self.orders(8), OrderStatus.FILLED)["canary"])

    def orders(self, count: int) -> list[Route]:
        """Route orders."""
        first, self._orders = self._orders, self._orders + count
        return [
            self.router.route(
                f"bench-{number}", f"A{number % 50}", "us", "XNAS", 187.4, "BUY", 100.0, "AAPL"
            )
            for number in range(first, first + count)
        ]

    def end(self, routes: list[Route], status: OrderStatus) -> dict[str, int]:
        """End orders and publish them; return how many of each variant there were."""
        found = {"stable": 0, "canary": 0}
        for route in routes:
            found[route.variant] += 1
            self._canaries += route.variant == "canary"
            self._publish(route, status if route.variant == "canary" else OrderStatus.FILLED, 1.0)
        return found

    def _publish(self, route: Route, status: OrderStatus, pnl: float) -> None:
        route.acknowledged()
        if status is OrderStatus.FILLED:
            outcome = route.outcome(status, filled_qty=100.0, avg_price=187.4, pnl=pnl)
        else:
            outcome = route.outcome(status, pnl=0.0)
        self.publisher.publish(outcome)

    def canary_order(self) -> Route:
        """Return an open order of the canary; stable's on the way to it are filled."""
        for _ in range(200):
            (route,) = self.orders(1)
            if route.variant == "canary":
                return route
            self.end([route], OrderStatus.FILLED)
        raise RuntimeError("200 orders at half the weight gave the canary none")

    def trip(self, status: OrderStatus, pnl: float) -> float:
        """Publish one canary outcome; return the ms until the canary was withdrawn."""
        route = self.canary_order()
        assert not self._withdrawn.is_set(), "the canary was withdrawn before its time"
        began_ns = time.perf_counter_ns()
        self._publish(route, status, pnl)
        if not self._withdrawn.wait(_DEADLINE_S):
            raise TimeoutError(f"nothing tripped; the router says {self.router.status()}")
        return self._since(began_ns)

    def _since(self, began_ns: int) -> float:
        """Return the ms until the canary was withdrawn; it must get no order any more."""
        after = self.orders(20)
        variants = {route.variant for route in after}
        self.end(after, OrderStatus.FILLED)
        assert variants == {"stable"}, f"the withdrawn canary was given orders: {variants}"
        return (self._withdrawn_ns - began_ns) / 1e6

    def by_guard(self) -> float:
        """Let one event use up the loss budget."""
        return self.trip(OrderStatus.FILLED, -2_000_000.0)

    def by_judge(self) -> float:
        """Let one unfilled order be the last of the judge's minimum."""
        while self._canaries < _MIN_ORDERS - 1:
            self.end(self.orders(1), OrderStatus.CANCELED)
        self._withdrawn.wait(_SETTLED_S)
        return self.trip(OrderStatus.CANCELED, 0.0)

    def by_cohort(self) -> float:
        """Let one cohort be the judge's proof; its clock begins when the cohort is mature.

        The gateway trades on meanwhile: the watermark waits for a source that has fallen silent.
        """
        self._withdrawn.wait(1.05 - time.time() % 1)  # a cohort is a second of the clock
        cohort_us = time.time_ns() // 1_000 // COHORT_US * COHORT_US
        assert not self._withdrawn.is_set(), "the canary was withdrawn before its time"
        self.end(self.orders(_COHORT_ORDERS), OrderStatus.CANCELED)
        mature_us = Horizons(_HORIZON_US, _HORIZON_US).orders_ripe_at_us(cohort_us)
        began_ns = time.perf_counter_ns() + mature_us * 1_000 - time.time_ns()
        deadline = time.monotonic() + _DEADLINE_S
        while not self._withdrawn.wait(0.02):
            if time.monotonic() > deadline:
                raise TimeoutError(f"no cohort was proof; the router says {self.router.status()}")
            self.end(self.orders(8), OrderStatus.FILLED)
        return self._since(began_ns)

    def by_command(self, tradecanary: str) -> float:
        """Return the ms from starting the command line's abort to the canary's withdrawal."""
        arguments = ("abort", _STRATEGY, "--reason", "bench", "--yes")
        began_ns = time.perf_counter_ns()
        with running([tradecanary, *arguments], self._place.environment()) as command:
            if not self._withdrawn.wait(_DEADLINE_S):
                raise TimeoutError(f"the abort was not obeyed: {self.router.status()}")
            said, _ = command.communicate(timeout=_DEADLINE_S)
            assert command.returncode == 0, f"the abort was refused: {said}"
        return self._since(began_ns)


def _await_lines(process: subprocess.Popen[str], wanted: str) -> None:
    """Return when the process said `wanted`; go on reading, so that it never waits for us."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if wanted in line:
            threading.Thread(target=process.stdout.read, daemon=True).start()
            return
    raise RuntimeError(f"{process.args!r} ended:\n{''.join(lines)[-3000:]}")


def measure(place: Place, trips: int, aborts: int, rate: int) -> Iterator[tuple[str, float]]:
    """Yield the kind and the milliseconds of each trip; half of them are by guard; then aborts."""
    tradecanary = str(Path(sys.executable).with_name("tradecanary"))
    rng = random.Random(3)
    with ExitStack() as stack:
        for stage in ("aggregation", "decision"):
            command = [tradecanary, "run", stage]
            process = stack.enter_context(running(command, place.environment()))
            _await_lines(process, '"recovered"')
        background = [sys.executable, "-m", "benchmarks.background", str(rate)]
        _await_lines(stack.enter_context(running(background, place.environment())), "begun")
        gateway = Gateway(place)
        stack.enter_context(
            connect(
                gateway.router,
                gateway.publisher,
                bootstrap_servers=place.settings.bootstrap_servers,
                topic_prefix=place.settings.topic_prefix,
            )
        )
        threading.Event().wait(2)  # the flow is steady, and the stages are warm
        for number in range(trips):
            if number % 4 == 3:
                gateway.start(_SEQUENTIAL)
                yield "sequential", gateway.by_cohort()
                continue
            gateway.start()
            threading.Event().wait(rng.random() * 0.4)  # at any moment between two commits
            if number % 4 < 2:
                yield "guard", gateway.by_guard()
            else:
                yield "thresholds", gateway.by_judge()
        for _ in range(aborts):
            gateway.start()
            threading.Event().wait(rng.random() * 0.4)
            yield "abort", gateway.by_command(tradecanary)
