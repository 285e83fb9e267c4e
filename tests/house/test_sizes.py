"""A file is one idea, a function fits on a screen."""

import ast

from tests.house.tracked import ROOT, tracked

FILE_LINES = 300
FUNCTION_LINES = 60

# What may be longer, how long, and why. Raise a number in the commit that needs it.
LONGER_FILES: dict[str, tuple[int, str]] = {}
LONGER_FUNCTIONS: dict[str, tuple[int, str]] = {
    "tradecanary/cli/run.py:router_sim": (70, "an option a line: a table, not a procedure"),
}


def _file_lines() -> dict[str, int]:
    return {str(file): len((ROOT / file).read_text().splitlines()) for file in tracked("*.py")}


def _function_lines() -> dict[str, int]:
    found = {}
    for file in tracked("*.py"):
        for node in ast.walk(ast.parse((ROOT / file).read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                found[f"{file}:{node.name}"] = node.end_lineno - node.lineno + 1
    return found


def _too_long(
    found: dict[str, int], limit: int, longer: dict[str, tuple[int, str]]
) -> dict[str, int]:
    return {name: n for name, n in found.items() if n > longer.get(name, (limit, ""))[0]}


def test_files_are_short() -> None:
    """No file is longer than 300 lines, or than the table says."""
    assert {} == _too_long(_file_lines(), FILE_LINES, LONGER_FILES)


def test_functions_are_short() -> None:
    """No function is longer than 60 lines, or than the table says."""
    assert {} == _too_long(_function_lines(), FUNCTION_LINES, LONGER_FUNCTIONS)


def test_exceptions_are_needed() -> None:
    """Who is in a table is longer than the limit, and there is a reason."""
    idle = [name for name in LONGER_FILES if _file_lines().get(name, 0) <= FILE_LINES]
    idle += [name for name in LONGER_FUNCTIONS if _function_lines().get(name, 0) <= FUNCTION_LINES]

    assert [] == idle
    assert all(reason for _, reason in [*LONGER_FILES.values(), *LONGER_FUNCTIONS.values()])
