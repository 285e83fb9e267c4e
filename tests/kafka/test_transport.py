"""Router and publisher on a real Kafka: followed, killed, cut off, and brought back."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import Producer

import tradecanary
from tests.executions import event
from tests.kafka.broker import Broker
from tests.kafka.java import free_port
from tests.kafka.waiting import wait_until
from tests.laws.test_vectors import VECTOR, cell
from tradecanary import ExecutionPublisher, OrderRouter
from tradecanary.processors.runtime.settings import Settings
from tradecanary.processors.runtime.topics_admin import create_topics
from tradecanary.producers import kafka_transport
from tradecanary.producers.kafka_reading import recorded_events
from tradecanary.producers.kafka_settings import client_settings
from tradecanary.producers.kept import Kept
from tradecanary.schemas.codec import encode
from tradecanary.schemas.execution import ExecutionEvent, OrderStatus
from tradecanary.schemas.partitioning import partition_of
from tradecanary.schemas.routing import BreakerState, KillSwitch, LeaseState, RoutingWeights
from tradecanary.schemas.topics import KILL_SWITCH, ROUTING_WEIGHTS

FULL = replace(VECTOR, cells=(cell(10_000),), lease_ms=2_000)


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

    def events(self) -> list[ExecutionEvent]:
        return list(recorded_events(client_settings(None, self.settings), self.prefix))


def router(*, horizon_ms: int = 2_000) -> OrderRouter:
    """Return a router that has both versions."""
    versions = {"v1": "one", "v2": "two"}
    return OrderRouter("momentum", versions, "v1", order_horizon_ms=horizon_ms)


def made_desk(bootstrap_servers: str, prefix: str) -> Desk:
    """Make the topics of the table, and return the desk on them."""
    create_topics(Settings(bootstrap_servers=bootstrap_servers, topic_prefix=prefix))
    return Desk(bootstrap_servers, prefix)


@pytest.fixture
def desk(bootstrap_servers: str, topic_prefix: str) -> Desk:
    """Give the topics of the table, empty."""
    return made_desk(bootstrap_servers, topic_prefix)


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


def test_a_router_follows_and_lapses(desk: Desk) -> None:
    """It follows what is committed while that is renewed, then goes to the baseline."""
    service = router()
    with connected(service, desk):
        desk.abort(replace(FULL, revision=99))

        def followed() -> bool:
            desk.write(FULL)
            return service.route("1", "A", "us", "XNAS").revision == FULL.revision

        wait_until(followed, "the vector is followed")
        status = service.status()
        assert (status.lease, status.epoch, status.revision) == (LeaseState.VALID, 3, 7)
        wait_until(lambda: service.route("1", "A", "us", "XNAS").revision == 0, "the lease lapses")
        wait_until(lambda: service.status().lapses == 1, "the lapse is counted")
        assert service.status().breaker is BreakerState.CLOSED


def test_a_kill_is_obeyed_after_a_restart_however_old(desk: Desk) -> None:
    """connect() returns when kills are read: not one order passes; an unkill ends it."""
    desk.kill(killed=True, time_us=1_000_000)
    service = router()
    with connected(service, desk):
        assert service.route("1", "A", "us", "XNAS").killed
        desk.kill(killed=False)
        wait_until(lambda: not service.route("1", "A", "us", "XNAS").killed, "the unkill is obeyed")


def test_a_kill_outlives_a_restart_while_kafka_is_away(desk: Desk, tmp_path: Path) -> None:
    """With a spool the gateway knows its kills itself; an unkill it missed counts once read."""
    with connected(router(), desk, ExecutionPublisher("gateway-7", spool=tmp_path / "spool")):
        desk.kill(killed=True)
        wait_until(lambda: len(Kept(tmp_path / "spool").kills) == 1, "the kill is kept")
    nowhere = {"bootstrap.servers": f"127.0.0.1:{free_port()}"}
    service = router()
    with tradecanary.connect(
        service, ExecutionPublisher("gateway-7", spool=tmp_path / "spool"),
        kafka=nowhere, ready_timeout_s=0.2,
    ):  # fmt: skip
        assert service.route("1", "A", "us", "XNAS").killed
    desk.kill(killed=False)
    service = router()
    with connected(service, desk, ExecutionPublisher("gateway-7", spool=tmp_path / "spool")):
        assert not service.route("1", "A", "us", "XNAS").killed
        wait_until(lambda: not Kept(tmp_path / "spool").kills, "the kill is forgotten")


def test_every_order_arrives_as_one_numbered_outcome(desk: Desk) -> None:
    """Reported ones and those that only reached their horizon; numbers gapless per partition."""
    service = router(horizon_ms=300)
    with connected(service, desk) as publisher:
        for n in range(100):
            route = service.route(f"A17-{n}", "A17", "us", "XNAS", order_qty=1.0)
            if n % 2:
                publisher.publish(route.outcome("FILLED", filled_qty=1, avg_price=1.0))
        wait_until(
            lambda: service.status().counts[0].reported == 100, "the horizon reports the rest"
        )
    events = desk.events()
    assert {f"A17-{n}" for n in range(100)} == {one.order_id for one in events}
    assert len(events) == 100
    assert sum(one.status is OrderStatus.TIMED_OUT for one in events) == 50
    assert {publisher.source} == {one.source for one in events}
    assert publisher.counters().dropped == 0


def test_what_is_published_at_the_end_is_sent_before_the_end(desk: Desk) -> None:
    """Closing sends what waits."""
    with connected(router(), desk) as publisher:
        for n in range(2_000):
            publisher.publish(event(unit=f"o{n}"))
    assert len(desk.events()) == 2_000


def test_without_a_broker_a_service_trades_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """connect() gives up waiting, orders get the baseline, closing keeps events in the spool."""
    monkeypatch.setattr(kafka_transport, "_CLOSE_S", 0.5)
    nowhere = {"bootstrap.servers": f"127.0.0.1:{free_port()}"}
    service = router()
    publisher = ExecutionPublisher("gateway-7", spool=tmp_path / "spool")
    connection = tradecanary.connect(service, publisher, kafka=nowhere, ready_timeout_s=0.2)
    route = service.route("1", "A", "us", "XNAS")
    assert not connection.ready
    assert (route.version, route.revision) == ("v1", 0)
    publisher.publish(route.outcome("FILLED", filled_qty=1, avg_price=1.0))
    connection.close()
    assert publisher.counters().spooled == 1


def test_no_address_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the start a service may be told loudly."""
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    with pytest.raises(ValueError, match="set KAFKA_BOOTSTRAP_SERVERS"):
        tradecanary.connect(router(), ExecutionPublisher("gateway-7"))


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """KAFKA__... is any librdkafka setting; arguments win."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "a:1")
    monkeypatch.setenv("KAFKA__SECURITY_PROTOCOL", "SASL_SSL")
    assert client_settings(None) == {"bootstrap.servers": "a:1", "security.protocol": "SASL_SSL"}
    assert client_settings("b:2", {"security.protocol": "SSL"}) == {
        "bootstrap.servers": "b:2", "security.protocol": "SSL",
    }  # fmt: skip


def test_an_outage_loses_nothing_and_keeps_order(
    own_broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    """Killed in the middle of traffic: spooled, then sent; readers see no hole and no disorder."""
    desk = made_desk(own_broker.bootstrap_servers, topic_prefix)
    publisher = ExecutionPublisher("gateway-7", spool=tmp_path / "spool")
    service = router()
    with connected(service, desk, publisher, **{"message.timeout.ms": "1500"}):
        for n in range(3_000):
            publisher.publish(event(unit=f"o{n}"))
        wait_until(lambda: publisher.counters().backlog < 2_000, "some of it is on its way")
        own_broker.kill()
        for n in range(3_000, 6_000):
            publisher.publish(event(unit=f"o{n}"))
        # the first 3,000 may all have arrived before the end
        wait_until(lambda: publisher.counters().spooled >= 3_000, "the spool fills")
        own_broker.start()
        for n in range(6_000, 6_100):
            publisher.publish(event(unit=f"o{n}"))
        wait_until(lambda: publisher.counters().spooled == 0, "the spool is drained")
    counters = publisher.counters()
    assert (counters.backlog, counters.spooled, counters.dropped) == (0, 0, 0)
    numbers: dict[int, list[int]] = defaultdict(list)
    for one in desk.events():
        partition = partition_of(one.unit.encode(), 4)
        if one.source_seq not in numbers[partition]:
            numbers[partition].append(one.source_seq)
    assert sum(len(seen) for seen in numbers.values()) == 6_100
    for seen in numbers.values():
        assert seen == list(range(len(seen)))
