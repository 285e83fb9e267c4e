"""docker-compose.yml says nothing the code does not know: commands, settings, topics, broker."""

import re
from typing import Any

import pytest
import yaml

from tests.house.tracked import ROOT
from tests.kafka.container import IMAGE, environment
from tradecanary.cli.app import command_of
from tradecanary.processors.runtime.settings import load_settings
from tradecanary.schemas.topics import TOPICS

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = sorted(name for name, service in SERVICES.items() if service.get("build"))
STAGES = {"aggregation", "alerting", "decision"}
BROKER = SERVICES["kafka"]


@pytest.mark.parametrize("name", OURS)
def test_command_is_one_of_ours(name: str) -> None:
    """What a service runs is a command of the command line, with options it has."""
    words = list(SERVICES[name]["command"])
    command = command_of(words.pop(0))
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    with command.make_context(name, words):
        pass  # parsed, and not refused


@pytest.mark.parametrize("name", OURS)
def test_settings_are_known(name: str) -> None:
    """The settings of a service are accepted, and point at a listener of the broker."""
    settings = load_settings({k: str(v) for k, v in SERVICES[name]["environment"].items()})
    listeners = BROKER["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")

    assert f"PLAINTEXT://{settings.bootstrap_servers}" in listeners


def test_every_topic_has_its_writers_and_readers() -> None:
    """The stages that read or write a topic run; routers and services are the simulated one."""
    stages = {who for topic in TOPICS for who in topic.writers + topic.readers}
    running = {
        name for name, service in SERVICES.items() if service.get("command", [])[:1] == ["run"]
    }

    assert stages & STAGES == running - {"router-sim"}
    assert "router-sim" in running


def test_nothing_runs_before_the_topics_are_there() -> None:
    """Topics are created once the broker is healthy, and everything else waits for that."""
    first = SERVICES["topics-init"]

    assert ["topics", "create"] == first["command"]
    assert {"kafka": {"condition": "service_healthy"}} == first["depends_on"]
    for name in OURS:
        if name != "topics-init":
            waits = SERVICES[name]["depends_on"]["topics-init"]
            assert {"condition": "service_completed_successfully"} == waits


def test_the_dashboard_is_for_this_host_alone() -> None:
    """Its port is published on the loopback address, and the token comes from outside."""
    shown = SERVICES["dashboard"]
    port = next(o.default for o in command_of("dashboard").params if o.name == "port")

    assert [f"127.0.0.1:{port}:{port}"] == shown["ports"]
    assert "${DASHBOARD_TOKEN:-}" == shown["environment"]["DASHBOARD_TOKEN"]


def test_broker_is_the_one_we_test_on() -> None:
    """The image is the tests' image; its whole configuration is given, as the tests give theirs."""
    addresses = re.compile("LISTENERS$|QUORUM_VOTERS|BROKER_|NUM_PARTITIONS|BACKOFF")
    tested = {k: v for k, v in environment("localhost", 9092).items() if not addresses.search(k)}
    given = {name: str(value) for name, value in BROKER["environment"].items()}

    assert IMAGE == BROKER["image"]
    assert tested.items() <= given.items()
