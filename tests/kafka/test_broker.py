"""The broker under the tests is a real one: what the pipeline rests on holds here."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined] # exported without __all__
    AdminClient,
    NewTopic,
)

from tests.kafka.broker import Broker
from tests.kafka.java import JavaBroker

ROOT = Path(__file__).parents[2]


def _create(bootstrap_servers: str, name: str, config: dict[str, str] | None = None) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    topic = NewTopic(name, num_partitions=1, replication_factor=1, config=config or {})
    admin.create_topics([topic])[name].result(timeout=10)


def _producer(bootstrap_servers: str, transactional_id: str) -> Producer:
    producer = Producer(
        {
            "bootstrap.servers": bootstrap_servers,
            "transactional.id": transactional_id,
            "transaction.timeout.ms": 5000,
        }
    )
    producer.init_transactions(10)
    return producer


def _read(bootstrap_servers: str, topic: str, isolation: str = "read_committed") -> list[bytes]:
    """Return the values of the topic's only partition up to its end."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": f"{topic}-reader",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": isolation,
        }
    )
    consumer.assign([TopicPartition(topic, 0, 0)])
    values = []
    try:
        while (message := consumer.poll(10)) is not None:
            error = message.error()
            if error is None:
                value = message.value()
                assert value is not None
                values.append(value)
            elif error.code() == KafkaError._PARTITION_EOF:
                return values
    finally:
        consumer.close()
    pytest.fail(f"reading {topic}: no end of partition within 10 s")


def test_transaction_is_seen_whole(bootstrap_servers: str, topic_prefix: str) -> None:
    """A committed transaction's records and offsets are there together."""
    topic, group = f"{topic_prefix}out", f"{topic_prefix}group"
    _create(bootstrap_servers, topic)
    producer = _producer(bootstrap_servers, f"{topic_prefix}writer")
    producer.begin_transaction()
    producer.produce(topic, b"one")
    producer.produce(topic, b"two")
    member = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": group})
    offsets = [TopicPartition(topic, 0, 7)]
    producer.send_offsets_to_transaction(offsets, member.consumer_group_metadata(), 10)
    producer.commit_transaction(10)

    assert [b"one", b"two"] == _read(bootstrap_servers, topic)
    assert 7 == member.committed([TopicPartition(topic, 0)], timeout=10)[0].offset
    member.close()


def test_aborted_records_are_hidden(bootstrap_servers: str, topic_prefix: str) -> None:
    """A read-committed reader never sees an aborted record, though it is in the log."""
    topic = f"{topic_prefix}out"
    _create(bootstrap_servers, topic)
    producer = _producer(bootstrap_servers, f"{topic_prefix}writer")
    producer.begin_transaction()
    producer.produce(topic, b"aborted")
    producer.flush(10)
    producer.abort_transaction(10)
    producer.begin_transaction()
    producer.produce(topic, b"committed")
    producer.commit_transaction(10)

    assert [b"committed"] == _read(bootstrap_servers, topic)
    assert [b"aborted", b"committed"] == _read(bootstrap_servers, topic, "read_uncommitted")


def test_older_producer_is_fenced(bootstrap_servers: str, topic_prefix: str) -> None:
    """Who takes a transactional id over ends its predecessor; what that had open is aborted."""
    topic = f"{topic_prefix}out"
    _create(bootstrap_servers, topic)
    older = _producer(bootstrap_servers, f"{topic_prefix}writer")
    older.begin_transaction()
    older.produce(topic, b"older")
    older.flush(10)
    newer = _producer(bootstrap_servers, f"{topic_prefix}writer")
    newer.begin_transaction()
    newer.produce(topic, b"newer")
    newer.commit_transaction(10)

    with pytest.raises(KafkaException) as refused:
        older.commit_transaction(10)

    assert refused.value.args[0].fatal()
    assert KafkaError._FENCED == refused.value.args[0].code()
    assert [b"newer"] == _read(bootstrap_servers, topic)


def test_compaction_settings_are_accepted(bootstrap_servers: str, topic_prefix: str) -> None:
    """The broker takes the settings of a compacted topic, and refuses a wrong one."""
    settings = {"cleanup.policy": "compact", "max.compaction.lag.ms": "3600000"}
    _create(bootstrap_servers, f"{topic_prefix}state", settings)

    with pytest.raises(KafkaException) as refused:
        _create(bootstrap_servers, f"{topic_prefix}wrong", {"cleanup.policy": "shrink"})

    assert KafkaError.INVALID_CONFIG == refused.value.args[0].code()


def test_killed_broker_comes_back_with_its_data(own_broker: Broker, topic_prefix: str) -> None:
    """After `kill` and `start` it is at the same address, with what was committed."""
    topic, servers = f"{topic_prefix}out", own_broker.bootstrap_servers
    _create(servers, topic)
    _commit(servers, topic, b"before")
    own_broker.kill()
    own_broker.start()
    _commit(servers, topic, b"after")

    assert [b"before", b"after"] == _read(servers, topic)


def _commit(bootstrap_servers: str, topic: str, value: bytes) -> None:
    producer = _producer(bootstrap_servers, f"{topic}-writer")
    producer.begin_transaction()
    producer.produce(topic, value)
    producer.commit_transaction(10)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_broker_ends_with_its_parent(broker: Broker) -> None:
    """A test run that is killed leaves no broker behind."""
    if not isinstance(broker, JavaBroker):
        pytest.skip("only a broker that is our child can be left behind")
    parent = (
        "import os, signal\n"
        "from tests.kafka.jars import java_version\n"
        "from tests.kafka.java import JavaBroker\n"
        "broker = JavaBroker(java_version().found, print)\n"
        "broker.launch()\n"
        "print(broker.pid, broker.home, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True, cwd=ROOT, check=False
    )
    pid, home = answer.stdout.split()
    shutil.rmtree(home, ignore_errors=True)

    assert -signal.SIGKILL == answer.returncode
    assert _ends_within(int(pid), 10.0)


def _ends_within(pid: int, timeout_s: float) -> bool:
    """Whether the process, not ours to wait for, is gone (or a zombie) in time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except FileNotFoundError:
            return True
        if stat.rpartition(")")[2].split()[0] == "Z":
            return True
    return False
