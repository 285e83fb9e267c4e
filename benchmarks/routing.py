"""What `OrderRouter.route` costs in its common path: a vector is followed, the coin is tossed."""

from __future__ import annotations

import statistics
import sys
import time
from array import array
from collections.abc import Iterator

from benchmarks.flow import CANARY, STABLE
from tradecanary.producers.route import Route
from tradecanary.producers.router import OrderRouter
from tradecanary.schemas.execution import OrderStatus
from tradecanary.schemas.routing import (
    EVERYWHERE,
    CellWeights,
    RoutingWeights,
    UnitKind,
    VariantWeight,
)

_BATCH = 100
"""Orders open at once: those of 20 ms at 5,000 orders a second."""
_WARM_UP_BATCHES = 500


def _vector() -> RoutingWeights:
    weights = (VariantWeight("stable", STABLE, 9_500), VariantWeight("canary", CANARY, 500))
    return RoutingWeights(
        strategy="bench",
        epoch=1,
        revision=2,
        rollout="bench-1",
        cells=(CellWeights(EVERYWHERE, EVERYWHERE, weights),),
        baseline=STABLE,
        salt="bench-1",
        unit=UnitKind.ORDER,
        lease_ms=10_000,
        rearm=0,
        reason="",
        decision_hash="",
    )


def _renew(router: OrderRouter) -> None:
    now_ms = time.time_ns() // 1_000_000
    router.on_status_appended(now_ms)
    router.on_weights(_vector(), now_ms)


def measure(batches: int) -> Iterator[dict[str, float]]:
    """Yield empty results while it works, then ns a call and memory blocks kept per 1,000 calls.

    Each batch is routed under the clock and ended outside it, as gateways do.
    """
    router = OrderRouter("bench", {STABLE: object(), CANARY: object()}, STABLE)
    taken_ns = array("d")  # takes no block a figure, as a list would
    canaries = blocks = 0
    for batch in range(batches + _WARM_UP_BATCHES):
        _renew(router)
        if batch == _WARM_UP_BATCHES:
            taken_ns, blocks = array("d"), sys.getallocatedblocks()
        ids = [f"A17-{batch:06d}-{number:04d}" for number in range(_BATCH)]
        routes: list[Route | None] = [None] * _BATCH
        began_ns = time.perf_counter_ns()
        for number, order_id in enumerate(ids):
            routes[number] = router.route(order_id, "A17", "us", "XNAS")
        taken_ns.append((time.perf_counter_ns() - began_ns) / _BATCH)
        for route in filter(None, routes):
            canaries += route.variant == "canary"
            route.outcome(OrderStatus.FILLED, filled_qty=100, avg_price=187.4, pnl=0.0)
        if batch % 1_000 == 0:
            yield {}
    kept = sys.getallocatedblocks() - blocks
    assert canaries, "the coin was not tossed"
    calls = batches * _BATCH
    yield {
        "route_ns": statistics.median(taken_ns),
        "route_p99_ns": statistics.quantiles(taken_ns, n=100)[98],
        "route_blocks_kept_per_1000": 1000 * kept / calls,
    }
