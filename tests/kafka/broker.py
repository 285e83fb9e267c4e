"""A real Kafka for tests and benchmarks: which one is used, and how it is started.

In this order: KAFKA_BOOTSTRAP_SERVERS; a container engine; Java 17 and Maven. A broker that we
start is ours alone and ends with the process that started it.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from tests.kafka.container import ContainerBroker, engine_version
from tests.kafka.jars import java_version, maven
from tests.kafka.java import JavaBroker
from tests.kafka.ready import await_ready

Say = Callable[[str], None]

INSTALL = """\
No Kafka for the tests was found. One of these is needed:
  - KAFKA_BOOTSTRAP_SERVERS=host:port of a broker that may be written to; it was not set
  - a container engine (Docker, Podman); found: {engine}
  - Java 17 or newer and Maven; found: {java}, {maven}
    (Debian, Ubuntu: apt install openjdk-17-jre-headless maven; macOS: brew install openjdk maven)
NO_KAFKA=1 skips the tests that need one, by name."""


class NoBrokerError(RuntimeError):
    """There is no Kafka here; the text says what to install."""


class Broker(Protocol):
    """One broker. After `stop` or `kill`, `start` brings it back with its data and its ports."""

    @property
    def description(self) -> str:
        """What it is and where, for people."""

    @property
    def bootstrap_servers(self) -> str:
        """Its address."""

    def start(self) -> None:
        """Start it, unless it runs, and return when it answers, within a minute."""

    def stop(self) -> None:
        """Stop in good order."""

    def kill(self) -> None:
        """End it at once, as a power cut would; everything else on this machine goes on."""

    def remove(self) -> None:
        """End it and delete its data."""


class GivenBroker:
    """A broker that somebody else runs: used as it is, never stopped."""

    def __init__(self, bootstrap_servers: str) -> None:
        self.bootstrap_servers = bootstrap_servers
        self.description = f"{bootstrap_servers} from KAFKA_BOOTSTRAP_SERVERS"

    def start(self) -> None:
        """Return when it answers."""
        await_ready(self.bootstrap_servers)

    def stop(self) -> None:
        """Refuse: it is not ours."""
        msg = f"stopping the broker at {self.bootstrap_servers}: it is not ours to stop"
        raise RuntimeError(msg)

    kill = stop

    def remove(self) -> None:
        """Leave it as it is."""


def find(say: Say) -> Broker:
    """Return the broker to use, not started; raises NoBrokerError with what to install."""
    if servers := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        return GivenBroker(servers)
    engine = engine_version()
    if engine.usable:
        return ContainerBroker(engine.found)
    java, mvn = java_version(), maven()
    if java.usable and mvn.usable:
        return JavaBroker(java.found, say)
    raise NoBrokerError(INSTALL.format(engine=engine.found, java=java.found, maven=mvn.found))


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


@contextmanager
def kafka(say: Say = _say) -> Iterator[Broker]:
    """Give a broker that answers, and take it away afterwards; raises NoBrokerError."""
    broker = find(say)
    try:
        broker.start()
        say(f"kafka: {broker.description}")
        yield broker
    finally:
        broker.remove()
