"""Every command line in the docs is one that the program understands, and SPECs can be used."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.house.tracked import ROOT
from tests.understood import understood
from tradecanary.processors.decision.model import PartitionState, Rollout, StrategyState
from tradecanary.processors.decision.planning.plan import plan
from tradecanary.processors.decision.planning.typical import ORDERS_PER_S, typical
from tradecanary.processors.decision.spec import read_spec
from tradecanary.rollout_view import strategy_view
from tradecanary.schemas.units import MICROS

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


(_SPEC,) = _blocks(Path("docs/rollouts.md"), "yaml")


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
        understood(words)
    expected = ["status", "policy", "start", "history", "explain", "abort"]
    assert expected == [words[0] for words in commands]
    (start,) = (words for words in commands if words[0] == "start")
    assert {"--wait", "--wait-timeout"} <= set(start)
    (job,) = _workflow()["jobs"].values()
    patience_s = float(start[start.index("--wait-timeout") + 1])
    assert patience_s < job["timeout-minutes"] * 60, "else the runner ends it without a code"


def test_what_people_type_never_becomes_a_command() -> None:
    """No expression of the workflow stands in a script: values come by the environment."""
    assert not [step["run"] for step in _steps() if _EXPRESSION.search(step.get("run", ""))]


def test_the_workflow_reads_what_status_prints() -> None:
    """The job asks `status --json` for fields that are there: id and stable, or the baseline."""
    (script,) = (step["run"] for step in _steps() if "STABLE=" in step.get("run", ""))
    spec = read_spec(_SPEC, "docs/rollouts.md")
    strategy = StrategyState(spec.strategy, rollout=Rollout(spec, starter="ana", created_at_us=0))
    view = strategy_view(PartitionState(0), strategy, 0)
    paths = re.findall(r" \.([a-z]+(?:\.[a-z]+)*)", script)

    assert {"rollout.id", "rollout.stable", "baseline"} == set(paths)
    for path in paths:
        found: Any = view
        for name in path.split("."):
            found = found[name]
    assert spec.stable == view["rollout"]["stable"]


@pytest.mark.parametrize("file", _DOCS, ids=str)
def test_every_documented_command_isunderstood(file: Path) -> None:
    """Commands, arguments and options exist, and required ones are there."""
    for language in ("", "sh", "bash"):
        for block in _blocks(file, language):
            for words in _commands(block):
                understood(words)


@pytest.mark.parametrize("file", _DOCS, ids=str)
def test_documented_python_imports_what_is_there(file: Path) -> None:
    """Every block is Python, and the names of ours that it imports exist."""
    for block in _blocks(file, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tradecanary"):
                module = importlib.import_module(node.module or "")
                assert not [one.name for one in node.names if not hasattr(module, one.name)]


def test_a_wrong_command_would_be_found() -> None:
    """The check is one: an option that does not exist, a missing argument, a lost command."""
    for wrong in ("start x.yaml --waits", "wait", "status --for ever", "policy polish x"):
        with pytest.raises(Exception, match=r"No such|Missing|unexpected"):
            understood(wrong.split())


def test_the_documented_spec_can_be_used() -> None:
    """The SPEC of docs/rollouts.md is valid as it stands, limits and all."""
    spec = read_spec(_SPEC, "docs/rollouts.md")

    assert spec.limits is not None
    assert (25_000, 250_000) == (spec.guards.loss_budget, spec.guards.max_orders)


def test_the_documented_spec_can_be_promoted() -> None:
    """Its limits leave room for the orders that its policy needs, those of the watch included."""
    spec = read_spec(_SPEC, "docs/rollouts.md")
    flow = typical()
    planned = plan(spec.policy, flow, ORDERS_PER_S).promotion.canary_orders
    assert planned is not None
    orders = planned + spec.policy.watch_s * ORDERS_PER_S
    value = flow.measure("notional_micros").total / flow.orders / MICROS
    said = (ROOT / "docs" / "rollouts.md").read_text(encoding="utf-8")

    assert f"{planned:,.0f} + {spec.policy.watch_s:g} x {ORDERS_PER_S:g} = {orders:,.0f}" in said
    assert 1.25 * orders < (spec.guards.max_orders or 0)
    assert 1.25 * orders * value < (spec.guards.max_notional or 0)
