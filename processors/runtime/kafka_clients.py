"""What every Kafka client here is told, how topics are named there, and how a client ends.

The reasons stand beside the settings; the figures were measured on a real broker.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import TopicPartition as ClientPartition

from tradecanary.processors.runtime.deadlines import Overdue, within
from tradecanary.processors.runtime.log import Unavailable
from tradecanary.processors.stage import TopicPartition
from tradecanary.schemas.topics import LARGEST_RECORD_BYTES

CALL_S = 5.0
"""How long one call to a broker may take before it is made again."""
DEADLINE_S = 30.0
"""How long calls are made again in all."""
SPARE_S = 2.0
"""How much longer than its own limit a call may take before it is left behind."""
_CLOSE_S = 10.0

AWAY = frozenset({KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN})  # noqa: SLF001
"""What a client tells when a broker cannot be reached: what it knew may be old."""

COMMON: Mapping[str, Any] = {
    "client.id": "tradecanary",
    "reconnect.backoff.max.ms": 1000,  # 10 s by default: longer than a session
    "socket.nagle.disable": True,
}
CONSUMER: Mapping[str, Any] = {
    **COMMON,
    "session.timeout.ms": 6000,
    "heartbeat.interval.ms": 1000,  # how soon a member hears of a rebalance
    "max.poll.interval.ms": 60_000,
    "queued.min.messages": 20_000,
    "queued.max.messages.kbytes": 16_384,
    "fetch.queue.backoff.ms": 10,  # 1000 by default: catching up is five times slower
    "fetch.wait.max.ms": 100,  # 500 by default: how late the end of an idle partition shows
    "check.crcs": True,
}
READER: Mapping[str, Any] = {"fetch.wait.max.ms": 10}  # a bounded scan waits for its end once
_FRAMING_BYTES = 64 << 10
"""What a batch adds to the record in it, and more."""
PRODUCER: Mapping[str, Any] = {
    **COMMON,
    # 1,000,000 by default: a record above is refused for ever, and a stage would refuse to start
    "message.max.bytes": LARGEST_RECORD_BYTES - _FRAMING_BYTES,
    "transaction.timeout.ms": 5000,
    "compression.type": "lz4",
    "linger.ms": 5,
}
# Exactly-once rests on these: nobody may change them (settings.py refuses their names).
CONSUMER_RULES: Mapping[str, Any] = {
    "isolation.level": "read_committed",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "enable.partition.eof": True,
    "partition.assignment.strategy": "range",
    "group.protocol": "classic",
}
PRODUCER_RULES: Mapping[str, Any] = {"partitioner": "murmur2", "enable.idempotence": True}
OWN_RULES = frozenset(CONSUMER_RULES) | frozenset(PRODUCER_RULES) | {"transactional.id", "group.id"}


class Names:
    """Topics, groups and transactional ids as the broker knows them: with the prefix."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._places: dict[tuple[str, int], TopicPartition] = {}

    def outside(self, name: str) -> str:
        """Return the broker's name for ours."""
        return self.prefix + name

    def place(self, topic: str, partition: int) -> TopicPartition:
        """Return our partition for the broker's; the same object every time."""
        place = self._places.get((topic, partition))
        if place is None:
            place = TopicPartition(topic.removeprefix(self.prefix), partition)
            self._places[topic, partition] = place
        return place

    def client_partition(self, place: TopicPartition, offset: int = -1001) -> ClientPartition:
        """Return the client's partition for ours."""
        return ClientPartition(self.outside(place.topic), place.partition, offset)


def no_beat() -> None:
    """Tell nobody that a fetch came back."""


def error_of(exception: KafkaException) -> KafkaError:
    """Return the error that the client's exception carries."""
    error: KafkaError = exception.args[0]
    return error


def unavailable(what: str, error: KafkaError) -> Unavailable:
    """Return what to raise when `what` failed with `error`."""
    return Unavailable(f"{what}: the error was {error.name()}: {error.str()}")


def close_within(close: Callable[[], object], what: str) -> None:
    """Close a client, and leave it behind when that takes more than 10 s (it may never end)."""
    # a fenced producer has nothing left to abort, and says so in either way when it is closed
    with suppress(KafkaException, SystemError, Overdue):
        within(_CLOSE_S, close, f"closing {what}")
