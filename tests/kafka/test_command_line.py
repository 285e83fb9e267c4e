"""What the command line answers on a real Kafka: exit codes, sentences, JSON."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.kafka.pipeline import TRADECANARY, Pipeline
from tests.kafka.process import ROOT
from tradecanary.cli.connection import recent_strategies
from tradecanary.cli.output import Exit


@pytest.fixture(scope="module")
def pipeline(
    bootstrap_servers: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pipeline]:
    """Give a pipeline with a decider, and nothing else."""
    prefix = f"command-line.{os.getpid()}."
    made = Pipeline(
        bootstrap_servers, prefix, tmp_path_factory.mktemp("cli"), executions=1, control=1
    )
    made.stage("decision")
    yield made
    made.close()


def test_topics_are_checked_and_a_changed_count_is_refused(pipeline: Pipeline) -> None:
    """`topics check` is content with what `create` made, and names a count that differs."""
    assert Exit.OK == pipeline.cli("topics", "check").returncode
    pipeline.environment["TRADECANARY_EXECUTIONS_PARTITIONS"] = "7"
    try:
        changed = pipeline.cli("topics", "create")
    finally:
        pipeline.environment["TRADECANARY_EXECUTIONS_PARTITIONS"] = "1"

    assert Exit.REFUSED == changed.returncode
    assert "partitions were 1, the settings say 7" in changed.stderr


def test_a_command_without_a_canary_is_refused_in_words(pipeline: Pipeline) -> None:
    """halt, promote and abort say that there is no canary to act on, and exit 1."""
    told = ("momentum", "--reason", "a test", "--timeout", "30")
    answers = pipeline.together(
        ["halt", *told], ["promote", *told, "--yes"], ["abort", *told, "--yes"]
    )

    for answer in answers:
        assert Exit.REFUSED == answer.returncode, answer.stderr
        assert "refused: there is no canary to act on" in answer.stdout


def test_a_bad_spec_is_refused_by_field(pipeline: Pipeline, tmp_path: Path) -> None:
    """`start` names the field, its value and what is allowed, and nothing is sent."""
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        "{rollout: r, strategy: momentum, stable: a, canary: b, policy: {name: p, ramp: moon}}"
    )
    answer = pipeline.cli("start", str(spec))

    assert Exit.REFUSED == answer.returncode
    assert "policy.ramp" in answer.stderr
    assert "trading-standard, aggressive, steps" in answer.stderr


def test_start_and_status_as_json(pipeline: Pipeline, tmp_path: Path) -> None:
    """A rollout without routers stays PENDING and says why; status has every field."""
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        "{rollout: r1, strategy: waiting, stable: a, canary: b, policy: trading-standard}"
    )
    started = pipeline.cli("start", str(spec), "--no-limits", "--json", "--timeout", "30")
    shown, history = pipeline.together(
        ["status", "waiting", "--json"], ["history", "waiting", "--json"]
    )

    assert (Exit.OK, "PENDING") == (started.returncode, json.loads(started.stdout)["status"])
    rollout = json.loads(shown.stdout)["rollout"]
    assert "PENDING" == rollout["status"]
    assert rollout["hold"]
    assert {"number", "of", "name", "orders", "orders_required", "elapsed_s", "remaining_s"} <= set(
        rollout["phase"]
    )
    assert ["orders", "fill rate", "latency", "slippage", "P&L", "P&L per order"] == [
        row["name"] for row in rollout["measures"]
    ]
    assert {"kind", "verdict", "reason", "promotable", "streams"} == set(rollout["judge"])
    assert "r1" == json.loads(history.stdout.splitlines()[0])["rollout"]


def test_a_rollout_is_listed_watched_and_waited_for(pipeline: Pipeline, tmp_path: Path) -> None:
    """`list`, `watch --once` and `wait` on one that is PENDING; START again changes nothing."""
    spec = tmp_path / "spec.yaml"
    spec.write_text("{rollout: w1, strategy: watched, stable: a, canary: b, policy: steps}")
    refused = pipeline.cli("start", str(spec))
    started = pipeline.cli("start", str(spec), "--no-limits", "--timeout", "30")
    again = pipeline.cli("start", str(spec), "--no-limits", "--timeout", "30")
    listed, watched, shown, waited = pipeline.together(
        ["list", "--json"],
        ["watch", "watched", "--once", "--json"],
        ["watch", "--once"],
        ["wait", "watched", "--until", "promoted", "--timeout", "1"],
    )

    assert (Exit.REFUSED, True) == (refused.returncode, "limits: is missing" in refused.stderr)
    assert Exit.OK == started.returncode == again.returncode, started.stderr
    assert "its limits were waived" in started.stdout
    assert "w1 was started before and is PENDING" in again.stdout
    lines = {line["strategy"]: line for line in map(json.loads, listed.stdout.splitlines())}
    assert ("w1", "PENDING") == (lines["watched"]["rollout"], lines["watched"]["status"])
    view = json.loads(watched.stdout)
    assert "PENDING" == view["rollout"]["status"]
    assert {"budget", "rows", "e_limit"} <= set(view["rollout"])
    assert "◌ PENDING" in shown.stdout
    assert (Exit.TIMED_OUT, True) == (waited.returncode, "w1 is PENDING after 1 s" in waited.stderr)


def test_all_are_frozen_and_thawed(pipeline: Pipeline) -> None:
    """Every strategy that the decider knows answers, one line each."""
    by_name = pipeline.cli("freeze", "cold", "--reason", "a test", "--timeout", "30")
    every = pipeline.cli("freeze", "--all", "--reason", "a test", "--timeout", "30")
    over = pipeline.cli("unfreeze", "--all", "--reason", "a test", "--yes", "--timeout", "30")

    assert Exit.OK == by_name.returncode == every.returncode == over.returncode, every.stderr
    assert any(line.startswith("cold: ") for line in every.stdout.splitlines())
    assert every.stdout.count("freeze by ") == over.stdout.count("unfreeze by ")


def test_names_are_completed(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """Strategies with decisions are known to the shell."""
    pipeline.cli("freeze", "complete-me", "--reason", "a test", "--timeout", "30")
    for name, value in pipeline.environment.items():
        monkeypatch.setenv(name, value)

    assert "complete-me" in recent_strategies(500, 30.0)


def test_wrong_settings_and_unreachable_brokers_are_said_at_once() -> None:
    """An unknown setting exits 2 and lists the known ones; no broker exits 4 and says so."""
    settings = [{"TRADECANARY_FOO": "1"}, {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}]
    with ThreadPoolExecutor() as pool:
        wrong, away = pool.map(lambda variables: _cli(variables, "status"), settings)

    assert (Exit.USAGE, True) == (wrong.returncode, "TRADECANARY_SLOT" in wrong.stderr)
    assert Exit.UNREACHABLE == away.returncode
    *waits, answer = away.stderr.splitlines()
    assert answer.startswith("Kafka at 127.0.0.1:1 did not answer")
    assert waits in ([], ["waiting for Kafka at 127.0.0.1:1 ..."])


def test_what_the_broker_cannot_give_is_no_outage(pipeline: Pipeline) -> None:
    """Access without an authorizer is refused; a topic that is not there is no empty recording."""
    elsewhere = {"TRADECANARY_TOPIC_PREFIX": f"nowhere.{os.getpid()}."}
    access = pipeline.cli("topics", "acls", "--apply")
    nothing = pipeline.cli("replay", "--speed", "0")
    no_topic = pipeline.cli("replay", "--speed", "0", environment=elsewhere)
    nobody = pipeline.cli("list", environment=elsewhere)

    assert Exit.REFUSED == access.returncode, access.stderr
    assert "refused: giving User:" in access.stderr
    assert "a broker with an authorizer" in access.stderr
    assert (Exit.OK, True) == (nothing.returncode, "0 of 0 events" in nothing.stdout)
    for answer in (no_topic, nobody):
        assert Exit.UNREACHABLE == answer.returncode
        assert "lacks a topic: " in answer.stderr
        assert "`tradecanary topics create` makes it" in answer.stderr
    assert f"topic {elsewhere['TRADECANARY_TOPIC_PREFIX']}executions" in no_topic.stderr


def test_a_name_that_nobody_knows_is_said(pipeline: Pipeline) -> None:
    """Beside the decider's answer, read from its state on Kafka."""
    answer = pipeline.cli("halt", "nosuch", "--reason", "a test", "--timeout", "30")

    assert Exit.REFUSED == answer.returncode
    assert "nobody has heard of strategy 'nosuch'" in answer.stderr


def _cli(variables: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TRADECANARY, *arguments],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
