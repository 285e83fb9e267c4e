"""What commands say where Kafka is away, and where its client refuses a setting: one sentence."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from typer.testing import CliRunner, Result

from tradecanary.cli import app
from tradecanary.cli.output import Exit
from tradecanary.producers.kafka_reading import recorded_events

_AWAY = "127.0.0.1:1"
_WRONG = {
    "KAFKA__SASL_PASSWRD": "x",
    "KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTXT",
    "KAFKA__STATISTICS_INTERVAL_MS": "often",
}
_HEARD_S = 60


def _run(variables: dict[str, str], *words: str) -> Result:
    return CliRunner().invoke(app, words, env={"KAFKA_BOOTSTRAP_SERVERS": _AWAY, **variables})


@pytest.mark.parametrize("variable", _WRONG)
def test_a_setting_that_the_client_refuses_is_wrong_usage(variable: str) -> None:
    """Exit code USAGE, the client's own words, and where the setting comes from; no traceback."""
    answer = _run({variable: _WRONG[variable]}, "list")

    assert (Exit.USAGE, "") == (answer.exit_code, answer.stdout)
    assert "Kafka's client refuses its settings: " in answer.stderr
    name = variable.removeprefix("KAFKA__").lower().replace("_", ".")
    assert f'"{name}"' in answer.stderr
    assert "KAFKA__" in answer.stderr


def test_settings_that_do_not_fit_together_are_wrong_usage() -> None:
    """A login without its mechanism, one that there is not, certificates that are not there."""
    wholes = [
        {"KAFKA__SECURITY_PROTOCOL": "SASL_SSL"},
        {"KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA__SASL_MECHANISM": "foo"},
        {"KAFKA__SECURITY_PROTOCOL": "SSL", "KAFKA__SSL_CA_LOCATION": "/nosuch"},
    ]
    for whole in wholes:
        answer = _run(whole, "topics", "check")
        assert (Exit.USAGE, True) == (answer.exit_code, "refuses its settings" in answer.stderr)


@pytest.mark.parametrize(
    "words",
    [
        ("plan", "aggressive", "--strategy", "momentum"),
        ("topics", "create"),
        ("topics", "acls", "--apply"),
        ("replay",),
        ("kill", "momentum", "--reason", "drill", "--yes"),
        ("run", "aggregation"),
        ("run", "decision"),
        ("run", "router-sim", "--seconds", "1"),
        ("dashboard", "--port", "0"),
    ],
    ids=" ".join,
)
def test_every_command_says_so(words: Sequence[str]) -> None:
    """Stages and the dashboard before they begin: none says that it serves, and breaks then."""
    answer = _run({"KAFKA__SASL_PASSWRD": "x"}, *words)

    assert (Exit.USAGE, "") == (answer.exit_code, answer.stdout)
    assert 'No such configuration property: "sasl.passwrd"' in answer.stderr


def test_every_command_says_that_kafka_is_away(tmp_path: Path) -> None:
    """Exit code UNREACHABLE, one sentence, and nothing of the client's own log.

    Those that write topics, rights or records among them: none says that it did what it could not.
    """
    policy = tmp_path / "policy.yaml"
    policy.write_text("{name: p, ramp: aggressive}")
    commands = [
        ("topics", "create"),
        ("topics", "check", "--json"),
        ("topics", "acls", "--apply"),
        ("replay", "--speed", "0"),
        ("backtest", "--topic", "executions", "--policy", str(policy)),
    ]
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(_process, commands))

    for answer in answers:
        assert (Exit.UNREACHABLE, "") == (answer.returncode, answer.stdout), answer.stderr
        *waits, sentence = answer.stderr.strip().splitlines()
        assert sentence.startswith(f"Kafka at {_AWAY} did not answer"), answer.stderr
        assert waits in ([], [f"waiting for Kafka at {_AWAY} ..."])


def test_a_recording_that_cannot_be_read_is_not_empty() -> None:
    """Whoever reads the topic hears that the broker is away, and no end of it."""
    with pytest.raises(KafkaException):
        list(recorded_events({"bootstrap.servers": _AWAY, "log_level": 0}, answer_s=0.1))


def _process(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from tradecanary.cli import app; app()", *words, "-b", _AWAY],
        capture_output=True,
        text=True,
        timeout=_HEARD_S,
        check=False,
    )
