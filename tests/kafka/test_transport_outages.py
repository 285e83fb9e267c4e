"""Router and publisher while Kafka goes away: nothing that a spool can hold is lost."""

from collections import defaultdict
from pathlib import Path

import pytest

import tradecanary
from tests.executions import event
from tests.kafka.broker import Broker
from tests.kafka.desk import Desk, connected, router
from tests.kafka.waiting import wait_until
from tradecanary import ExecutionPublisher
from tradecanary.processors.runtime.settings import Settings
from tradecanary.processors.runtime.topics_admin import create_topics
from tradecanary.producers.kept import Kept
from tradecanary.schemas.partitioning import partition_of


@pytest.fixture
def desk(own_broker: Broker, topic_prefix: str) -> Desk:
    """Give the topics of the table on a broker that may be killed."""
    servers = own_broker.bootstrap_servers
    create_topics(Settings(bootstrap_servers=servers, topic_prefix=topic_prefix))
    return Desk(servers, topic_prefix)


def test_an_outage_loses_nothing_and_keeps_order(
    own_broker: Broker, desk: Desk, tmp_path: Path
) -> None:
    """Killed in the middle of traffic: spooled, then sent; readers see no hole and no disorder."""
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
    _assert_complete(desk, 6_100)


def test_a_start_during_an_outage_loses_nothing(
    own_broker: Broker, desk: Desk, tmp_path: Path
) -> None:
    """The spool takes more than the buffer, for the partitions of the last start; then all goes."""
    with connected(router(), desk, ExecutionPublisher("gateway-7", spool=tmp_path / "spool")):
        wait_until(lambda: Kept(tmp_path / "spool").partitions == 4, "the partitions are kept")
    own_broker.kill()
    publisher = ExecutionPublisher("gateway-7", spool=tmp_path / "spool", buffer=500)
    with tradecanary.connect(
        router(), publisher, kafka=desk.settings, topic_prefix=desk.prefix, ready_timeout_s=0.2
    ) as connection:
        for n in range(2_000):
            wait_until(lambda: publisher.room > 0, "the buffer is emptied")
            publisher.publish(event(unit=f"o{n}"))
        wait_until(lambda: publisher.counters().spooled == 2_000, "the spool has them")
        own_broker.start()
        wait_until(lambda: publisher.counters().spooled == 0, "the spool is drained")
        wait_until(lambda: connection.ready, "the control topics are followed")
    assert publisher.counters().dropped == 0
    _assert_complete(desk, 2_000)


def _assert_complete(desk: Desk, events: int) -> None:
    """Every event is there, with gapless numbers and in order by partition."""
    numbers: dict[int, list[int]] = defaultdict(list)
    for one in desk.events():
        partition = partition_of(one.unit.encode(), 4)
        if one.source_seq not in numbers[partition]:
            numbers[partition].append(one.source_seq)
    assert sum(len(seen) for seen in numbers.values()) == events
    for seen in numbers.values():
        assert seen == list(range(len(seen)))
