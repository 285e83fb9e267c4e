"""Every command line in the docs is one that the program understands, and SPECs can be used."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from tests.house.tracked import ROOT
from tradecanary.cli import app
from tradecanary.processors.decision.spec import read_spec

_DOCS = (Path("README.md"), *sorted(p.relative_to(ROOT) for p in (ROOT / "docs").glob("*.md")))
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_STARTS = re.compile(r"^\$? ?(tradecanary .*)$")
_EXPRESSION = re.compile(r"\$\{\{.*?\}\}")
_SEPARATORS = frozenset({"&", "|", "||", "&&", ";", ">"})


def _blocks(file: Path, language: str) -> list[str]:
    text = (ROOT / file).read_text(encoding="utf-8")
    return [body for found, body in _FENCE.findall(text) if found == language]


def _commands(script: str) -> Iterator[list[str]]:
    """Yield the words of every line that calls the program, without what the shell does around."""
    for line in script.replace("\\\n", " ").splitlines():
        found = _STARTS.match(line.strip())
        if found is None:
            continue
        words = shlex.split(_EXPRESSION.sub("expression", found.group(1)), comments=True)[1:]
        end = next((n for n, word in enumerate(words) if word in _SEPARATORS), len(words))
        yield words[:end]


def _understood(words: list[str]) -> None:
    """Parse as the program does, and run nothing; raises what it would say about wrong usage."""
    command: Any = get_command(app)  # typer's own classes, which it does not publish
    context = command.make_context("tradecanary", list(words))
    while hasattr(command, "resolve_command"):
        _, command, rest = command.resolve_command(
            context, [*context._protected_args, *context.args]
        )
        context = command.make_context(command.name, rest, parent=context)


def _workflow() -> dict[str, Any]:
    (text,) = _blocks(Path("docs/ci-cd.md"), "yaml")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def _steps() -> list[dict[str, Any]]:
    (job,) = _workflow()["jobs"].values()
    steps: list[dict[str, Any]] = job["steps"]
    return steps


def test_the_workflow_starts_waits_and_tells() -> None:
    """The job's commands are understood; the one that fails the job is `start --wait`."""
    commands = [words for step in _steps() for words in _commands(step.get("run", ""))]

    for words in commands:
        _understood(words)
    assert ["policy", "start", "history", "explain", "abort"] == [words[0] for words in commands]
    (start,) = (words for words in commands if words[0] == "start")
    assert {"--wait", "--wait-timeout"} <= set(start)
    (job,) = _workflow()["jobs"].values()
    patience_s = float(start[start.index("--wait-timeout") + 1])
    assert patience_s < job["timeout-minutes"] * 60, "else the runner ends it without a code"


def test_what_people_type_never_becomes_a_command() -> None:
    """No expression of the workflow stands in a script: values come by the environment."""
    assert not [step["run"] for step in _steps() if _EXPRESSION.search(step.get("run", ""))]


@pytest.mark.parametrize("file", _DOCS, ids=str)
def test_every_documented_command_is_understood(file: Path) -> None:
    """Commands, arguments and options exist, and required ones are there."""
    for language in ("", "sh", "bash"):
        for block in _blocks(file, language):
            for words in _commands(block):
                _understood(words)


def test_a_wrong_command_would_be_found() -> None:
    """The check is one: an option that does not exist, a missing argument, a lost command."""
    for wrong in ("start x.yaml --waits", "wait", "status --for ever", "policy polish x"):
        with pytest.raises(Exception, match=r"No such|Missing|unexpected"):
            _understood(wrong.split())


def test_the_documented_spec_can_be_used() -> None:
    """The SPEC of docs/rollouts.md is valid as it stands, limits and all."""
    (text,) = _blocks(Path("docs/rollouts.md"), "yaml")
    spec = read_spec(text, "docs/rollouts.md")

    assert spec.limits is not None
    assert (25_000, 20_000) == (spec.guards.loss_budget, spec.guards.max_orders)
