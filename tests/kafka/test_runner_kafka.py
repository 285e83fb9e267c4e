"""The runner on a real Kafka: crashes, rebalances and stops lose and repeat nothing."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from tests.counting import Counting, copied
from tests.kafka.bench import KafkaBench
from tests.kafka.broker import Broker
from tests.kafka.waiting import DEADLINE_S, wait_until
from tests.log_laws import joined
from tradecanary.processors.runtime.kafka_log import KafkaLog
from tradecanary.processors.runtime.log import GroupConsumer
from tradecanary.processors.runtime.runner import CrashPoint, Runner
from tradecanary.processors.runtime.stage_process import CRASHED, FAILED, FENCED, clock_us
from tradecanary.processors.stage import TopicPartition
from tradecanary.schemas.topics import EXECUTIONS


def test_killed_process_is_continued(
    bootstrap_servers: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Killed behind any step, the next process in the slot counts on, each record once.

    All crash points wait for the sessions of their dead members together.
    """
    points = [point for point in CrashPoint if point != CrashPoint.AFTER_POLL]
    benches = [KafkaBench(bootstrap_servers, f"{topic_prefix}{point}.") for point in points]
    for bench in benches:
        bench.fill(20)
    killed = [
        bench.stage(tmp_path, CRASH_AT=point) for bench, point in zip(benches, points, strict=True)
    ]
    for process, bench in zip(killed, benches, strict=True):
        assert CRASHED == process.wait(DEADLINE_S)
        bench.fill(5, 20)
    runners = [Runner(Counting(), bench.log, clock_us, timeout_s=0.02) for bench in benches]

    def step() -> None:
        for runner in runners:
            runner.step()

    wait_until(
        lambda: all(r.assigned for r in runners), "the partitions of the dead members", step=step
    )
    for runner, bench in zip(runners, benches, strict=True):
        wait_until(bench.is_done, "all records", step=runner.step)
        runner.close()
        assert 25 == sum(map(len, copied(bench.log).values()))
        bench.close()


def test_sigterm_ends_in_good_order(bench: KafkaBench, tmp_path: Path) -> None:
    """It commits, leaves the group and exits with 0, so that another one takes over at once.

    Who had to wait for the end of its session would wait beyond the test's deadline.
    """
    process = bench.stage(
        tmp_path, KAFKA__SESSION_TIMEOUT_MS="300000", KAFKA__MAX_POLL_INTERVAL_MS="300000"
    )
    process.await_line("recovered")
    bench.fill(20)
    wait_until(bench.is_done, "all records", said=process.said)
    code = process.stop()
    last = list(process.lines())[-1]
    runner = Runner(Counting(), bench.log, clock_us, slot="1")
    wait_until(lambda: runner.assigned, "the partitions it left", step=runner.step)
    runner.close()

    assert (0, "stopped", 0) == (code, last["event"], last["exit_code"])


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

    wait_until(lambda: len(runners[0].assigned) == 3, "all partitions", step=step)
    runners.append(Runner(tasks[1], bench.log, clock_us, slot="1", limit=5, timeout_s=0.02))
    wait_until(
        lambda: all(r.assigned for r in runners) and sum(len(r.assigned) for r in runners) == 3,
        "a share for both",
        step=step,
    )
    for _ in range(10):
        step()
    runners.pop(0).close()
    wait_until(lambda: len(runners[0].assigned) == 3, "all partitions again", step=step)
    wait_until(bench.is_done, "all records", step=runners[0].step)
    runners[0].close()

    assert tasks[0].recoveries >= 2
    assert tasks[1].recoveries >= 2


def test_takeover_of_a_slot_fences_the_first(bench: KafkaBench, tmp_path: Path) -> None:
    """Of two processes in one slot the first ends with the code that says so."""
    first = bench.stage(tmp_path)
    first.await_line("recovered")
    second = Runner(Counting(), bench.log, clock_us)
    bench.fill(5)
    wait_until(lambda: not first.running, "the end of the first", step=second.step)
    wait_until(bench.is_done, "all records", step=second.step)
    second.close()

    assert FENCED == first.wait()
    assert "Fenced" == list(first.lines())[-1]["kind"]


def test_refused_setting_ends_the_process(bench: KafkaBench, tmp_path: Path) -> None:
    """What librdkafka refuses is said in the last line."""
    wrong = bench.stage(tmp_path, KAFKA__SECURITY_PROTOCOL="nonsense")

    assert FAILED == wrong.wait(DEADLINE_S)
    assert "nonsense" in str(list(wrong.lines())[-1]["problem"])


def test_doubt_after_every_commit_repeats_nothing(bench: KafkaBench) -> None:
    """With a limit of 0 s each commit is slow: the producer is rebuilt, the state read back."""
    bench.fill(20)
    doubtful = KafkaLog(bench.connection, prefix=bench.prefix, slow_commit_s=0.0)
    task = Counting()
    runner = Runner(task, doubtful, clock_us, limit=7)
    wait_until(bench.is_done, "all records", step=runner.step)
    runner.close()
    doubtful.close()

    assert task.recoveries > 1
    assert 20 == sum(map(len, copied(bench.log).values()))


def test_missing_topics_end_the_process(bench: KafkaBench, tmp_path: Path) -> None:
    """Started before its topics are there, it says which one, and how to make it."""
    early = bench.stage(tmp_path, TRADECANARY_TOPIC_PREFIX="nowhere.")

    assert FAILED == early.wait(DEADLINE_S)
    assert "nowhere.executions (`tradecanary topics create` makes it)" in str(
        list(early.lines())[-1]["problem"]
    )


def test_broker_goes_and_comes_back(own_broker: Broker, topic_prefix: str, tmp_path: Path) -> None:
    """Killed in the middle of traffic and started again: the same process goes on, exactly.

    An idle partition is at its end again afterwards: nothing new has to come first.
    """
    with closing(KafkaBench(own_broker.bootstrap_servers, topic_prefix)) as bench:
        process = bench.stage(tmp_path)
        process.await_line("recovered")
        watching = bench.log.consumer("watching", [EXECUTIONS.name])
        watching.start_reading(dict.fromkeys(joined(watching), 0))
        bench.fill(20)
        wait_until(bench.is_done, "all records")
        wait_until(lambda: len(_ends(watching)) == 3, "the ends of all partitions")
        own_broker.kill()
        wait_until(lambda: not _ends(watching), "doubt about the ends")
        process.await_line("failed")  # back at once is test_restart_at_once: a lone broker's limit
        own_broker.start()
        wait_until(lambda: len(_ends(watching)) == 3, "the ends of idle partitions")
        bench.fill(5, 20)
        wait_until(bench.is_done, "the records after the restart")
        watching.close()

        assert 0 == process.stop()


def _ends(member: GroupConsumer) -> frozenset[TopicPartition]:
    polled = member.poll(100, 0.1)
    if polled.assignment:
        member.start_reading(dict.fromkeys(polled.assignment, 0))
    return polled.ends
