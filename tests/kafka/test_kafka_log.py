"""The log on Kafka keeps the same promises as the log in memory."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as ClientPartition
from confluent_kafka.admin import AdminClient
from typing_extensions import override

from tests.kafka.bench import KafkaBench
from tests.kafka.waiting import wait_until
from tests.log_laws import LAWS, SOURCE, Bench, await_ends, joined
from tradecanary.processors.runtime import kafka_consumer, kafka_log
from tradecanary.processors.runtime.kafka_consumer import is_membership
from tradecanary.processors.runtime.kafka_log import KafkaLog
from tradecanary.processors.runtime.log import Aborted, OffsetLost, Unavailable
from tradecanary.processors.stage import TopicPartition
from tradecanary.schemas.topics import DECISION_STATE, EXECUTIONS, KILL_SWITCH, METRICS


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_shared_law(bench: KafkaBench, law: Callable[[Bench], None]) -> None:
    """What tests/log_laws.py says of both logs holds on Kafka."""
    law(bench)


def test_a_stage_may_write_more_than_kafkas_own_limit(bench: KafkaBench) -> None:
    """State that has grown must not keep its stage from starting: there is a margin."""
    value = random.Random(1).randbytes(6 << 20)  # nothing that could be packed
    producer = bench.log.producer("writer-0")
    producer.begin()
    producer.send(DECISION_STATE.name, b"0/momentum", value, 0)
    producer.commit()
    producer.close()
    place = TopicPartition(DECISION_STATE.name, 0)

    assert [value] == [record.value for record in bench.log.read(place)]


def test_ends_are_found_anew_after_doubt(bench: KafkaBench) -> None:
    """The client says once that a partition is at its end; after an outage it is asked again."""
    bench.append(EXECUTIONS.name, b"k", b"v", 0)
    member = bench.log.consumer("reader", [EXECUTIONS.name])
    assigned = joined(member)
    member.start_reading(dict.fromkeys(assigned, 0))
    await_ends(member, assigned)
    member._on_error(KafkaError(KafkaError._TRANSPORT))
    assert frozenset() == member.poll(100, 0.0).ends

    await_ends(member, assigned)
    member.close()


def test_a_tail_finds_its_ends_anew_after_doubt(bench: KafkaBench) -> None:
    """As long as nobody has answered again, a kill may lie there unread."""
    bench.append(KILL_SWITCH.name, b"*", b"on", 0)
    tail = bench.log.tail([KILL_SWITCH.name])
    wait_until(tail.at_end, "the end", step=lambda: tail.poll(0.1))
    tail._on_error(KafkaError(KafkaError._TRANSPORT))
    tail.poll(0.0)
    assert not tail.at_end()

    wait_until(tail.at_end, "the end again", step=lambda: tail.poll(0.1))
    tail.close()


def test_position_that_expired_stops_the_reader(bench: KafkaBench) -> None:
    """What retention took is not skipped: a person must decide."""
    for number in range(5):
        bench.append(EXECUTIONS.name, b"k", b"%d" % number, 0)
    admin = AdminClient({**bench.connection})
    place = ClientPartition(bench.prefix + EXECUTIONS.name, 0, 3)
    for future in admin.delete_records([place]).values():
        future.result(timeout=10)
    member = bench.log.consumer("reader", [EXECUTIONS.name])
    member.start_reading(dict.fromkeys(joined(member), 0))

    assert 3 == bench.log.start_offset(SOURCE)
    with pytest.raises(OffsetLost, match="partition=0"):
        wait_until(lambda: False, "a refusal", step=lambda: member.poll(100, 0.1))
    assert [b"3", b"4"] == [record.value for record in bench.log.read(SOURCE)]
    member.close()


def test_missing_topic_is_named(bootstrap_servers: str, topic_prefix: str) -> None:
    """It says which topic, and what makes it."""
    log = KafkaLog({"bootstrap.servers": bootstrap_servers}, prefix=topic_prefix)

    with pytest.raises(Unavailable, match=r"executions \(`tradecanary topics create` makes it\)"):
        log.partitions(EXECUTIONS.name)

    log.close()


@pytest.mark.parametrize(
    "code", [KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE]
)
def test_a_leader_that_is_being_found_is_waited_for(
    bench: KafkaBench, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """A topic that was just made has none for a moment: a command must not end with that."""
    bench.append(EXECUTIONS.name, b"k", b"v", 0)
    asked = 0

    class Moving(Consumer):
        @override
        def get_watermark_offsets(self, *place: Any, **options: Any) -> Any:
            nonlocal asked
            asked += 1
            if asked < 3:
                raise KafkaException(KafkaError(code))
            return super().get_watermark_offsets(*place, **options)

    monkeypatch.setattr(kafka_log, "Consumer", Moving)

    assert 1 == bench.log.end_offset(SOURCE)
    assert 3 == asked


def test_group_metadata_without_a_member_is_refused() -> None:
    """The broker checks nothing when generation or member are missing, so we do."""
    member = b"CGMDv2:\x02\x00\x00\x00group\x00member\x00\x00"

    assert is_membership(member)
    assert not is_membership(member.replace(b"member", b""))
    assert not is_membership(member.replace(b"\x02\x00\x00\x00", b"\xff\xff\xff\xff"))


def test_real_group_metadata_has_this_layout(bench: KafkaBench) -> None:
    """The bytes of the client are as `is_membership` reads them, before and after joining."""
    member = bench.log.consumer("reader", [EXECUTIONS.name])
    with pytest.raises(Aborted):
        member.membership()
    before = member._client.consumer_group_metadata()
    joined(member)
    after = member.membership()

    assert not is_membership(before)
    assert after.startswith(b"CGMDv2:")
    assert member.member_id().encode() in after
    member.close()


def test_offsets_in_flight_are_not_read_past(
    bench: KafkaBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While an open transaction is about to move an offset, the old one is not handed out."""
    monkeypatch.setattr(kafka_consumer, "CALL_S", 0.5)
    member = bench.log.consumer("reader", [EXECUTIONS.name])
    joined(member)
    producer = bench.log.producer("writer-0")
    producer.begin()
    producer.send(METRICS.name, b"k", b"v", 0)
    producer.send_offsets({SOURCE: 5}, member)
    with pytest.raises(Unavailable, match="reading committed offsets"):
        member.committed([SOURCE])
    producer.commit()

    monkeypatch.undo()
    assert {SOURCE: 5} == member.committed([SOURCE])
    producer.close()
    member.close()
