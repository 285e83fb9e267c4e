"""The runner on a real Kafka: crashes, rebalances and stops lose and repeat nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.counting import Counting, copied, produced
from tests.kafka.bench import KafkaBench
from tests.kafka.broker import Broker, kafka
from tests.kafka.waiting import DEADLINE_S, wait_until
from tests.log_laws import joined
from tradecanary.processors.runtime.kafka_log import KafkaLog
from tradecanary.processors.runtime.log import GroupConsumer
from tradecanary.processors.runtime.runner import CrashPoint, Runner
from tradecanary.processors.runtime.stage_process import CRASHED, FAILED, FENCED, clock_us
from tradecanary.processors.stage import TopicPartition
from tradecanary.schemas.topics import EXECUTIONS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def bench(bootstrap_servers: str, topic_prefix: str) -> Iterator[KafkaBench]:
    """Give a log on topics of this test's own."""
    made = KafkaBench(bootstrap_servers, topic_prefix)
    yield made
    made.close()


def _fill(bench: KafkaBench, count: int, start: int = 0) -> None:
    for number in range(start, start + count):
        bench.append(EXECUTIONS.name, b"key-%d" % number, b"value-%d" % number)


def _is_done(bench: KafkaBench) -> bool:
    return copied(bench.log) == produced(bench.log)


class _Process:
    """The counting task in a process of its own."""

    def __init__(self, bench: KafkaBench, slot: str, **variables: str) -> None:
        environment = {
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": str(bench.connection["bootstrap.servers"]),
            "TRADECANARY_TOPIC_PREFIX": bench.prefix,
            "TRADECANARY_SLOT": slot,
            **variables,
        }
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "tests.kafka.counting_process"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def lines(self) -> list[dict[str, object]]:
        """Return what it wrote, once it has ended."""
        out, _ = self.popen.communicate(timeout=DEADLINE_S)
        return [json.loads(line) for line in out.splitlines()]

    def await_line(self, event: str) -> dict[str, object]:
        """Return the next line of that event."""
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            found: dict[str, object] = json.loads(line)
            if found["event"] == event:
                return found
        pytest.fail(f"waiting for the line {event!r}: the process ended")

    def stop(self) -> None:
        """Ask it to end."""
        self.popen.send_signal(signal.SIGTERM)


def test_killed_process_is_continued(bootstrap_servers: str, topic_prefix: str) -> None:
    """Killed behind any step, the next process in the slot counts on, each record once.

    All crash points wait for the sessions of their dead members together.
    """
    points = [point for point in CrashPoint if point != CrashPoint.AFTER_POLL]
    benches = [KafkaBench(bootstrap_servers, f"{topic_prefix}{point}.") for point in points]
    for bench in benches:
        _fill(bench, 20)
    killed = [
        _Process(bench, "0", CRASH_AT=point) for bench, point in zip(benches, points, strict=True)
    ]
    for process, bench in zip(killed, benches, strict=True):
        assert CRASHED == process.popen.wait(DEADLINE_S)
        process.lines()
        _fill(bench, 5, 20)
    runners = [Runner(Counting(), bench.log, clock_us, timeout_s=0.02) for bench in benches]

    def step() -> None:
        for runner in runners:
            runner.step()

    wait_until(step, lambda: all(r.assigned for r in runners), "the partitions of the dead members")
    for runner, bench in zip(runners, benches, strict=True):
        wait_until(runner.step, lambda bench=bench: _is_done(bench), "all records")  # type: ignore[misc]
        runner.close()
        assert 25 == sum(map(len, copied(bench.log).values()))
        bench.close()


def test_sigterm_ends_in_good_order(bench: KafkaBench) -> None:
    """It commits, leaves the group and exits with 0, so that another one takes over at once."""
    process = _Process(bench, "0")
    process.await_line("recovered")
    _fill(bench, 20)
    wait_until(lambda: None, lambda: _is_done(bench), "all records")
    process.stop()
    last = process.lines()[-1]
    started = time.monotonic()
    runner = Runner(Counting(), bench.log, clock_us, slot="1")
    wait_until(runner.step, lambda: bool(runner.assigned), "the partitions it left")
    runner.close()

    assert (0, "stopped", 0) == (process.popen.returncode, last["event"], last["exit_code"])
    assert time.monotonic() - started < 4, "it left, so nobody waits for its session"


