"""docs/statistics.md says what the code does: streams and weights, sections, defaults, the plan."""

import re

from typer.testing import CliRunner

from tests.house.tracked import ROOT, tracked
from tradecanary.cli import app
from tradecanary.processors.decision.judge_settings import Margins, Sequential
from tradecanary.processors.decision.judges.sequential.streams import STREAMS

DOC = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
_MOST_BYTES = 100_000


def _rows() -> list[list[str]]:
    lines = [line for line in DOC.splitlines() if re.match(r"\| `\w+` \| 0\.", line)]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


def test_the_table_of_streams_is_the_code() -> None:
    """Name, weight, unit, direction and kind of guarantee, in the order of STREAMS."""
    expected = [
        [
            stream.name,
            f"{stream.weight:.2f}",
            stream.unit,
            "more" if stream.bad_sign * stream.shown_sign > 0 else "less",
            "exact" if stream.rows else "asymptotic",
        ]
        for stream in STREAMS
    ]

    assert expected == _rows()


def test_every_section_that_the_code_cites_is_there() -> None:
    """`statistics.md 2.4` in a docstring leads to a heading."""
    headings = set(re.findall(r"^#+ (\d(?:\.\d)?)\.? ", DOC, re.MULTILINE))
    cited = {
        number
        for file in tracked("*.py")
        for number in re.findall(
            r"statistics\.md (?:sections? )?(\d(?:\.\d)?)", (ROOT / file).read_text()
        )
    }

    assert len(cited) > 10
    assert set() == cited - headings


def test_defaults_are_those_of_the_settings() -> None:
    """Each default in the list of section 1 is the setting's."""
    (line,) = (line for line in DOC.splitlines() if line.startswith("Defaults: "))
    said = dict(re.findall(r"`(\w+)` ([\d.]+)[,.]", line))
    known = Margins().model_dump() | Sequential().model_dump()

    assert len(said) == 9
    assert {name: known[name] for name in said} == {k: float(v) for k, v in said.items()}


def test_the_worked_example_is_what_plan_prints() -> None:
    """Each line of the block stands in the command's output, in order."""
    block = DOC.split("<!-- plan -->")[1].split("<!-- /plan -->")[0]
    lines = [line for line in block.splitlines() if line and not line.startswith("```")]
    answer = CliRunner().invoke(app, ["plan", "aggressive", "--orders-per-s", "160"])
    printed = [line.rstrip() for line in answer.output.splitlines()]

    assert 0 == answer.exit_code, answer.output
    assert len(lines) > 8
    assert lines == [line for line in printed if line in set(lines)]


def test_pictures_are_there_and_small() -> None:
    """Every picture that the page shows is in the repository, below 100 kB."""
    names = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", DOC)

    assert len(names) == 2
    for name in names:
        assert (ROOT / "docs" / name).stat().st_size < _MOST_BYTES
