"""Topics are made once, as the table says, and a changed one is refused."""

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined] # exported without __all__
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from tests.kafka.waiting import wait_until
from tradecanary.processors.runtime import topics_admin
from tradecanary.processors.runtime.log import Unavailable
from tradecanary.processors.runtime.settings import Settings
from tradecanary.processors.runtime.topics_admin import (
    TopicState,
    check_topics,
    create_topics,
)
from tradecanary.schemas.topics import TOPICS


def _states(results: object) -> set[TopicState]:
    return {result.state for result in results}  # type: ignore[attr-defined]


def test_topics_are_made_once(bootstrap_servers: str, topic_prefix: str) -> None:
    """Missing, then created, then right; making them again changes nothing."""
    settings = Settings(bootstrap_servers=bootstrap_servers, topic_prefix=topic_prefix)
    missing = check_topics(settings)
    created = create_topics(settings)

    assert {TopicState.MISSING} == _states(missing)
    assert f"topic {topic_prefix}executions does not exist" in missing[0].problem
    assert {TopicState.CREATED} == _states(created)
    assert [topic_prefix + topic.name for topic in TOPICS] == [each.name for each in created]
    assert {TopicState.RIGHT} == _states(check_topics(settings)) == _states(create_topics(settings))
    assert 4 == check_topics(settings)[0].partitions


def test_changed_count_is_refused(bootstrap_servers: str, topic_prefix: str) -> None:
    """Settings with another count name both counts; the topic is left as it is."""
    settings = Settings(bootstrap_servers=bootstrap_servers, topic_prefix=topic_prefix)
    create_topics(settings)
    results = create_topics(settings.model_copy(update={"executions_partitions": 5}))

    wrong = [result for result in results if result.state == TopicState.WRONG]
    assert [topic_prefix + "executions"] == [result.name for result in wrong]
    assert "partitions were 4, the settings say 5" in wrong[0].problem


CHANGED = {
    "decision-state": ("cleanup.policy", "delete"),
    "executions": ("message.timestamp.type", "CreateTime"),
    "decisions": ("retention.ms", "86400000"),
    "metrics": ("max.message.bytes", "1048588"),
}


def test_changed_policies_are_refused(bootstrap_servers: str, topic_prefix: str) -> None:
    """A topic that would lose or refuse state, or lie about time, is named with its setting."""
    settings = Settings(bootstrap_servers=bootstrap_servers, topic_prefix=topic_prefix)
    create_topics(settings)
    changes = [
        ConfigResource(
            ResourceType.TOPIC,
            topic_prefix + topic,
            incremental_configs=[
                ConfigEntry(setting, value, incremental_operation=AlterConfigOpType.SET)
            ],
        )
        for topic, (setting, value) in CHANGED.items()
    ]
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    for future in admin.incremental_alter_configs(changes).values():
        future.result(timeout=10)

    problems: dict[str, str] = {}  # the broker applies a change a moment after it said so

    def all_are_seen() -> bool:
        problems.update({one.name: one.problem for one in check_topics(settings) if one.problem})
        return len(problems) >= len(CHANGED)

    wait_until(all_are_seen, "the changes")
    assert {topic_prefix + topic for topic in CHANGED} == set(problems)
    for topic, (setting, value) in CHANGED.items():
        assert f"{setting} was {value}" in problems[topic_prefix + topic]


def test_no_broker_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address where nobody answers is the world's fault, and named so."""
    monkeypatch.setattr(topics_admin, "_TIMEOUT_S", 0.5)
    settings = Settings(bootstrap_servers="127.0.0.1:1")

    with pytest.raises(Unavailable, match="listing topics"):
        check_topics(settings)
