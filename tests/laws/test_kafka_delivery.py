"""What the Kafka client refuses, and how the delivery takes it; no broker is there."""

from dataclasses import replace

from tests.executions import event
from tests.kafka.java import free_port
from tradecanary.producers.kafka_delivery import Deliverer
from tradecanary.producers.kafka_settings import DELIVER
from tradecanary.producers.publisher import ExecutionPublisher
from tradecanary.producers.spool import Outgoing


def deliverer(publisher: ExecutionPublisher, **settings: str | int) -> Deliverer:
    """Return a delivery to a broker that is not there."""
    nowhere = {"bootstrap.servers": f"127.0.0.1:{free_port()}", "log_level": 0}
    return Deliverer([], publisher, {**DELIVER, **nowhere, **settings}, "")


def test_an_event_that_is_too_large_is_over_and_counted() -> None:
    """It gets no smaller, so it may not hold up what comes after it."""
    publisher = ExecutionPublisher("g")
    settled: list[bool] = []
    publisher.publish(replace(event(), account="A" * 3_000))
    (large,) = publisher.take(10, 1)
    assert deliverer(publisher, **{"message.max.bytes": 2_000}).send(large, settled.append)
    assert (settled, publisher.counters().dropped) == ([True], 1)


def test_an_event_that_is_not_taken_for_now_failed() -> None:
    """It goes into the spool like one that did not arrive, and is tried again."""
    publisher = ExecutionPublisher("g")
    settled: list[bool] = []
    unready = deliverer(publisher, **{"transactional.id": "never begun"})
    assert unready.send(Outgoing(0, b"unit", b"event"), settled.append)
    assert (settled, publisher.counters().dropped) == ([False], 0)
