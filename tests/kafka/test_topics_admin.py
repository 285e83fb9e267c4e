"""Topics are made once, as the table says, and a changed one is refused."""

import pytest
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from tests.log_laws import until
from tradecanary.processors.runtime import topics_admin
from tradecanary.processors.runtime.log import Unavailable
from tradecanary.processors.runtime.settings import Settings
from tradecanary.processors.runtime.topics_admin import (
    TopicResult,
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


@pytest.mark.parametrize(
    ("topic", "setting", "value"),
    [
        ("decision-state", "cleanup.policy", "delete"),
        ("executions", "message.timestamp.type", "CreateTime"),
        ("decisions", "retention.ms", "86400000"),
        ("decision-state", "max.message.bytes", "1048588"),
    ],
)
def test_changed_policy_is_refused(
    bootstrap_servers: str, topic_prefix: str, topic: str, setting: str, value: str
) -> None:
    """A topic that would lose or refuse state, or lie about time, is named with its setting."""
    settings = Settings(bootstrap_servers=bootstrap_servers, topic_prefix=topic_prefix)
    create_topics(settings)
    entry = ConfigEntry(setting, value, incremental_operation=AlterConfigOpType.SET)
    change = ConfigResource(ResourceType.TOPIC, topic_prefix + topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    for future in admin.incremental_alter_configs([change]).values():
        future.result(timeout=10)

    wrong: list[TopicResult] = []  # the broker applies a change a moment after it said so
    until(
        lambda: wrong.extend(result for result in check_topics(settings) if result.problem),
        lambda: wrong,
        "the change",
    )
    assert [topic_prefix + topic] == [result.name for result in wrong]
    assert f"{setting} was {value}" in wrong[0].problem


def test_no_broker_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address where nobody answers is the world's fault, and named so."""
    monkeypatch.setattr(topics_admin, "_TIMEOUT_S", 0.5)
    settings = Settings(bootstrap_servers="127.0.0.1:1")

    with pytest.raises(Unavailable, match="listing topics"):
        check_topics(settings)
