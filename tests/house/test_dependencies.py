"""What is imported is declared, and what is declared is imported."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.house.tracked import ROOT, tracked
from tradecanary.cli.app import COMMANDS, command_of

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


def _spelled(distribution: str) -> str:
    return distribution.lower().replace("_", "-")


def _declared(requirements: list[str]) -> set[str]:
    names = {_spelled(re.split(r"[<>=\[ ]", each)[0]) for each in requirements}
    return names - {"tradecanary"}


CORE = _declared(PROJECT["dependencies"])
DEMO = CORE | _declared(EXTRAS["demo"])
PROCESSORS = DEMO | _declared(EXTRAS["processors"])
BACKTEST = PROCESSORS | _declared(EXTRAS["backtest"])
DASHBOARD = PROCESSORS | _declared(EXTRAS["dashboard"])
DEV = _declared(EXTRAS["dev"])
TOOLS = {"build", "import-linter", "mypy", "pytest-xdist", "ruff", "setuptools"}
STUBS = {"pandas-stubs", "types-pyyaml"}


def _imported(files: list[Path]) -> set[str]:
    """Return the distributions that these files import by name."""
    modules: set[str] = set()
    for file in files:
        for node in ast.walk(ast.parse((ROOT / file).read_text())):
            if isinstance(node, ast.Import):
                modules |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules.add(node.module.partition(".")[0])
    known = packages_distributions()
    theirs = modules - sys.stdlib_module_names - {"benchmarks", "tests", "tradecanary"}
    return {_spelled(known.get(name, [name])[0]) for name in theirs}


def test_a_service_needs_only_the_core() -> None:
    """What a trading service embeds imports the three light packages, and all three."""
    simulation = Path("producers/simulation")
    files = [f for f in tracked("schemas/*.py", "producers/*.py") if simulation not in f.parents]

    assert _imported(files) == CORE


def test_everything_imported_is_declared() -> None:
    """`processors` names what all imports but backtests and the dashboard; nothing is idle."""
    folders = ("schemas", "producers", "processors", "tradecanary")
    files = tracked(*(f"{folder}/*.py" for folder in folders))
    backtests = {file for file in files if Path("tradecanary/backtesting") in file.parents}
    pages = {file for file in files if Path("tradecanary/dashboard") in file.parents}

    assert _imported([file for file in files if file not in backtests | pages]) == PROCESSORS
    assert _imported([file for file in files if file not in pages]) == BACKTEST
    assert _imported([file for file in files if file not in backtests]) == DASHBOARD


def test_what_developers_need_is_declared() -> None:
    """Tests and benchmarks import what `dev` installs; what they do not import is run, or stubs."""
    imported = _imported(tracked("tests/*.py", "benchmarks/*.py"))

    assert set() == imported - BACKTEST - DASHBOARD - DEV
    assert TOOLS | STUBS == DEV - imported


def test_the_demo_needs_no_more_than_it_installs() -> None:
    """The demo and the command line load without what only the other extras have."""
    known = packages_distributions()
    missing = sorted(
        name
        for name, owners in known.items()
        if _spelled(owners[0]) in (BACKTEST | DASHBOARD) - DEMO
    )
    script = (
        f"import sys; sys.modules.update(dict.fromkeys({missing}))\n"
        "import tradecanary.cli, tradecanary.demo\n"
        "tradecanary.cli.app(['demo', '--help'])\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )

    assert {"nicegui", "numba", "pandas", "prometheus_client"} <= set(missing)
    assert 0 == answer.returncode, answer.stderr


@pytest.mark.parametrize("verb", ["abort", "halt", "kill", "freeze"])
def test_what_must_be_quick_imports_no_judge(verb: str) -> None:
    """An operator waits for the program to start: no numpy, no judge, no decider."""
    code = (
        f"import sys; from tradecanary.cli.app import command_of; command_of({verb!r}); "
        "print([name for name in sys.modules if name == 'numpy' or '.processors.decision' in name])"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout

    assert "[]\n" == said


def test_every_command_of_the_table_is_there() -> None:
    """Each is imported when it is called, so a wrong name would be met by a user."""
    for name in COMMANDS:
        assert name == command_of(name).name
