"""Files that commands cannot use: one sentence with the file's name, and no traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.simulation.command_line import spec_file, tradecanary, trading
from tradecanary.cli import app
from tradecanary.cli.output import Exit

_BYTES = b"\x7fELF\xd0\x00\xff\n" * 20


@pytest.fixture
def binary(tmp_path: Path) -> str:
    """Give the path of a file that is not text."""
    path = tmp_path / "policy.yaml"
    path.write_bytes(_BYTES)
    return str(path)


@pytest.mark.parametrize(
    "words",
    [("policy", "lint"), ("policy", "show"), ("plan",), ("backtest", "--file", "x.avro", "-p")],
    ids=" ".join,
)
def test_a_policy_that_is_not_text_is_wrong_usage(words: tuple[str, ...], binary: str) -> None:
    """Wherever a policy is named."""
    answer = CliRunner().invoke(app, [*words, binary], catch_exceptions=False)

    assert (Exit.USAGE, True) == (answer.exit_code, answer.stderr.startswith("policy"))
    assert "Traceback" not in answer.output


def test_a_spec_that_names_one_is_wrong_usage(tmp_path: Path, binary: str) -> None:
    """`start` reads the policy with the SPEC; nothing is sent."""
    world = trading()
    answer = tradecanary(world, "start", spec_file(tmp_path, policy=binary))

    assert (Exit.USAGE, True) == (answer.exit_code, "it is not text" in answer.stderr)
    assert not list(world.operator.decisions("momentum"))


@pytest.mark.parametrize("kind", ["csv", "avro", "parquet"])
def test_recorded_orders_that_are_none_are_refused(tmp_path: Path, kind: str) -> None:
    """Whatever the name says that the file holds."""
    path = tmp_path / f"orders.{kind}"
    path.write_bytes(_BYTES)
    answer = CliRunner().invoke(app, ["plan", "steps", "--file", str(path)], catch_exceptions=False)

    assert (Exit.REFUSED, True) == (answer.exit_code, str(path) in answer.stderr)


def test_a_recording_that_is_none_is_not_replayed(binary: str) -> None:
    """It is said before anything is asked of Kafka."""
    answer = CliRunner().invoke(app, ["replay", "--file", binary], catch_exceptions=False)

    assert (Exit.USAGE, True) == (answer.exit_code, "cannot replay" in answer.stderr)


def test_a_spec_that_cannot_be_written_is_wrong_usage(tmp_path: Path) -> None:
    """The simulated service says so before it trades."""
    path = tmp_path / "nowhere" / "x.yaml"
    words = ["run", "router-sim", "--write-spec", str(path)]
    answer = CliRunner().invoke(app, words, catch_exceptions=False)

    assert (Exit.USAGE, True) == (answer.exit_code, f"to {path}: No such file" in answer.stderr)


def test_settings_and_tokens_that_are_not_text_are_wrong_usage(binary: str) -> None:
    """A file of settings, and one with the dashboard's token."""
    settings = CliRunner().invoke(app, ["list"], env={"TRADECANARY_SETTINGS": binary})
    words = ["dashboard", "--port", "0", "--token-file", binary]
    token = CliRunner().invoke(app, words, catch_exceptions=False)

    for answer in (settings, token):
        assert (Exit.USAGE, True) == (answer.exit_code, "it is not text" in answer.stderr)
