"""docs/policies.md names every field of a policy with its default, in a table for each model."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tests.house.tracked import ROOT
from tradecanary.processors.decision.judge_settings import Margins, Sequential, Thresholds
from tradecanary.processors.decision.policy import (
    Approvals,
    Criteria,
    DataLimits,
    Guards,
    Phase,
    Policy,
    preset,
)
from tradecanary.processors.decision.ramps import RAMPS

DOC = (ROOT / "docs" / "policies.md").read_text(encoding="utf-8")
_HEADINGS: dict[type[BaseModel], str] = {
    Policy: "The policy",
    Phase: "A phase of the ramp",
    Criteria: "Criteria of a phase",
    Sequential: "The judge `sequential`",
    Margins: "Margins of `sequential`",
    Thresholds: "The judge `thresholds`",
    Guards: "Guards",
    DataLimits: "Data",
    Approvals: "Approvals",
}
_every_model = pytest.mark.parametrize("model", _HEADINGS, ids=lambda model: model.__name__)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - any annotation
    """Yield every table of settings within an annotation, and those within them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from _models(field.annotation)
    for part in get_args(annotation):
        yield from _models(part)


def _section(heading: str) -> str:
    parts = re.split(r"^#+ (.+)$", DOC, flags=re.MULTILINE)
    return dict(pairwise(parts[1:]))[heading]


def _rows(heading: str) -> list[tuple[str, str]]:
    """The field and the default of each row of the section's table."""
    lines = [line for line in _section(heading).splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [(row[0].strip("`"), row[2]) for row in cells]


def _default(field: FieldInfo) -> str:
    """The default as the page writes it."""
    value = field.default
    if field.is_required():
        return "required"
    if isinstance(value, BaseModel):
        return "below"
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else f"{value:,g}"


def test_every_table_of_settings_has_a_section() -> None:
    """Nothing that a policy may hold is left out."""
    assert set(_models(Policy)) == set(_HEADINGS)


@_every_model
def test_every_field_is_there_with_its_default(model: type[BaseModel]) -> None:
    """The section's table has the model's fields, in their order."""
    expected = [(name, _default(field)) for name, field in model.model_fields.items()]

    assert expected == _rows(_HEADINGS[model])


def test_presets_are_those_of_the_code() -> None:
    """Each preset is named; its weights, times and orders stand in its row, in order."""
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (\d.+?) \|", DOC, re.MULTILINE))

    assert list(RAMPS) == list(rows)
    for name, row in rows.items():
        inner = preset(name).ramp[:-1]
        expected: list[float] = [phase.weight_bp // 100 for phase in inner]
        if name == "steps":
            assert {100} == {phase.min_orders for phase in inner}
            expected.append(100)
        else:
            expected = [
                figure
                for phase in inner
                for figure in (phase.weight_bp // 100, phase.min_duration_s // 60, phase.min_orders)
            ]
        assert [*expected, 100] == [
            int(n.replace(",", "")) for n in re.findall(r"\d[\d,]*(?=\D)", row)
        ]


def test_the_example_can_be_used() -> None:
    """The policy that overrides a preset is one, and only overrides what it names."""
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", DOC, re.MULTILINE | re.DOTALL)
    example = Policy.model_validate(yaml.safe_load(text))

    assert preset("trading-standard").ramp == example.ramp
    assert example.approvals.promotion
    assert Guards().error_burst == example.guards.error_burst


def test_the_policies_of_the_backtest_page_are_those_of_its_output() -> None:
    """Each can be used, and what the page prints of it carries its hash."""
    page = (ROOT / "docs" / "backtest.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    found = {one.name: one for one in (Policy.model_validate(yaml.safe_load(b)) for b in blocks)}

    assert ["day", "quick", "small"] == list(found)
    for name in ("quick", "small"):
        assert f"{name}@{found[name].hash[:8]} (grid)" in page
