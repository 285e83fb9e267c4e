"""The tools agree with the code: each is one test, so that CI has no second list of commands."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tracked import ROOT

COMMANDS = {
    "ruff check": ["ruff", "check", "--quiet"],
    "ruff format": ["ruff", "format", "--check", "--quiet"],
    "mypy": ["mypy"],
    "import contracts": ["lint-imports", "--no-cache"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_tool_finds_nothing(name: str) -> None:
    """The tool, run as a developer runs it, has nothing to say."""
    tool, *arguments = COMMANDS[name]
    command = [str(Path(sys.executable).with_name(tool)), *arguments]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if answer.returncode:
        pytest.fail(f"{name}:\n{answer.stdout}{answer.stderr}", pytrace=False)
