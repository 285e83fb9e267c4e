"""A broker that is back at once, and a stage that is held: what must end ends, the rest goes on."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

from tests.counting import OUTPUT
from tests.kafka.bench import KafkaBench
from tests.kafka.broker import Broker
from tests.kafka.process import Process
from tests.kafka.waiting import wait_until
from tradecanary.processors.runtime.log import Unavailable
from tradecanary.processors.runtime.stage_process import FAILED, OK

STAGES = 3
"""Which call a restart meets differs from stage to stage."""
ENDED_S = 120.0
"""Runner and watchdog end a stage without progress long before."""


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
        bench.fill(records)
    living = []
    for bench, stage, end in zip(benches, stages, before, strict=True):
        wait_until(
            partial(_ended_or_beyond, stage, bench, end),
            "a commit or an end",
            said=stage.said,
            deadline_s=ENDED_S,
        )
        if not stage.running:
            assert FAILED == stage.wait(), stage.said()
        living.append(stage if stage.running else bench.stage(folder))
    return living


def test_broker_back_at_once(own_broker: Broker, topic_prefix: str, tmp_path: Path) -> None:
    """Killed in the middle of transactions and started without a pause: no stage hangs.

    Each commits again, or ends by itself with code 1; and it hears its SIGTERM. Exactness is not
    asked here: a lone broker may lose the abort marker of a transaction (README, limits).
    """
    prefixes = [f"{topic_prefix}{number}." for number in range(STAGES)]
    with ExitStack() as stack:
        benches = [
            stack.enter_context(closing(KafkaBench(own_broker.bootstrap_servers, prefix)))
            for prefix in prefixes
        ]
        stages = [bench.stage(tmp_path) for bench in benches]
        stages = _live(benches, stages, tmp_path, 20)
        own_broker.kill()
        own_broker.start()
        stages = _live(benches, stages, tmp_path, 5)
        for stage in stages:
            wait_until(partial(_has_begun, stage), "the start", said=stage.said)
            stage.signal(signal.SIGTERM)
        for stage in stages:
            assert stage.wait() in {OK, FAILED}, stage.said()


def test_held_stage_obeys_sigterm(bench: KafkaBench, tmp_path: Path) -> None:
    """A stage that never looks at its orders again ends by itself, with a code and a trace."""
    process = bench.stage(tmp_path, COUNTING_HOLDS="1", COUNTING_STOP_S="2")
    process.await_line("holding")
    process.signal(signal.SIGTERM)
    code = process.wait()

    assert FAILED == code
    assert "told to stop, it had not ended after 2 s" in str(list(process.lines())[-1]["problem"])
    assert "in absorb" in process.said(), "the trace says where it stood"
