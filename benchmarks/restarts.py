"""How soon a killed stage works again: kill -9, started at once in its slot, its first record.

Its dead member keeps the partitions until the session (6 s) ends, so that is most of it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.kafka.day import newest_life
from tests.kafka.pipeline import Pipeline
from tests.kafka.waiting import wait_until

STAGES = ("aggregation", "decision")


def measure(bootstrap_servers: str, prefix: str, restarts: int) -> Iterator[float]:
    """Yield the seconds of each restart, as many of each stage."""
    with (
        TemporaryDirectory() as folder,
        closing(
            Pipeline(bootstrap_servers, prefix, Path(folder), executions=2, control=1)
        ) as pipeline,
    ):
        living = {name: pipeline.stage(name) for name in STAGES}
        for name in STAGES:
            wait_until(partial(_works, pipeline, name, 0), f"{name} to begin")
        for name in restarts * STAGES:
            before = newest_life(pipeline, name)
            living[name].kill()
            started_s = time.monotonic()
            living[name] = pipeline.stage(name)
            wait_until(partial(_works, pipeline, name, before), f"{name} to be back")
            yield time.monotonic() - started_s


def _works(pipeline: Pipeline, stage: str, before: int) -> bool:
    return newest_life(pipeline, stage) > before
