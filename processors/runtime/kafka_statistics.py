"""Where a consumer stands in each partition, from the statistics of its client.

The only place that knows both the high watermark and the last stable offset, and costs no request.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from tradecanary.processors.runtime.kafka_clients import Names
from tradecanary.processors.stage import TopicPartition

Heard = Callable[[Iterable["PartitionOffsets"]], None]
EVERY_MS = 1000


class PartitionOffsets(NamedTuple):
    """One partition: the next offset to read, where committed records end, where all end."""

    place: TopicPartition
    position: int
    last_stable: int
    high_watermark: int


def told(heard: Heard, names: Names) -> Mapping[str, Any]:
    """Return what a consumer is configured with, so that `heard` is told every second."""
    return {
        "statistics.interval.ms": EVERY_MS,
        "stats_cb": lambda text: heard(tuple(partition_offsets(text, names))),
    }


def partition_offsets(statistics: str, names: Names) -> Iterator[PartitionOffsets]:
    """Yield the partitions of the client's JSON of which all three offsets are known."""
    for name, topic in json.loads(statistics)["topics"].items():
        for number, known in topic["partitions"].items():
            position = known["app_offset"] if known["app_offset"] >= 0 else known["next_offset"]
            found = PartitionOffsets(
                names.place(name, int(number)), position, known["ls_offset"], known["hi_offset"]
            )
            if min(found[1:]) >= 0:  # the client's -1 and -1001: not known yet
                yield found
