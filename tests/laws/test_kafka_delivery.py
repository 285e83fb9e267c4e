"""What the Kafka client refuses, and how the delivery takes it; no broker is there."""

import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.executions import event
from tests.kafka.java import free_port
from tests.kafka.waiting import wait_until
from tradecanary.producers.kafka_delivery import Deliverer
from tradecanary.producers.kafka_settings import DELIVER
from tradecanary.producers.kept import Kept
from tradecanary.producers.publisher import ExecutionPublisher
from tradecanary.producers.spool import Outgoing, Spool


def deliverer(
    publisher: ExecutionPublisher,
    kept: Kept | None = None,
    settings: Mapping[str, str | int] = MappingProxyType({}),
) -> Deliverer:
    """Return a delivery to a broker that is not there."""
    nowhere: dict[str, str | int] = {
        "bootstrap.servers": f"127.0.0.1:{free_port()}",
        "log_level": 0,
    }
    return Deliverer([], publisher, {**DELIVER, **nowhere, **settings}, "", kept, close_s=0.1)


def test_an_event_that_is_too_large_is_over_and_counted() -> None:
    """It gets no smaller, so it may not hold up what comes after it."""
    publisher = ExecutionPublisher("g")
    settled: list[bool] = []
    publisher.publish(replace(event(), account="A" * 3_000))
    (large,) = publisher.take(10, 1)
    assert deliverer(publisher, settings={"message.max.bytes": 2_000}).send(large, settled.append)
    assert (settled, publisher.counters().dropped) == ([True], 1)


def test_an_event_that_is_not_taken_for_now_failed() -> None:
    """It goes into the spool like one that did not arrive, and is tried again."""
    publisher = ExecutionPublisher("g")
    settled: list[bool] = []
    unready = deliverer(publisher, settings={"transactional.id": "never begun"})
    assert unready.send(Outgoing(0, b"unit", b"event"), settled.append)
    assert (settled, publisher.counters().dropped) == ([False], 0)


@pytest.mark.parametrize(("kept_partitions", "used"), [(0, {0}), (4, {0, 1, 2, 3})])
def test_kafka_away_at_the_start_the_spool_takes_what_the_buffer_cannot(
    tmp_path: Path, kept_partitions: int, used: set[int]
) -> None:
    """Numbered for the partitions of the last start, or all for the first one before any."""
    spool = tmp_path / "spool"
    kept = Kept(spool)
    kept.partitions = kept_partitions
    kept.save()
    publisher = ExecutionPublisher("g", spool=spool, buffer=100)
    running = deliverer(publisher, kept=Kept(spool))
    thread = threading.Thread(target=running.run)
    thread.start()
    pause = threading.Event()
    for n in range(500):
        wait_until(lambda: publisher.room > 0, "room", step=lambda: pause.wait(0.005))
        publisher.publish(replace(event(), unit=f"o{n}"))
    running.stop.set()
    thread.join(60.0)
    counters = publisher.counters()
    assert (counters.backlog, counters.spooled, counters.dropped) == (0, 500, 0)
    found = Spool(spool)
    assert used == {one.partition for one in found.head(500)}
    found.close()


def test_a_kept_file_that_cannot_be_read_holds_up_no_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said, and the next change writes a whole one."""
    (tmp_path / "spool.kept").write_text('{"partitions": ')
    kept = Kept(tmp_path / "spool")
    assert (kept.partitions, "going on without" in caplog.text) == (0, True)
    kept.partitions = 4
    kept.save()
    assert Kept(tmp_path / "spool").partitions == 4
    assert [path.name for path in tmp_path.iterdir()] == ["spool.kept"]


def test_without_a_spool_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file appears anywhere."""
    monkeypatch.chdir(tmp_path)
    kept = Kept(None)
    kept.partitions = 4
    kept.save()
    assert list(tmp_path.iterdir()) == []
