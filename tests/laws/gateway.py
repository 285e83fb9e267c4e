"""A trading service in small, for the laws of router and orders."""

from dataclasses import replace

from tests.laws.test_vectors import VECTOR, cell
from tradecanary.producers.clock import Clock
from tradecanary.producers.route import Route
from tradecanary.producers.router import OrderRouter
from tradecanary.producers.vectors import Reading
from tradecanary.schemas.execution import Side
from tradecanary.schemas.routing import (
    KillSwitch,
    RoutingWeights,
    UnitKind,
)

START_US = 1_700_000_000_000_000
S = 1_000_000


class Service:
    """A trading service in small: a router, a clock that is ours, and what was withdrawn."""

    def __init__(self, unit: str = "order", versions: tuple[str, ...] = ("v1", "v2")) -> None:
        self.now_us = START_US
        self.withdrawn: list[str] = []
        self.router = OrderRouter(
            "momentum",
            {version: f"handler of {version}" for version in versions},
            "v1",
            unit=unit,
            breaker_errors=3,
            on_withdrawn=self.withdrawn.append,
            clock=Clock.of(lambda: self.now_us),
            router_id="gateway-7",
        )
        self.orders = 0
        self.heard_broker()

    @property
    def now_ms(self) -> int:
        return self.now_us // 1_000

    def heard_broker(self) -> None:
        self.router.on_status_appended(self.now_ms)

    def read(self, vector: RoutingWeights, age_ms: int = 0) -> Reading:
        return self.router.on_weights(vector, self.now_ms - age_ms)

    def kill(self, strategy: str = "momentum", *, killed: bool = True) -> None:
        self.router.on_kill(KillSwitch(strategy, killed, "anna", 0, "drill"))

    def order(self, venue: str = "XNAS", account: str = "A17") -> Route:
        self.orders += 1
        return self.router.route(
            f"{account}-{self.orders}", account, "us", venue, 100.0, Side.BUY, 10.0, "XXX"
        )

    def wait(self, us: int) -> None:
        self.now_us += us


def following(canary_bp: int = 5_000, unit: str = "order") -> Service:
    """Return a service that follows one cell for everything."""
    service = Service(unit)
    service.read(replace(VECTOR, cells=(cell(canary_bp),), unit=UnitKind(unit)))
    return service


def canary_order(service: Service) -> Route:
    """Return an order that the coin gave to the canary."""
    return next(route for _ in range(200) if (route := service.order()).variant == "canary")
