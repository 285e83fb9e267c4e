"""Contracts evolve by Avro's rules only: what was released is read, and reads what is new."""

from __future__ import annotations

import io
from dataclasses import fields
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args, get_type_hints

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.executions import event
from tests.house.tracked import ROOT
from tests.strategies import data
from tradecanary.schemas.codec import (
    CONTRACTS,
    HEADER_BYTES,
    Reader,
    contract_json,
    contract_name,
    decode,
    encode,
    encode_as,
    header_of,
    parsed,
    released,
)
from tradecanary.schemas.execution import ExecutionEvent

FILES = ROOT / "schemas" / "avro" / "released"
SUMS = Path(__file__).parent / "released.sha256"
RELEASED = [
    pytest.param(contract, schema, id=f"{release}-{contract_name(contract)}")
    for contract in CONTRACTS
    for release, schema in released(contract).items()
]


def _written(schema: dict[str, Any], datum: object) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, parsed(schema), datum)
    return header_of(schema) + out.getvalue()


@pytest.mark.parametrize("contract", CONTRACTS, ids=contract_name)
def test_what_is_written_was_released(contract: type[Any]) -> None:
    """Today's schema is the newest released one: it cannot change without a release of its own."""
    *_, newest = released(contract).values()
    assert header_of(contract_json(contract)) == header_of(newest)


def test_what_was_released_never_changes() -> None:
    """Every released file has the bytes it was released with, and none is missing or strange.

    A new one is added by `sha256sum v*/*.avsc` in its folder.
    """
    found = {
        f"{sha256(file.read_bytes()).hexdigest()}  {file.relative_to(FILES)}"
        for file in FILES.rglob("*.*")
    }
    assert set(SUMS.read_text(encoding="utf-8").splitlines()) == found


@pytest.mark.parametrize(("contract", "schema"), RELEASED)
def test_released_and_current_read_each_other(contract: type[Any], schema: dict[str, Any]) -> None:
    """What either wrote, the other reads; as an older release wrote it, we can write it again."""
    current = contract_json(contract)

    @settings(max_examples=15)
    @given(data(schema), data(current))
    def both_ways(old: Any, new: Any) -> None:  # noqa: ANN401 - plain Avro data
        value = _written(schema, old)
        record = decode(contract, value)
        assert isinstance(record, contract)
        assert value == encode_as(record, header_of(schema))
        body = io.BytesIO(_written(current, new)[HEADER_BYTES:])
        assert fastavro.schemaless_reader(body, parsed(current), parsed(schema))

    both_ways()


def _without(name: str) -> dict[str, Any]:
    schema = contract_json(ExecutionEvent)
    return {**schema, "fields": [field for field in schema["fields"] if field["name"] != name]}


@given(st.none() | st.floats(allow_nan=False))
def test_a_field_with_a_default_may_be_missing_in_what_is_read(pnl: float | None) -> None:
    """An older contract without the field gives the default, and the rest as it was."""
    older = _without("arrival_mid")
    made = event(pnl=pnl, arrival_mid=None)
    current = parsed(contract_json(ExecutionEvent))
    datum = fastavro.schemaless_reader(io.BytesIO(encode(made)[HEADER_BYTES:]), current, current)
    assert Reader(ExecutionEvent, (older,)).decode(_written(older, datum)) == made


def _nested(hint: Any) -> Any:  # noqa: ANN401 - type hints have no narrower type
    inner = [arg for arg in get_args(hint) if arg not in (type(None), Ellipsis)]
    return _nested(inner[0]) if inner else hint


def _assert_same_fields(schema: Any, hint: Any) -> None:  # noqa: ANN401
    if isinstance(schema, list):
        for branch in schema:
            _assert_same_fields(branch, hint)
    elif isinstance(schema, dict) and schema["type"] == "array":
        _assert_same_fields(schema["items"], hint)
    elif isinstance(schema, dict) and schema["type"] == "enum":
        assert issubclass(hint, StrEnum)
        assert schema["symbols"] == [each.value for each in hint]
    elif isinstance(schema, dict) and schema["type"] == "record":
        hints = get_type_hints(hint)
        assert [field["name"] for field in schema["fields"]] == [each.name for each in fields(hint)]
        for field in schema["fields"]:
            _assert_same_fields(field["type"], _nested(hints[field["name"]]))


@pytest.mark.parametrize("contract", CONTRACTS, ids=contract_name)
def test_dataclasses_and_schemas_have_the_same_fields(contract: type[Any]) -> None:
    """Names, their order and the symbols of enums agree, all the way down."""
    _assert_same_fields(contract_json(contract), contract)
