"""A broker that is back at once, and a stage that is held: what must end ends, the rest goes on."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from tests.counting import OUTPUT
from tests.kafka.bench import KafkaBench
from tests.kafka.broker import Broker, kafka
from tests.kafka.process import Process
from tests.kafka.waiting import wait_until
from tradecanary.processors.runtime.log import Unavailable
from tradecanary.processors.runtime.stage_process import FAILED, OK
from tradecanary.processors.runtime.watchdog import STOP_S
from tradecanary.schemas.topics import EXECUTIONS

STAGES = 3
"""Which call a restart meets differs from stage to stage."""
ENDED_S = 120.0
"""Runner and watchdog end a stage without progress long before."""


def _stage(bench: KafkaBench, folder: Path, **variables: str) -> Process:
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": str(bench.connection["bootstrap.servers"]),
        "TRADECANARY_TOPIC_PREFIX": bench.prefix,
        **variables,
    }
    command = [sys.executable, "-m", "tests.kafka.counting_process"]
    return Process(f"counting-{bench.prefix}", command, environment, folder)


def _fill(bench: KafkaBench, count: int) -> None:
    for number in range(count):
        bench.append(EXECUTIONS.name, b"key-%d" % number, b"value-%d" % number)


def _end(bench: KafkaBench) -> int:
    try:
        return bench.log.end_offset(OUTPUT)
    except Unavailable:  # our own reading meets the restart, too
        return -1


def _ended_or_beyond(stage: Process, bench: KafkaBench, end: int) -> bool:
    return not stage.running or _end(bench) > end


def _has_begun(stage: Process) -> bool:
    return any(stage.lines())


def _live(
    benches: Sequence[KafkaBench], stages: Sequence[Process], folder: Path, records: int
) -> list[Process]:
    """Feed each stage until it commits, or has ended by itself: then its successor takes over."""
    before = [max(_end(bench), 0) for bench in benches]
    for bench in benches:
        _fill(bench, records)
    living = []
    for bench, stage, end in zip(benches, stages, before, strict=True):
        wait_until(
            lambda: None,
            partial(_ended_or_beyond, stage, bench, end),
            "a commit or an end",
            stage.said,
            ENDED_S,
        )
        if not stage.running:
            assert FAILED == stage.wait(), stage.said()
        living.append(stage if stage.running else _stage(bench, folder))
    return living


def test_broker_back_at_once(broker: Broker, topic_prefix: str, tmp_path: Path) -> None:
    """Killed in the middle of transactions and started without a pause: no stage hangs.

    Each commits again, or ends by itself with code 1; and it hears its SIGTERM. Exactness is not
    asked here: a lone broker may lose the abort marker of a transaction (README, limits).
    """
    if broker.description.endswith("KAFKA_BOOTSTRAP_SERVERS"):
        pytest.skip("the broker is somebody else's: it cannot be killed")
    with kafka() as own:
        benches = [
            KafkaBench(own.bootstrap_servers, f"{topic_prefix}{number}.")
            for number in range(STAGES)
        ]
        stages = [_stage(bench, tmp_path) for bench in benches]
        stages = _live(benches, stages, tmp_path, 20)
        own.kill()
        own.start()
        stages = _live(benches, stages, tmp_path, 5)
        for stage in stages:
            wait_until(lambda: None, partial(_has_begun, stage), "the start", stage.said)
            stage.signal(signal.SIGTERM)
        for stage in stages:
            assert stage.wait(STOP_S + 5) in {OK, FAILED}, stage.said()
        for bench in benches:
            bench.close()


def test_held_stage_obeys_sigterm(
    bootstrap_servers: str, topic_prefix: str, tmp_path: Path
) -> None:
    """A stage that never looks at its orders again ends by itself, with a code and a trace."""
    bench = KafkaBench(bootstrap_servers, topic_prefix)
    process = _stage(bench, tmp_path, COUNTING_HOLDS="1")
    wait_until(lambda: None, lambda: "holding" in process.said(), "the stage to hold")
    process.signal(signal.SIGTERM)
    code = process.wait(STOP_S + 5)  # a container is killed then
    bench.close()

    assert FAILED == code
    assert "told to stop, it had not ended" in str(list(process.lines())[-1]["problem"])
    assert "in absorb" in process.said(), "the trace says where it stood"
