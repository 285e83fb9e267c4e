"""`verify` and `report` on a real Kafka: the day is clean, what is planted is found, exit codes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.executions import event
from tests.kafka.checks import of
from tests.kafka.day import STRATEGIES, Day
from tests.kafka.pipeline import Pipeline
from tests.kafka.scenarios import SECOND
from tradecanary.cli.output import Exit
from tradecanary.schemas.codec import decode, encode
from tradecanary.schemas.decisions import Decision, DecisionKind
from tradecanary.schemas.topics import COMMANDS, DECISION_INPUTS, DECISIONS, EXECUTIONS, METRICS


def test_a_whole_day_is_clean(day: Day) -> None:
    """Two lives of aggregator and decider, crashes, a fault of each kind: all is as recorded."""
    assert day.pipeline is not None
    answer = day.pipeline.cli("verify", "--json", timeout_s=120.0)
    *findings, line = map(json.loads, answer.stdout.splitlines())
    said = line["summary"]

    assert not findings, "\n".join(map(str, findings[:3]))
    assert Exit.OK == answer.returncode, answer.stderr
    assert (True, {}, []) == (said["clean"], said["findings"], said["notes"])
    count = len(of(day.records, DECISIONS.name))
    assert (len(STRATEGIES), count, count) == (
        said["strategies"],
        said["decisions"],
        said["recomputed"],
    )
    events = len(of(day.records, EXECUTIONS.name))
    assert events == said["orders"]["orders"] + said["orders"]["markouts"]
    assert said["orders"]["no_coin"] > 0


def test_the_day_in_a_report(day: Day, tmp_path: Path) -> None:
    """Every rollout of the day is there, with every decision."""
    assert day.pipeline is not None
    folder = tmp_path / "day"
    span = ("--from", "2020-01-01", "--to", "2100-01-01")
    answer = day.pipeline.cli("report", *span, "--out", str(folder), "--json")
    said = json.loads(answer.stdout)

    assert Exit.OK == answer.returncode, answer.stderr
    assert len(of(day.records, DECISIONS.name)) == said["lines"]["decisions.jsonl"]
    rollouts = [json.loads(line) for line in (folder / "rollouts.jsonl").read_text().splitlines()]
    assert set(STRATEGIES) == {one["strategy"] for one in rollouts}
    assert SECOND in (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tampered(
    day: Day, bootstrap_servers: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Pipeline, int]]:
    """Give the day's decisions and inputs on other topics, one START changed, and where it lies."""
    prefix = f"tampered.{os.getpid()}."
    folder = tmp_path_factory.mktemp("tampered")
    made = Pipeline(bootstrap_servers, prefix, folder, executions=1, control=1)
    place = -1
    for topic in (DECISION_INPUTS, METRICS, COMMANDS, DECISIONS):
        for record in of(day.records, topic.name):
            value = record.value
            if topic is DECISIONS:
                decision = decode(Decision, value)
                if (decision.strategy, decision.kind) == (SECOND, DecisionKind.START):
                    value = encode(replace(decision, actor="nobody"))
            offset = made.append(topic.name, record.key, value, 0)
            place = place if value is record.value else offset
    yield made, place
    made.close()


def test_what_was_planted_is_found(tampered: tuple[Pipeline, int]) -> None:
    """Exit code 1; each finding names topic, partition and offset, for people and for scripts."""
    pipeline, place = tampered
    order = pipeline.append(
        EXECUTIONS.name,
        b"o-1",
        encode(event(strategy=SECOND, unit="o-1", order_id="o-1", routing_revision=77)),
    )
    answer, shown = pipeline.together(["verify", "--json"], ["verify", SECOND])
    lines = [json.loads(line) for line in answer.stdout.splitlines()]
    found = [
        (one["what"], one["topic"], one["partition"], one["offset"])
        for one in (line["finding"] for line in lines[:-1])
    ]

    assert Exit.REFUSED == answer.returncode == shown.returncode
    assert [
        ("CHANGED", DECISIONS.name, 0, place),
        ("UNSUPPORTED", DECISIONS.name, 0, place),
        ("UNKNOWN_REVISION", EXECUTIONS.name, 0, order),
    ] == found
    assert {"CHANGED": 1, "UNKNOWN_REVISION": 1, "UNSUPPORTED": 1} == lines[-1]["summary"][
        "findings"
    ]
    assert f"CHANGED  decisions partition 0 offset {place} ({SECOND})" in shown.stdout
    assert "FINDINGS 3 in" in shown.stdout


def test_a_report_of_a_broken_chain_says_so(tampered: tuple[Pipeline, int], tmp_path: Path) -> None:
    """It is written all the same, and exits 1; wrong times exit 2."""
    pipeline, _ = tampered
    span = ("--from", "2020-01-01", "--to", "2100-01-01")
    answer, wrong = pipeline.together(
        ["report", *span, "--out", str(tmp_path)],
        ["report", "--from", "monday", "--to", "2027", "--out", str(tmp_path)],
    )

    assert Exit.REFUSED == answer.returncode
    assert "the hash chain has 1 findings" in answer.stderr
    assert (tmp_path / "report.html").exists()
    assert (Exit.USAGE, True) == (wrong.returncode, "--from was 'monday'" in wrong.stderr)


def test_nothing_to_verify_and_nobody_there(tampered: tuple[Pipeline, int]) -> None:
    """A strategy that nobody knows exits 1 and says so, no broker exits 4."""
    pipeline, _ = tampered
    unknown, away = pipeline.together(
        ["verify", "moon", "--no-executions"], ["verify", "-b", "127.0.0.1:1"]
    )

    assert (Exit.REFUSED, True) == (unknown.returncode, "'moon'" in unknown.stderr)
    assert (Exit.UNREACHABLE, True) == (away.returncode, "did not answer" in away.stderr)
