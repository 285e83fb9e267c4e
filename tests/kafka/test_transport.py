"""Router and publisher on a real Kafka: followed, killed, cut off, and brought back."""

from dataclasses import replace
from pathlib import Path

import pytest

import tradecanary
from tests.executions import event
from tests.kafka.desk import Desk, connected, router
from tests.kafka.java import free_port
from tests.kafka.waiting import wait_until
from tests.laws.test_vectors import VECTOR, cell
from tradecanary import ExecutionPublisher
from tradecanary.processors.runtime.settings import Settings
from tradecanary.processors.runtime.topics_admin import create_topics
from tradecanary.producers.kafka_settings import client_settings
from tradecanary.producers.kept import Kept
from tradecanary.schemas.execution import OrderStatus
from tradecanary.schemas.routing import (
    BreakerState,
    LeaseState,
)

FULL = replace(VECTOR, cells=(cell(10_000),), lease_ms=2_000)


@pytest.fixture
def desk(bootstrap_servers: str, topic_prefix: str) -> Desk:
    """Give the topics of the table, empty."""
    create_topics(Settings(bootstrap_servers=bootstrap_servers, topic_prefix=topic_prefix))
    return Desk(bootstrap_servers, topic_prefix)


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


def test_a_clean_stop_leaves_nothing_open(desk: Desk) -> None:
    """What rests is reported as it stands, and the last status says so."""
    service = router(horizon_ms=3_600_000)
    with connected(service, desk):
        for n in range(20):
            route = service.route(f"A17-{n}", "A17", "us", "XNAS", order_qty=1.0)
            if n % 2:
                route.acknowledged()
    events = desk.events()
    statuses = [event.status for event in events]
    assert (len(events), statuses.count(OrderStatus.WORKING)) == (20, 10)
    assert statuses.count(OrderStatus.TIMED_OUT) == 10
    (counts,) = desk.last_status().counts
    assert (counts.routed, counts.reported, counts.open) == (20, 20, 0)


def test_without_a_broker_a_service_trades_on(tmp_path: Path) -> None:
    """connect() gives up waiting, orders get the baseline, closing keeps events in the spool."""
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
