"""`tradecanary backtest` on a recorded world: JSON, report, exit codes, help."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import tradecanary
from tests.simulation.recorded_worlds import DEMANDING, EARLY, world
from tests.simulation.worlds import STRATEGY
from tradecanary.backtesting.result import GRID, Backtest
from tradecanary.cli import app
from tradecanary.processors.stage import TopicPartition
from tradecanary.producers.replay import write_events
from tradecanary.schemas.codec import decode
from tradecanary.schemas.execution import ExecutionEvent
from tradecanary.schemas.topics import EXECUTIONS


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a file with the slow canary's executions."""
    log = world("slow:3").world.log
    path = tmp_path_factory.mktemp("recorded") / "slow.avro"
    write_events(
        path,
        [
            decode(ExecutionEvent, record.value)
            for number in range(2)
            for record in log.read(TopicPartition(EXECUTIONS.name, number))
        ],
    )
    return path


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Give the paths of policy files."""
    folder = tmp_path_factory.mktemp("policies")
    found = {}
    for one in (EARLY, DEMANDING):
        path = folder / f"{one.name}.yaml"
        path.write_text(json.dumps(one.model_dump(mode="json")))
        found[one.name] = str(path)
    return found


def _cli(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["backtest", *map(str, arguments)])


def test_json_says_what_the_library_found(file: Path, policies: dict[str, str]) -> None:
    """One object with the library call's decisions; the topic gives the same at the same times."""
    answer = _cli("--policy", policies["early"], "--file", file, "--json")
    said: dict[str, Any] = json.loads(answer.stdout)
    found: Backtest = tradecanary.backtest([policies["early"]], file=file)
    topic = tradecanary.backtest([EARLY], log=world("slow:3").world.log)

    assert 0 == answer.exit_code
    assert (STRATEGY, 1000) == (said["strategy"], said["recorded"][0]["canary_bp"])
    (policy,) = said["policies"]
    assert ("rolled back", GRID) == (policy["outcome"], policy["how"])
    hashes = [one["hash"] for one in policy["decisions"]]
    assert [one.hash for one in found.policies[0].decided] == hashes
    assert [(one.time_us, one.reason) for one in topic.policies[0].decided] == [
        (one["time_us"], one["reason"]) for one in policy["decisions"]
    ]
    assert policy["decisions"][-1]["kind"] == "ROLL_BACK"


def test_the_report_is_one_file_that_asks_nobody(
    file: Path, policies: dict[str, str], tmp_path: Path
) -> None:
    """Plots are inline, in the page's own colour; nothing in it names another host."""
    report = tmp_path / "report.html"
    answer = _cli("--policy", policies["early"], "--file", file, "--html", report)
    page = report.read_text(encoding="utf-8")

    assert 0 == answer.exit_code, answer.output
    assert "would have rolled back\n" in answer.stdout
    assert page.count("<svg") == 3
    assert "currentColor" in page
    assert "color-scheme: light dark" in page
    for asks in ("<script", "<link", "<img", "@import", "url(http", 'href="http', 'src="'):
        assert asks not in page
    assert EARLY.hash[:8] in page


def test_exit_codes(file: Path, policies: dict[str, str]) -> None:
    """1: the record cannot serve it; 2: wrong usage; 4: no Kafka. Each says what to do."""
    refused = _cli("--policy", policies["demanding"], "--file", file)
    assert (1, True) == (refused.exit_code, "asks for 90 % canary" in refused.output)
    for arguments, said in (
        ((), "name one record"),
        (("--file", file, "--topic", "executions"), "name one record"),
        (("--file", file), "name at least one --policy"),
        (("--topic", "decisions"), "recorded orders lie in 'executions'"),
        (("--file", file, "-p", "moon"), "presets: trading-standard, aggressive, steps"),
        (("--file", file, "-p", "steps", "--from", "monday"), "--from was 'monday'"),
        (("--file", file, "-p", "steps", "--markout-horizon", "3"), "goes with --order-horizon"),
        (("--file", "nowhere.csv", "-p", "steps"), "cannot read nowhere.csv"),
    ):
        answer = _cli(*arguments)
        assert (2, True) == (answer.exit_code, said in answer.output), answer.output
    away = _cli("--topic", "executions", "-b", "127.0.0.1:1")
    assert (4, True) == (away.exit_code, "did not answer" in away.output), away.output


def test_help_teaches() -> None:
    """What it does to orders, what it refuses, what the codes mean, and an example to copy."""
    said = " ".join(_cli("--help").stdout.split())
    for taught in (
        "leaving canary orders out with a known probability",
        "one that wants more is refused",
        "byte for byte",
        "Exit codes: 0 done",
        "tradecanary backtest -p steps -p calm.yaml --file monday.avro",
    ):
        assert taught in said.replace("│ ", ""), taught
