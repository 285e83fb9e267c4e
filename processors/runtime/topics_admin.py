"""Makes the topics of the table on a broker, and checks that they are what the table says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined] # exported without __all__
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from tradecanary.processors.runtime.kafka_clients import error_of, unavailable
from tradecanary.processors.runtime.log import Unavailable
from tradecanary.processors.runtime.settings import Settings
from tradecanary.schemas.topics import TOPICS, Topic

_TIMEOUT_S = 10.0
_SAFE_REPLICATION = 3
_FIXED = ("cleanup.policy", "message.timestamp.type")


class TopicState(StrEnum):
    """How a topic was found or left."""

    CREATED = "created"
    RIGHT = "right"
    MISSING = "missing"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class TopicResult:
    """One row: the topic as the broker knows it; `problem` says what to do, empty if nothing."""

    name: str
    partitions: int
    state: TopicState
    problem: str = ""


def create_topics(settings: Settings) -> tuple[TopicResult, ...]:
    """Make the topics that are missing, and check the others; nothing existing is changed.

    Raises Unavailable when the broker does not answer or refuses.
    """
    admin = AdminClient(settings.connection())
    wanted = [_new_topic(topic, settings) for topic in TOPICS]
    created = set()
    for name, future in admin.create_topics(wanted, operation_timeout=_TIMEOUT_S).items():
        failure = _failure(future)
        if failure is None:
            created.add(name)
        elif failure.code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise unavailable(f"creating topic {name}", failure)
    return tuple(
        TopicResult(found.name, found.partitions, TopicState.CREATED)
        if found.name in created
        else found
        for found in _check(admin, settings, created)
    )


def check_topics(settings: Settings) -> tuple[TopicResult, ...]:
    """Return what is wrong with each topic: missing, another partition count, another policy.

    Raises Unavailable when the broker does not answer.
    """
    return _check(AdminClient(settings.connection()), settings, set())


def _new_topic(topic: Topic, settings: Settings) -> NewTopic:
    config = topic.config()
    if settings.replication_factor >= _SAFE_REPLICATION:
        config["min.insync.replicas"] = "2"
    return NewTopic(
        settings.topic_prefix + topic.name,
        num_partitions=settings.partitions()[topic.sizing],
        replication_factor=settings.replication_factor,
        config=config,
    )


def _check(admin: AdminClient, settings: Settings, skip: set[str]) -> tuple[TopicResult, ...]:
    counts = _partition_counts(admin)
    names = [settings.topic_prefix + topic.name for topic in TOPICS]
    configs = _configs(admin, [name for name in names if name in counts and name not in skip])
    results = []
    for name, topic in zip(names, TOPICS, strict=True):
        wanted = settings.partitions()[topic.sizing]
        if name in skip:
            results.append(TopicResult(name, wanted, TopicState.CREATED))
        elif name not in counts:
            problem = f"topic {name} does not exist; `tradecanary topics create` makes it"
            results.append(TopicResult(name, 0, TopicState.MISSING, problem))
        else:
            problem = _problem(name, topic, (counts[name], wanted), configs[name])
            state = TopicState.WRONG if problem else TopicState.RIGHT
            results.append(TopicResult(name, counts[name], state, problem))
    return tuple(results)


def _problem(
    name: str, topic: Topic, counts: tuple[int, int], config: Mapping[str, str | None]
) -> str:
    found, wanted = counts
    if found != wanted:
        return (
            f"topic {name}: partitions were {found}, the settings say {wanted}; a count cannot "
            f"change while there is data: keys would move. Set it back to {found}, or start over "
            f"under another TRADECANARY_TOPIC_PREFIX"
        )
    expected = topic.config()
    for setting in _FIXED:
        if config.get(setting) != expected[setting]:
            return (
                f"topic {name}: {setting} was {config.get(setting)}, the table says "
                f"{expected[setting]}; set it with kafka-configs, or delete the topic"
            )
    kept_ms = int(config.get("retention.ms") or -1)
    if not topic.compacted and kept_ms >= 0 and not 0 <= topic.retention_ms <= kept_ms:
        return (
            f"topic {name}: retention.ms was {kept_ms}, the table says at least "
            f"{expected['retention.ms']}; raise it with kafka-configs"
        )
    needed, taken = topic.largest_record_bytes, int(config.get("max.message.bytes") or 0)
    if needed is not None and taken < needed:
        return (
            f"topic {name}: max.message.bytes was {taken}, the table says at least {needed}; raise "
            f"it with kafka-configs (--alter --add-config max.message.bytes={needed})"
        )
    return ""


def _partition_counts(admin: AdminClient) -> dict[str, int]:
    try:
        found = admin.list_topics(timeout=_TIMEOUT_S).topics
    except KafkaException as failure:
        raise unavailable("listing topics", error_of(failure)) from failure
    return {name: len(each.partitions) for name, each in found.items() if each.error is None}


def _configs(admin: AdminClient, names: Sequence[str]) -> dict[str, dict[str, str | None]]:
    if not names:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    found: dict[str, dict[str, str | None]] = {}
    for resource, future in admin.describe_configs(resources).items():
        failure = _failure(future)
        if failure is not None:
            raise unavailable(f"reading the settings of topic {resource.name}", failure)
        found[resource.name] = {key: each.value for key, each in future.result().items()}
    return found


def _failure(future: Future[Any]) -> KafkaError | None:
    try:
        future.result(timeout=2 * _TIMEOUT_S)
    except KafkaException as failure:
        return error_of(failure)
    except TimeoutError:
        raise Unavailable(f"the broker did not answer within {2 * _TIMEOUT_S:.0f} s") from None
    return None
