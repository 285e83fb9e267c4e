"""A kill outlives the restart of a gateway also while Kafka is away; an unkill alone ends it."""

import threading
from pathlib import Path

import pytest

import tradecanary
from tests.kafka.java import free_port
from tradecanary.producers.follower import Follower
from tradecanary.producers.kept import Kept
from tradecanary.producers.publisher import ExecutionPublisher
from tradecanary.producers.router import OrderRouter
from tradecanary.schemas.codec import encode
from tradecanary.schemas.routing import EVERYWHERE, KillSwitch
from tradecanary.schemas.topics import KILL_SWITCH

KEYS = pytest.mark.parametrize("key", ["momentum", EVERYWHERE])


def router() -> OrderRouter:
    """Return a router at its baseline."""
    return OrderRouter("momentum", {"v1": "one"}, "v1")


def is_killed(one: OrderRouter) -> bool:
    """Return whether an order would not be traded."""
    return one.route("1", "A", "us", "XNAS").killed


def hear(follower: Follower, key: str, *, killed: bool) -> None:
    """Hand a record of `kill-switch` to the follower."""
    record = KillSwitch(key, killed, "anna", 0, "drill")
    assert not follower.on_record(KILL_SWITCH.name, key.encode(), encode(record), 0)


def killed_before(spool: Path, key: str) -> None:
    """Leave behind what a gateway leaves that was killed."""
    kept = Kept(spool)
    hear(Follower([router()], kept), key, killed=True)
    kept.save()


@KEYS
def test_a_start_without_kafka_obeys_what_was_kept(tmp_path: Path, key: str) -> None:
    """connect() gives up waiting, and not one order is traded."""
    killed_before(tmp_path / "spool", key)
    nowhere = {"bootstrap.servers": f"127.0.0.1:{free_port()}", "log_level": "0"}
    service, publisher = router(), ExecutionPublisher("g", spool=tmp_path / "spool")
    with tradecanary.connect(service, publisher, kafka=nowhere, ready_timeout_s=0.05):
        assert is_killed(service)
        assert service.status().withdrawals[0].cause == "killed by anna: drill"
    assert len(Kept(tmp_path / "spool").kills) == 1


def test_a_service_that_hangs_over_its_cancels_can_start_and_end(tmp_path: Path) -> None:
    """The connection calls it in another thread, and leaves it behind at the end."""
    killed_before(tmp_path / "spool", "momentum")
    nowhere = {"bootstrap.servers": f"127.0.0.1:{free_port()}", "log_level": "0"}
    told, hangs = threading.Event(), threading.Event()

    def on_withdrawn(_: str) -> None:
        told.set()
        hangs.wait(60.0)

    service = OrderRouter("momentum", {"v1": "one"}, "v1", on_withdrawn=on_withdrawn)
    publisher = ExecutionPublisher("g", spool=tmp_path / "spool")
    with tradecanary.connect(service, publisher, kafka=nowhere, ready_timeout_s=0.05):
        assert told.wait(60.0)
        assert is_killed(service)
    assert not hangs.is_set()
    assert [one.acknowledged for one in service.status().withdrawals] == [False]
    hangs.set()


@KEYS
def test_an_older_unkill_does_not_end_what_was_kept(tmp_path: Path, key: str) -> None:
    """What is read on the way to the topic's end may be history."""
    killed_before(tmp_path / "spool", key)
    service, kept = router(), Kept(tmp_path / "spool")
    follower = Follower([service], kept)
    hear(follower, key, killed=False)
    assert is_killed(service)
    hear(follower, key, killed=True)
    follower.kills_read()
    assert is_killed(service)
    hear(follower, key, killed=False)
    assert not is_killed(service)
    assert kept.kills == ()


@KEYS
def test_the_newest_record_of_kafka_wins(tmp_path: Path, key: str) -> None:
    """An unkill that was written while the gateway was down ends it, at the topic's end."""
    killed_before(tmp_path / "spool", key)
    service, kept = router(), Kept(tmp_path / "spool")
    follower = Follower([service], kept)
    hear(follower, key, killed=False)
    follower.kills_read()
    assert not is_killed(service)
    kept.save()
    assert Kept(tmp_path / "spool").kills == ()


def test_a_topic_that_holds_no_record_of_the_key_leaves_it_killed(tmp_path: Path) -> None:
    """Nothing ends by silence."""
    killed_before(tmp_path / "spool", "momentum")
    service = router()
    Follower([service], Kept(tmp_path / "spool")).kills_read()
    assert is_killed(service)
