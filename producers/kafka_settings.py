"""How the producers set the Kafka client; reasons beside the figures, kafka.md has the rest."""

from __future__ import annotations

import os
from collections.abc import Mapping

from tradecanary.schemas.access import ROUTER_GROUP

Settings = dict[str, str | int | float | bool]

_ENVIRONMENT = "KAFKA__"
FOLLOW: Settings = {
    "group.id": ROUTER_GROUP,  # the client wants one; it is never joined
    "isolation.level": "read_committed",
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "earliest",  # compaction moves the beginning: the rest is all there is
    "fetch.wait.max.ms": 100,
    "fetch.queue.backoff.ms": 10,
    "check.crcs": True,
}
SAY: Settings = {
    "partitioner": "murmur2_random",
    "acks": "all",
    "linger.ms": 0,
    "message.timeout.ms": 3_000,  # an older status says nothing
    "allow.auto.create.topics": False,
}
DELIVER: Settings = {
    "enable.idempotence": True,
    "acks": "all",
    "linger.ms": 5,
    "compression.type": "lz4",
    "queue.buffering.max.messages": 20_000,  # more waits in the publisher's own buffer
    "allow.auto.create.topics": False,
}
# Kills, weights and numbers rest on these: nobody may change them, as in the stages.
OWN_RULES = frozenset(
    {
        "auto.offset.reset",
        "enable.auto.commit",
        "enable.idempotence",
        "enable.partition.eof",
        "group.id",
        "isolation.level",
        "partitioner",
        "transactional.id",
    }
)
TIMEOUT_WITH_SPOOL_MS = 5_000
TIMEOUT_WITHOUT_SPOOL_MS = 60_000


def client_settings(
    bootstrap_servers: str | None, kafka: Mapping[str, str] | None = None
) -> Settings:
    """Return librdkafka settings: `kafka` over KAFKA__SECURITY_PROTOCOL=... and the like.

    The servers are the argument's, `kafka`'s, or KAFKA_BOOTSTRAP_SERVERS. Raises ValueError
    without any, and for a setting that is a rule of ours.
    """
    settings: Settings = {}
    for variable, value in os.environ.items():
        if variable.startswith(_ENVIRONMENT):
            name = variable.removeprefix(_ENVIRONMENT).replace("_", ".").lower()
            settings |= _allowed(variable, name, value)
    if servers := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        settings["bootstrap.servers"] = servers
    for name, value in (kafka or {}).items():
        settings |= _allowed(f"kafka['{name}']", name, value)
    if bootstrap_servers:
        settings["bootstrap.servers"] = bootstrap_servers
    if not settings.get("bootstrap.servers"):
        raise ValueError(
            "connecting to Kafka: no servers were named; pass bootstrap_servers='host:port' "
            "or set KAFKA_BOOTSTRAP_SERVERS"
        )
    return settings


def _allowed(said: str, name: str, value: str) -> Settings:
    if name in OWN_RULES:
        raise ValueError(f"{said} cannot be set: exactly-once rests on our {name}")
    return {name: value}
