"""How a command reaches Kafka: settings, a log, and an operator's hands on it."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Annotated, Any, NoReturn

import typer
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from tradecanary.cli.output import Exit, fail, saying
from tradecanary.cli.refusal import is_setting_refused, why, wrong_setting
from tradecanary.operator import Operator
from tradecanary.processors.runtime.kafka_clients import unavailable
from tradecanary.processors.runtime.kafka_log import KafkaLog
from tradecanary.processors.runtime.log import Log, Unavailable
from tradecanary.processors.runtime.settings import (
    SERVERS,
    Settings,
    SettingsError,
    load_settings,
)
from tradecanary.processors.stage import TopicPartition
from tradecanary.schemas.partitioning import partition_of
from tradecanary.schemas.topics import DECISIONS, ROUTER_STATUS

Connection = Annotated[
    str | None,
    typer.Option(
        "--bootstrap-servers",
        "-b",
        help=f"Kafka's address; {SERVERS} or localhost:9092 by default.",
        show_default=False,
    ),
]
_ANSWER_S = 10.0
_REACH_S = 3.0
_SILENT = {"log_level": "0"}
"""A person reads one sentence of ours, not the client's log of every attempt."""


def settings_of(servers: str | None) -> Settings:
    """Return the settings of the environment; `servers` wins. Leaves with USAGE on a bad one."""
    given = os.environ | ({SERVERS: servers} if servers else {})
    try:
        return load_settings(given)
    except SettingsError as wrong:
        fail(str(wrong), Exit.USAGE)


def _reach(settings: Settings) -> dict[str, Any]:
    """What the client needs, silent."""
    return {**settings.connection(), **_SILENT}


def accepted(settings: Settings) -> Settings:
    """Return the settings when the client takes them; leaves with USAGE when it does not.

    For what would begin, and only then meet a setting that cannot work. Nothing is asked of Kafka.
    """
    reach = _reach(settings)
    try:
        Producer(reach)
        Consumer({**reach, "group.id": "tradecanary-settings"}).close()
    except KafkaException as wrong:
        leave(settings, wrong)
    return settings


def leave(settings: Settings, failure: Unavailable | KafkaException) -> NoReturn:
    """Say why Kafka did not do it and leave: UNREACHABLE, or USAGE for a setting of the client."""
    if is_setting_refused(failure):
        fail(wrong_setting(said(failure)), Exit.USAGE)
    text = why(settings.bootstrap_servers, said(failure), _reach(settings))
    fail(text, Exit.UNREACHABLE)


_ELSEWHERE: ContextVar[Operator | None] = ContextVar("_ELSEWHERE", default=None)


@contextmanager
def working_on(operator: Operator) -> Iterator[None]:
    """Let the commands called within work through `operator`: on a log in memory, say."""
    token = _ELSEWHERE.set(operator)
    try:
        yield
    finally:
        _ELSEWHERE.reset(token)


@contextmanager
def reading(servers: str | None) -> Iterator[Log]:
    """Yield the log to read from; leaves as `leave` does when no broker answers."""
    elsewhere = _ELSEWHERE.get()
    if elsewhere is not None:
        yield elsewhere.log
        return
    with reached(settings_of(servers)) as settings:
        yield log_on(settings)


@contextmanager
def reached(settings: Settings) -> Iterator[Settings]:
    """Yield settings with which clients are silent, once a broker answered.

    Leaves as `leave` does when none answers, or when what is done with them fails.
    """
    try:
        with saying(f"waiting for Kafka at {settings.bootstrap_servers}"):
            AdminClient(_reach(settings)).list_topics(timeout=_REACH_S)
        yield settings.model_copy(update={"kafka": {**settings.kafka, **_SILENT}})
    except (Unavailable, KafkaException) as failure:
        leave(settings, failure)


@contextmanager
def connected(servers: str | None) -> Iterator[Operator]:
    """Yield an operator on Kafka; leaves as `leave` does when no broker answers."""
    elsewhere = _ELSEWHERE.get()
    if elsewhere is not None:
        yield elsewhere
        return
    with reading(servers) as log:
        yield operator_on(settings_of(servers), log)


def operator_on(settings: Settings, log: Log) -> Operator:
    """Return an operator that reads `log` and writes to the Kafka of `settings`."""
    writer = _Writer(_reach(settings), settings.topic_prefix, log)
    return Operator(
        log,
        writer.append,
        now_us=lambda: time.time_ns() // 1000,
        wait=threading.Event().wait,
        new_id=lambda: uuid.uuid4().hex,  # noqa: TID251 - here the identities come from
    )


def log_on(settings: Settings) -> KafkaLog:
    """Return a log on the Kafka of `settings`; nothing is asked of it yet."""
    return KafkaLog(_reach(settings), prefix=settings.topic_prefix)


def recent_strategies(records: int, patience_s: float) -> set[str]:
    """Return whose decisions and routers are among the newest `records` of each partition.

    Raises SettingsError, Unavailable and KafkaException.
    """
    settings = load_settings(os.environ)
    reach = _reach(settings)
    AdminClient(reach).list_topics(timeout=patience_s)
    log = log_on(settings)
    found = set()
    for topic in (DECISIONS.name, ROUTER_STATUS.name):
        for number in range(log.partitions(topic)):
            place = TopicPartition(topic, number)
            start = max(log.start_offset(place), log.end_offset(place) - records)
            found |= {(record.key or b"").decode() for record in log.read(place, start)}
    return found - {""}


def said(away: Exception) -> str:
    """Return what the client said, in its words alone."""
    error = away.args[0] if away.args else away
    return error.str() if isinstance(error, KafkaError) else str(error)


class _Writer:
    """Appends single records and waits until the broker has them."""

    def __init__(self, reach: Mapping[str, Any], prefix: str, log: Log) -> None:
        self._prefix = prefix
        self._log = log
        self._producer = Producer(
            {
                **reach,
                "enable.idempotence": True,
                "message.timeout.ms": round(_ANSWER_S * 1000),
            }
        )

    def append(self, topic: str, key: bytes, value: bytes, partition: int | None = None) -> None:
        """Append one record; raises Unavailable when it is refused or not acknowledged in time."""
        if partition is None:
            partition = partition_of(key, self._log.partitions(topic))
        errors: list[KafkaError] = []

        def delivered(error: KafkaError | None, _: object) -> None:
            errors.extend([error] if error else [])

        self._producer.produce(self._prefix + topic, value, key, partition, on_delivery=delivered)
        if self._producer.flush(_ANSWER_S):
            raise Unavailable(f"writing to {topic}: no acknowledgement within {_ANSWER_S:g} s")
        for error in errors:
            raise unavailable(f"writing to {topic}", error)
