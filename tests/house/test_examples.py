"""The examples in docstrings say what comes back."""

import doctest
from importlib import import_module

import pytest

from tests.house.tracked import ROOT, tracked

FOLDERS = ("producers", "processors", "schemas", "tradecanary")
PROMPT = ">>> "


def _modules() -> list[str]:
    """Return the modules of the package that show an example."""
    files = [file for file in tracked(*FOLDERS) if file.suffix == ".py"]
    parts = [file.with_suffix("").parts for file in files if PROMPT in (ROOT / file).read_text()]
    return [
        ".".join(("tradecanary", *(p for p in part if p not in {"__init__", "tradecanary"})))
        for part in parts
    ]


@pytest.mark.parametrize("name", _modules())
def test_the_examples_hold(name: str) -> None:
    """Every example of the module, of which there is one at least, gives what stands below it."""
    module = import_module(name)

    assert any(test.examples for test in doctest.DocTestFinder().find(module))
    assert not doctest.testmod(module).failed, "the output above says which"
