"""A transactional producer on Kafka, with the only safe reading of the client's errors.

fatal: exit. Needs an abort: abort, recover. Retriable: call the same again. Anything else: exit.
After a connection broke, the first two are doubt.
The client speaks an old transaction protocol, in which a delayed request may end a later
transaction; after any doubt the producer is rebuilt, which fences what is still under way.
So is one whose connection broke, before its next transaction: it may remember a coordinator that
nobody connects to any more, and wait for it for ever (deadlines.py). Then the process ends (Hung).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from tradecanary.processors.runtime.deadlines import Overdue, within
from tradecanary.processors.runtime.kafka_clients import (
    AWAY,
    CALL_S,
    DEADLINE_S,
    SPARE_S,
    Names,
    close_within,
    error_of,
    unavailable,
)
from tradecanary.processors.runtime.kafka_consumer import KafkaConsumer
from tradecanary.processors.runtime.log import (
    Aborted,
    Doubt,
    Fenced,
    GroupConsumer,
    Hung,
    Unavailable,
)
from tradecanary.processors.stage import TopicPartition

SLOW_COMMIT_S = 2.0
"""A commit that took longer leaves doubt: its requests may still be under way somewhere."""
_OFFSETS_S = 3.0
"""Sending offsets tries again by itself; less than a broker takes to restart (see above)."""
_BY_KEY = -1  # the client's "unassigned": its partitioner decides
_TIMED_OUT = KafkaError._TIMED_OUT  # noqa: SLF001 - the client's name for it


class KafkaProducer:
    """One producer with a stable transactional id; making it fences its predecessor."""

    def __init__(
        self,
        config: Mapping[str, Any],
        transactional_id: str,
        names: Names,
        slow_commit_s: float = SLOW_COMMIT_S,
    ) -> None:
        self._names = names
        self._slow_commit_s = slow_commit_s
        self._id = names.outside(transactional_id)
        self._doubt = ""
        self._open = False
        self._is_left = False
        self._client = Producer(
            {**config, "transactional.id": self._id, "error_cb": self._on_error}
        )
        self._closed = False
        try:
            self._call(self._client.init_transactions, "starting transactions")
        except Exception:
            self.close()
            raise
        self._hear()
        self._doubt = ""  # what went wrong until now was put right by starting

    def begin(self) -> None:
        """Open a transaction. Raises Fenced, and Doubt when this producer must be rebuilt."""
        self._refuse_doubt("beginning")
        self._call(lambda _: self._client.begin_transaction(), "beginning")
        self._open = True

    def send(
        self, topic: str, key: bytes, value: bytes | None, partition: int | None = None
    ) -> None:
        """Add a record; without `partition` murmur2 of the key decides.

        Raises Fenced, Aborted, or Unavailable when the buffer stays full.
        """
        index = _BY_KEY if partition is None else partition
        deadline_s = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline_s:
            try:
                self._client.produce(self._names.outside(topic), value, key, index)
            except BufferError:
                self._hear(0.1)
            except KafkaException as failure:
                self._judge(failure, f"sending to {topic}")
            else:
                return
        raise Unavailable(f"{self._id}: sending to {topic}: the buffer stayed full")

    def send_offsets(self, positions: Mapping[TopicPartition, int], member: GroupConsumer) -> None:
        """Add the consumer's positions with its group metadata as of now.

        Raises Fenced, Aborted, Doubt, or Unavailable after one attempt: a second may never end.
        """
        assert isinstance(member, KafkaConsumer), "the consumer belongs to another log"
        try:
            metadata = member.membership()
        except Aborted:
            self.abort()
            raise
        offsets = [self._names.client_partition(place, at) for place, at in positions.items()]

        def send(_: float) -> None:
            self._client.send_offsets_to_transaction(offsets, metadata, _OFFSETS_S)

        self._refuse_doubt("sending offsets")
        self._call(send, "sending offsets", deadline_s=0.0)

    def commit(self) -> None:
        """Commit. Raises Fenced, Aborted or Doubt; never leaves a transaction open."""
        started_s = time.monotonic()
        try:
            self._call(self._client.commit_transaction, "committing")
        except Unavailable as failure:
            raise Doubt(f"{self._id}: whether it was committed is unknown: {failure}") from failure
        self._open = False
        self._hear()
        took_s = time.monotonic() - started_s
        if took_s > self._slow_commit_s:
            self._doubt = f"it took {took_s:.1f} s, the limit is {self._slow_commit_s} s"
        if self._doubt:
            raise Doubt(f"{self._id}: committed, but {self._doubt}")

    def abort(self) -> None:
        """Abort the open transaction, if any. Raises Fenced or Unavailable."""
        if self._open:
            self._open = False
            self._call(self._client.abort_transaction, "aborting")

    def close(self) -> None:
        """Release the producer within a bounded time; an open transaction is aborted."""
        if self._closed:
            return
        self._closed = True
        if self._is_left:  # the call that holds on uses it: it must not be destroyed
            return
        self._client.purge(blocking=False)
        close_within(self._client.close, f"producer {self._id}")

    def _call(
        self, call: Callable[[float], object], what: str, deadline_s: float = DEADLINE_S
    ) -> None:
        end_s = time.monotonic() + deadline_s
        while True:
            try:
                within(CALL_S + SPARE_S, lambda: call(CALL_S), f"{self._id}: {what}")
                return
            except Overdue as held:
                # its client can neither be destroyed nor be kept from sending: end with it
                self._is_left = True
                raise Hung(f"{held}; only a new process is free of it") from held
            except KafkaException as failure:
                self._judge(failure, what)
                if time.monotonic() >= end_s:
                    raise unavailable(f"{self._id}: {what}", error_of(failure)) from failure

    def _hear(self, timeout_s: float = 0.0) -> None:
        """Hear of broken connections and sent records; a fatal error comes with the next call."""
        with suppress(KafkaException):
            self._client.poll(timeout_s)

    def _refuse_doubt(self, what: str) -> None:
        self._hear()
        if self._doubt:
            raise Doubt(f"{self._id}: before {what}: {self._doubt}")

    def _judge(self, failure: KafkaException, what: str) -> None:
        """Return when the call may be made again; otherwise raise what it means."""
        error = error_of(failure)
        text = f"{self._id}: {what}: the error was {error.name()}: {error.str()}"
        self._hear()
        if self._doubt and (error.fatal() or error.txn_requires_abort()):
            # The brokers end a transaction whose time ran out in an outage, and call it fencing:
            # rebuilding finds out, and at most takes the slot back from a successor.
            self._open = False
            raise Doubt(f"{text}; {self._doubt}") from failure
        if error.fatal():
            self._open = False
            raise Fenced(text) from failure
        if error.txn_requires_abort():
            self.abort()
            raise Aborted(text) from failure
        if not (error.retriable() or error.code() == _TIMED_OUT):
            raise failure
        self._doubt = f"{what} had to be tried again after {error.name()}"

    def _on_error(self, error: KafkaError) -> None:
        if error.code() in AWAY:
            self._doubt = f"the connection broke: {error.str()}"
