"""Apache Kafka's official image, for machines with a container engine."""

import os
import socket

from tests.kafka.jars import KAFKA, Tool
from tests.kafka.java import free_port
from tests.kafka.ready import await_ready

IMAGE = f"apache/kafka:{KAFKA}"


def engine_version() -> Tool:
    """Return whether a container engine answers."""
    address = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if not _answers(address):  # asked first: the library leaves sockets open when it fails
        return Tool(usable=False, found=f"none that answers at {address}")
    import docker
    from docker.errors import DockerException

    client = docker.from_env(timeout=5)
    try:
        return Tool(usable=True, found=f"engine {client.version()['Version']}")
    except DockerException as error:
        return Tool(usable=False, found=f"one that answers {error}")
    finally:
        client.close()


def _answers(address: str) -> bool:
    scheme, _, path = address.partition("://")
    if scheme != "unix":
        return True
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == 0


def environment(host: str, port: int) -> dict[str, str]:
    """Return the whole configuration: any setting of ours discards all of the image's own."""
    protocols = "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PLAINTEXT_HOST:PLAINTEXT"
    return {
        "CLUSTER_ID": "4L6g3nShT-eMCtK--X86sw",
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": "CONTROLLER://:29093,PLAINTEXT_HOST://:9092,PLAINTEXT://:19092",
        "KAFKA_ADVERTISED_LISTENERS": (
            f"PLAINTEXT_HOST://{host}:{port},PLAINTEXT://localhost:19092"
        ),
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": protocols,
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_INTER_BROKER_LISTENER_NAME": "PLAINTEXT",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:29093",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "8",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS": "8",
        "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_TRANSACTION_ABORT_TIMED_OUT_TRANSACTION_CLEANUP_INTERVAL_MS": "1000",
        "KAFKA_LOG_CLEANER_BACKOFF_MS": "500",
        "KAFKA_BROKER_SESSION_TIMEOUT_MS": "3000",
        "KAFKA_BROKER_HEARTBEAT_INTERVAL_MS": "500",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    }


class ContainerBroker:
    """One container; its reaper (Ryuk) removes it when we are gone."""

    def __init__(self, engine: str) -> None:
        from testcontainers.core.container import DockerContainer

        self._port = free_port()
        self._container = DockerContainer(IMAGE).with_bind_ports(9092, self._port)
        self._host = self._container.get_docker_client().host()
        for name, value in environment(self._host, self._port).items():
            self._container.with_env(name, value)
        self._created = False
        self.bootstrap_servers = f"{self._host}:{self._port}"
        self.description = f"{IMAGE} in a container ({engine}), {self.bootstrap_servers}"

    def start(self) -> None:
        """Start, unless it runs, and return when it answers."""
        if self._created:
            self._container.get_wrapped_container().start()
        else:
            self._container.start()
            self._created = True
        await_ready(self.bootstrap_servers)

    def stop(self) -> None:
        """Stop in good order."""
        self._container.get_wrapped_container().stop(timeout=20)

    def kill(self) -> None:
        """End it at once."""
        self._container.get_wrapped_container().kill()

    def remove(self) -> None:
        """End it and delete its data."""
        if self._created:
            self._container.stop()
            self._created = False
