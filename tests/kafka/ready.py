"""When a broker may be used."""

import time
from collections.abc import Mapping

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient


def await_ready(
    bootstrap_servers: str, client: Mapping[str, str] | None = None, timeout_s: float = 60.0
) -> None:
    """Return when every partition there has a leader; raises TimeoutError."""
    reach = {"bootstrap.servers": bootstrap_servers, "log_level": "0"}
    admin = AdminClient({**reach, **(client or {})})
    deadline = time.monotonic() + timeout_s
    found = "nothing"
    while time.monotonic() < deadline:
        try:
            cluster = admin.list_topics(timeout=1)
        except KafkaException as error:
            found = str(error)
            continue
        partitions = [p for topic in cluster.topics.values() for p in topic.partitions.values()]
        leaderless = sum(partition.leader < 0 for partition in partitions)
        if cluster.brokers and not leaderless:
            return
        found = f"{len(cluster.brokers)} brokers, {leaderless} partitions without a leader"
    msg = f"waiting {timeout_s:.0f} s for Kafka at {bootstrap_servers}: the last was {found}"
    raise TimeoutError(msg)
