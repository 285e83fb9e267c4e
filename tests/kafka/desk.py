"""What tests of a connection need: the other side of the topics, and a service."""

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, Producer, TopicPartition

import tradecanary
from tradecanary import ExecutionPublisher, OrderRouter
from tradecanary.producers.kafka_reading import recorded_events
from tradecanary.producers.kafka_settings import client_settings
from tradecanary.schemas.codec import decode, encode
from tradecanary.schemas.execution import ExecutionEvent
from tradecanary.schemas.routing import (
    KillSwitch,
    RouterStatus,
    RoutingWeights,
)
from tradecanary.schemas.topics import KILL_SWITCH, ROUTER_STATUS, ROUTING_WEIGHTS


class Desk:
    """The decider's and the operator's side of the topics."""

    def __init__(self, bootstrap_servers: str, prefix: str) -> None:
        self.prefix = prefix
        self.settings = {"bootstrap.servers": bootstrap_servers}
        self._producer = Producer({**self.settings, "linger.ms": 0})

    def write(self, vector: RoutingWeights) -> None:
        key = vector.strategy.encode()
        self._producer.produce(self.prefix + ROUTING_WEIGHTS.name, encode(vector), key)
        self._producer.flush(5)

    def kill(self, *, killed: bool, time_us: int = 0) -> None:
        record = KillSwitch("momentum", killed, "anna", time_us, "drill")
        topic, key = self.prefix + KILL_SWITCH.name, b"momentum"
        self._producer.produce(topic, encode(record), key, timestamp=max(1, time_us // 1_000))
        self._producer.flush(5)

    def abort(self, vector: RoutingWeights) -> None:
        producer = Producer({**self.settings, "transactional.id": f"{self.prefix}decider"})
        producer.init_transactions(10)
        producer.begin_transaction()
        topic = self.prefix + ROUTING_WEIGHTS.name
        producer.produce(topic, encode(vector), vector.strategy.encode())
        producer.flush(5)
        producer.abort_transaction()

    def last_status(self) -> RouterStatus:
        consumer = Consumer({**self.settings, "group.id": "desk", "enable.auto.commit": False})
        place = TopicPartition(self.prefix + ROUTER_STATUS.name, 0)
        _, end = consumer.get_watermark_offsets(place, timeout=10)
        consumer.assign([TopicPartition(place.topic, 0, end - 1)])
        message = consumer.poll(10)
        consumer.close()
        assert message is not None
        return decode(RouterStatus, message.value())

    def events(self) -> list[ExecutionEvent]:
        return list(recorded_events(client_settings(None, self.settings), self.prefix))


def router(*, horizon_ms: int = 2_000) -> OrderRouter:
    """Return a router that has both versions."""
    versions = {"v1": "one", "v2": "two"}
    return OrderRouter("momentum", versions, "v1", order_horizon_ms=horizon_ms)


@contextmanager
def connected(
    service: OrderRouter, desk: Desk, publisher: ExecutionPublisher | None = None, **kafka: str
) -> Iterator[ExecutionPublisher]:
    """Connect for the time of the block."""
    publisher = publisher or ExecutionPublisher("gateway-7")
    with tradecanary.connect(
        service, publisher, kafka={**desk.settings, **kafka}, topic_prefix=desk.prefix
    ) as connection:
        assert connection.ready
        yield publisher
