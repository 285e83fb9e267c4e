"""docs/kafka.md asks of the brokers what our own are set to, and names the settings that exist."""

import re

import yaml

from tests.house.tracked import ROOT
from tests.kafka.jars import KAFKA
from tradecanary.processors.runtime.kafka_clients import CONSUMER, PRODUCER
from tradecanary.processors.runtime.settings import OURS, Settings

_DOC = (ROOT / "docs" / "kafka.md").read_text(encoding="utf-8")
_ROWS = dict(re.findall(r"^\| `([a-z.]+)` \| ([^|]+) \|", _DOC, re.MULTILINE))


def test_it_names_the_version_that_tests_run_on() -> None:
    """The version of the jars and of the image."""
    assert f"Kafka {KAFKA} " in _DOC


def test_the_brokers_of_compose_are_set_so() -> None:
    """What does not ask for replicas is set alike in docker-compose.yml."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    broker = compose["services"]["kafka"]["environment"]
    for name in (
        "transaction.abort.timed.out.transaction.cleanup.interval.ms",
        "group.initial.rebalance.delay.ms",
        "auto.create.topics.enable",
    ):
        said = str(broker["KAFKA_" + name.upper().replace(".", "_")])
        assert said == _ROWS[name].strip("`").split(",")[0]


def test_our_own_figures_are_those_of_the_code() -> None:
    """Sessions, transactions, and the settings with their defaults."""
    assert f"{CONSUMER['session.timeout.ms']} or less" in _DOC
    assert f"transaction's {PRODUCER['transaction.timeout.ms'] // 1000} s" in _DOC
    for name, default in re.findall(rf"`{OURS}(\w+)` \((\d+)\)", _DOC):
        assert int(default) == Settings.model_fields[name.lower()].default
    assert 1 == Settings().replication_factor


def test_it_says_what_becomes_of_a_group_that_is_away() -> None:
    """Kafka's default: stages that were down for longer find no offsets."""
    minutes, days = re.findall(r"^(\d+) \((\d+) days\)", _ROWS["offsets.retention.minutes"])[0]
    assert int(minutes) == int(days) * 24 * 60
