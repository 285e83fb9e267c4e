"""What the command line answers on a real Kafka: exit codes, sentences, JSON."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kafka.pipeline import TRADECANARY, Pipeline
from tests.kafka.process import ROOT

OK, REFUSED, USAGE, UNREACHABLE = 0, 1, 2, 4


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
    assert OK == pipeline.cli("topics", "check").returncode
    pipeline.environment["TRADECANARY_EXECUTIONS_PARTITIONS"] = "7"
    try:
        changed = pipeline.cli("topics", "create")
    finally:
        pipeline.environment["TRADECANARY_EXECUTIONS_PARTITIONS"] = "1"

    assert REFUSED == changed.returncode
    assert "partitions were 1, the settings say 7" in changed.stderr


def test_a_command_without_a_canary_is_refused_in_words(pipeline: Pipeline) -> None:
    """halt, promote and abort say that there is no canary to act on, and exit 1."""
    for verb in ("halt", "promote", "abort"):
        sure = () if verb == "halt" else ("--yes",)
        answer = pipeline.cli(verb, "momentum", "--reason", "a test", "--timeout", "30", *sure)

        assert REFUSED == answer.returncode, answer.stderr
        assert "refused: there is no canary to act on" in answer.stdout


def test_a_bad_spec_is_refused_by_field(pipeline: Pipeline, tmp_path: Path) -> None:
    """`start` names the field, its value and what is allowed, and nothing is sent."""
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        "{rollout: r, strategy: momentum, stable: a, canary: b, policy: {name: p, ramp: moon}}"
    )
    answer = pipeline.cli("start", str(spec))

    assert REFUSED == answer.returncode
    assert "policy.ramp" in answer.stderr
    assert "trading-standard, aggressive, steps" in answer.stderr


def test_start_and_status_as_json(pipeline: Pipeline, tmp_path: Path) -> None:
    """A rollout without routers stays PENDING and says why; status has every field."""
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        "{rollout: r1, strategy: waiting, stable: a, canary: b, policy: trading-standard}"
    )
    started = pipeline.cli("start", str(spec), "--no-limits", "--json", "--timeout", "30")
    shown = pipeline.cli("status", "waiting", "--json")
    history = pipeline.cli("history", "waiting", "--json")

    assert (OK, "PENDING") == (started.returncode, json.loads(started.stdout)["status"])
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


def test_wrong_settings_and_unreachable_brokers_are_said_at_once() -> None:
    """An unknown setting exits 2 and lists the known ones; no broker exits 4 in one sentence."""
    wrong = _cli({"TRADECANARY_FOO": "1"}, "status")
    away = _cli({"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}, "status")

    assert (USAGE, True) == (wrong.returncode, "TRADECANARY_SLOT" in wrong.stderr)
    assert UNREACHABLE == away.returncode
    assert away.stderr.startswith("Kafka at 127.0.0.1:1 did not answer")


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
