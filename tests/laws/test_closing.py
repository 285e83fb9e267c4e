"""A service that stops in good order leaves no order open and no event behind; Kafka is away."""

import threading
from pathlib import Path

from tests.kafka.java import free_port
from tradecanary.producers.kafka_delivery import Deliverer
from tradecanary.producers.kafka_settings import DELIVER
from tradecanary.producers.publisher import ExecutionPublisher
from tradecanary.producers.router import OrderRouter
from tradecanary.producers.spool import Spool
from tradecanary.schemas.codec import decode
from tradecanary.schemas.execution import ExecutionEvent, OrderStatus

CLOSE_S = 1.0


def router(horizon_ms: int) -> OrderRouter:
    """Return a router at its baseline."""
    return OrderRouter("momentum", {"v1": "one"}, "v1", order_horizon_ms=horizon_ms)


def closing(one: OrderRouter, publisher: ExecutionPublisher) -> threading.Thread:
    """Return the delivery of both, told to stop."""
    nowhere = {**DELIVER, "bootstrap.servers": f"127.0.0.1:{free_port()}", "log_level": 0}
    deliverer = Deliverer([one], publisher, nowhere, "", close_s=CLOSE_S)
    deliverer.stop.set()
    thread = threading.Thread(target=deliverer.run)
    thread.start()
    return thread


def spooled(path: Path) -> list[ExecutionEvent]:
    """Return what the next start finds in the spool."""
    spool = Spool(path)
    found = [decode(ExecutionEvent, one.value) for one in spool.head(1_000)]
    spool.close()
    return found


def test_what_is_still_open_at_the_end_is_reported_as_it_stands(tmp_path: Path) -> None:
    """One OUTCOME an order, ended no later than now, and none open in the last status."""
    service, publisher = router(3_600_000), ExecutionPublisher("g", spool=tmp_path / "spool")
    silent, resting, done = (service.route(f"o{n}", "A", "us", "XNAS") for n in range(3))
    resting.acknowledged()
    resting.filled(4, 100.0)
    publisher.publish(done.outcome("CANCELED"))
    closing(service, publisher).join(60.0)
    ended = {one.order_id: one for one in spooled(tmp_path / "spool")}
    assert {order: one.status for order, one in ended.items()} == {
        "o0": OrderStatus.TIMED_OUT, "o1": OrderStatus.WORKING, "o2": OrderStatus.CANCELED,
    }  # fmt: skip
    assert ended["o1"].filled_qty == 4
    assert all(one.event_time - one.submitted_at < 60_000_000 for one in ended.values())
    (counts,) = service.status().counts
    assert (counts.routed, counts.reported, counts.open) == (3, 3, 0)
    assert silent.outcome("FILLED") is None


def test_an_order_that_ends_while_closing_is_waited_for(tmp_path: Path) -> None:
    """Its own end is reported, not a guess."""
    service, publisher = router(3_600_000), ExecutionPublisher("g", spool=tmp_path / "spool")
    late = service.route("o1", "A", "us", "XNAS")
    thread = closing(service, publisher)
    thread.join(0.2)
    assert thread.is_alive(), "the open order is waited for"
    publisher.publish(late.outcome("FILLED", filled_qty=1, avg_price=1.0))
    thread.join(60.0)
    assert [one.status for one in spooled(tmp_path / "spool")] == [OrderStatus.FILLED]
