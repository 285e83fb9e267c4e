"""Any sequence of vectors, kills, lapses and outcomes keeps the router's laws."""

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from typing_extensions import override

from tests.laws.gateway import S, Service
from tests.laws.test_vectors import VECTOR, cell
from tradecanary.producers.route import Route
from tradecanary.schemas.execution import ExecutionEvent, OrderStatus


class RouterMachine(RuleBasedStateMachine):
    """Any sequence of vectors, kills, lapses and outcomes."""

    def __init__(self) -> None:
        super().__init__()
        self.service = Service()
        self.kills: dict[str, bool] = {}
        self.open: list[Route] = []
        self.events: list[ExecutionEvent] = []
        self.routed = 0

    @rule(
        epoch=st.integers(0, 2),
        revision=st.integers(0, 4),
        canary_bp=st.sampled_from([0, 100, 5_000, 10_000, 10_001]),
        baseline=st.sampled_from(["v1", "v2", "v3"]),
        rearm=st.integers(0, 2),
        age_ms=st.sampled_from([0, 2_999, 3_001, 60_000]),
    )
    def read(self, epoch: int, revision: int, canary_bp: int, **more: object) -> None:
        age_ms = more.pop("age_ms")
        vector = replace(VECTOR, epoch=epoch, revision=revision, cells=(cell(canary_bp),))
        self.service.read(replace(vector, **more), age_ms)  # type: ignore[arg-type]

    @rule(strategy=st.sampled_from(["momentum", "*"]), killed=st.booleans())
    def kill(self, strategy: str, *, killed: bool) -> None:
        self.kills[strategy] = killed
        self.service.kill(strategy, killed=killed)

    @rule(us=st.sampled_from([1_000, 500_000, 2 * S, 11 * S]))
    def wait(self, us: int) -> None:
        self.service.wait(us)

    @rule()
    def tick(self) -> None:
        self.service.heard_broker()
        self.service.router.tick()
        self.events += self.service.router.expired()

    @rule(orders=st.integers(1, 8))
    def route(self, orders: int) -> None:
        routes = [self.service.order() for _ in range(orders)]
        status = self.service.router.status()
        if status.fallback or status.killed:
            assert {route.revision for route in routes} == {0}, "revision 0: all or nothing"
        else:
            assert {route.revision for route in routes} == {status.revision}
        for route in routes:
            assert any(self.kills.values()) == route.killed, "a kill outlives all"
            assert route.handler is None or f"handler of {route.version}" == route.handler
        tradable = [route for route in routes if route.handler is not None]
        self.routed += len(tradable)
        self.open += tradable

    @precondition(lambda self: self.open)
    @rule(pick=st.integers(0, 100), status=st.sampled_from(list(OrderStatus)))
    def end(self, pick: int, status: OrderStatus) -> None:
        route = self.open[pick % len(self.open)]
        event = route.outcome(status, filled_qty=1.0, avg_price=100.0)
        if event is not None:
            self.events.append(event)

    @invariant()
    def one_outcome_an_order(self) -> None:
        ids = [event.order_id for event in self.events]
        assert len(set(ids)) == len(ids)
        counts = self.service.router.status().counts
        assert self.routed == sum(count.routed for count in counts)
        assert len(ids) == sum(count.reported for count in counts)

    @override
    def teardown(self) -> None:
        self.service.wait(2 * S)
        self.events += self.service.router.expired()
        assert self.routed == len(self.events), "every order is reported"


RouterMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
test_any_sequence = RouterMachine.TestCase
