"""docker-compose.yml says nothing the code does not know: commands, settings, topics, broker."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.house.tracked import ROOT
from tests.kafka.container import IMAGE, environment
from tradecanary.cli.app import command_of
from tradecanary.processors.runtime.settings import load_settings
from tradecanary.processors.runtime.watchdog import STOP_S, TICK_S
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


def test_a_stage_that_does_not_stop_ends_itself_before_it_is_killed() -> None:
    """Its last line says where it stood; a container that is killed says nothing."""
    grace_s = {float(SERVICES[name]["stop_grace_period"].removesuffix("s")) for name in STAGES}

    assert STOP_S + TICK_S < min(grace_s)


def _published(service: dict[str, Any]) -> list[str]:
    return [str(port) for port in service.get("ports", [])]


def test_ports_are_published_on_loopback_only() -> None:
    """Nothing of this is reached from another host."""
    ports = [port for service in SERVICES.values() for port in _published(service)]

    assert ports
    assert [] == [port for port in ports if not port.startswith("127.0.0.1:")]


def test_images_have_a_tag_and_mounted_files_exist() -> None:
    """`latest` is another image every month; a missing file would be mounted as a folder."""
    images = [one["image"] for one in SERVICES.values() if not one.get("build")]
    mounts = [v.split(":")[0] for one in SERVICES.values() for v in one.get("volumes", [])]

    assert [] == [image for image in images if not re.search(r":v?\d+\.\d+\.\d+$", image)]
    assert [] == [m for m in mounts if m.startswith(".") and not (ROOT / m).exists()]
    assert {m for m in mounts if not m.startswith(".")} == set(COMPOSE["volumes"])


def test_prometheus_asks_the_stages_where_they_answer() -> None:
    """Each stage is a job of its name, at the port that its settings open to other containers."""
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}

    assert STAGES == set(jobs)
    for name, job in jobs.items():
        environment = {k: str(v) for k, v in SERVICES[name]["environment"].items()}
        settings = load_settings(environment)
        assert "0.0.0.0" == settings.metrics_address
        assert [(name, settings.metrics_port)] == list(_targets(job))


def _targets(job: dict[str, Any]) -> Iterator[tuple[str, int]]:
    for static in job.get("static_configs", []):
        for target in static["targets"]:
            host, _, port = target.partition(":")
            yield host, int(port)
    for found in job.get("dns_sd_configs", []):
        yield from ((name, found["port"]) for name in found["names"])


def test_prometheus_and_grafana_find_their_files() -> None:
    """What their configurations name is mounted there, and Grafana asks this Prometheus."""
    mounted = dict(
        volume.split(":")[1::-1]
        for name in ("prometheus", "grafana")
        for volume in SERVICES[name]["volumes"]
    )
    config = yaml.safe_load((ROOT / mounted["/etc/prometheus/prometheus.yml"]).read_text())
    provisioning = ROOT / mounted["/etc/grafana/provisioning"]
    source = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())
    boards = yaml.safe_load((provisioning / "dashboards" / "tradecanary.yml").read_text())
    (port,) = _published(SERVICES["prometheus"])
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    folder, _, file = home.rpartition("/")

    assert set(config["rule_files"]) <= set(mounted)
    assert f"http://prometheus:{port.split(':')[2]}" == source["datasources"][0]["url"]
    assert folder == boards["providers"][0]["options"]["path"]
    assert (ROOT / mounted[folder] / file).is_file()


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