def test_second_member_shares_the_work(bench: KafkaBench) -> None:
    """A member joins, and leaves again, in the middle of traffic: each record counts once."""
    tasks = [Counting(), Counting()]
    runners = [Runner(tasks[0], bench.log, clock_us, slot="0", limit=5, timeout_s=0.02)]
    fed = iter(range(10_000))

    def step() -> None:
        number = next(fed)
        bench.append(EXECUTIONS.name, b"key-%d" % number, b"value-%d" % number)
        for runner in runners:
            runner.step()

    wait_until(step, lambda: len(runners[0].assigned) == 3, "all partitions")
    runners.append(Runner(tasks[1], bench.log, clock_us, slot="1", limit=5, timeout_s=0.02))
    wait_until(
        step,
        lambda: all(r.assigned for r in runners) and sum(len(r.assigned) for r in runners) == 3,
        "a share for both",
    )
    for _ in range(10):
        step()
    runners.pop(0).close()
    wait_until(step, lambda: len(runners[0].assigned) == 3, "all partitions again")
    wait_until(runners[0].step, lambda: _is_done(bench), "all records")
    runners[0].close()

    assert tasks[0].recoveries >= 2
    assert tasks[1].recoveries >= 2


def test_takeover_of_a_slot_fences_the_first(bench: KafkaBench) -> None:
    """Of two processes in one slot the first ends with the code that says so."""
    first = _Process(bench, "0")
    first.await_line("recovered")
    second = Runner(Counting(), bench.log, clock_us)
    _fill(bench, 5)
    wait_until(second.step, lambda: first.popen.poll() is not None, "the end of the first")
    wait_until(second.step, lambda: _is_done(bench), "all records")
    second.close()

    assert FENCED == first.popen.wait(DEADLINE_S)
    assert "Fenced" == first.lines()[-1]["kind"]


def test_refused_setting_ends_the_process(bench: KafkaBench) -> None:
    """What librdkafka refuses is said in the last line."""
    wrong = _Process(bench, "0", KAFKA__SECURITY_PROTOCOL="nonsense")
    last = wrong.lines()[-1]

    assert FAILED == wrong.popen.returncode
    assert "nonsense" in str(last["problem"])


def test_doubt_after_every_commit_repeats_nothing(bench: KafkaBench) -> None:
    """With a limit of 0 s each commit is slow: the producer is rebuilt, the state read back."""
    _fill(bench, 20)
    doubtful = KafkaLog(bench.connection, prefix=bench.prefix, slow_commit_s=0.0)
    task = Counting()
    runner = Runner(task, doubtful, clock_us, limit=7)
    wait_until(runner.step, lambda: _is_done(bench), "all records")
    runner.close()
    doubtful.close()

    assert task.recoveries > 1
    assert 20 == sum(map(len, copied(bench.log).values()))


def test_missing_topics_end_the_process(bench: KafkaBench) -> None:
    """Started before its topics are there, it says which one, and how to make it."""
    early = _Process(bench, "0", TRADECANARY_TOPIC_PREFIX="nowhere.")
    last = early.lines()[-1]

    assert FAILED == early.popen.returncode
    assert "nowhere.executions (`tradecanary topics create` makes it)" in str(last["problem"])


def test_broker_goes_and_comes_back(broker: Broker, topic_prefix: str) -> None:
    """Killed in the middle of traffic and started again: the same process goes on, exactly.

    An idle partition is at its end again afterwards: nothing new has to come first.
    """
    if broker.description.endswith("KAFKA_BOOTSTRAP_SERVERS"):
        pytest.skip("the broker is somebody else's: it cannot be killed")
    with kafka() as own:
        bench = KafkaBench(own.bootstrap_servers, topic_prefix)
        process = _Process(bench, "0")
        process.await_line("recovered")
        watching = bench.log.consumer("watching", [EXECUTIONS.name])
        watching.start_reading(dict.fromkeys(joined(watching), 0))
        _fill(bench, 20)
        wait_until(lambda: None, lambda: _is_done(bench), "all records")
        wait_until(lambda: None, lambda: len(_ends(watching)) == 3, "the ends of all partitions")
        own.kill()
        wait_until(lambda: None, lambda: not _ends(watching), "doubt about the ends")
        process.await_line("failed")  # back at once is test_restart_at_once: a lone broker's limit
        own.start()
        wait_until(lambda: None, lambda: len(_ends(watching)) == 3, "the ends of idle partitions")
        _fill(bench, 5, 20)
        wait_until(lambda: None, lambda: _is_done(bench), "the records after the restart")
        process.stop()
        watching.close()
        bench.close()

        assert 0 == process.popen.wait(DEADLINE_S)
        process.lines()


def _ends(member: GroupConsumer) -> frozenset[TopicPartition]:
    polled = member.poll(100, 0.1)
    if polled.assignment:
        member.start_reading(dict.fromkeys(polled.assignment, 0))
    return polled.ends
