"""Hypothesis strategies: any record of any contract, built from its schema."""

# ruff: noqa: ANN401 - plain Avro data has no narrower type
from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tradecanary.schemas.codec import _from_datum, contract_json

_LONG = 1 << 63
_INT = 1 << 31
_PRIMITIVES: dict[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": st.integers(-_INT, _INT - 1),
    "long": st.integers(-_LONG, _LONG - 1),
    "double": st.floats(allow_nan=False),
    "bytes": st.binary(max_size=8),
    "string": st.text(max_size=6),
}


def records(contract: type[Any]) -> st.SearchStrategy[Any]:
    """Return any record of `contract`: whatever its schema can carry, in range or not."""
    made = _from_datum(contract)  # type: ignore[arg-type] # mypy asks the dataclass for a hash
    return data(contract_json(contract)).map(made)


def data(schema: Any, named: dict[str, Any] | None = None) -> st.SearchStrategy[Any]:
    """Return any plain Avro datum of `schema`."""
    named = {} if named is None else named
    if isinstance(schema, str):
        known = named.get(schema.removeprefix("tradecanary."))
        return _PRIMITIVES[schema] if known is None else known
    if isinstance(schema, list):
        return st.one_of([data(branch, named) for branch in schema])
    if schema.get("logicalType") == "big-integer":
        return st.integers(-(1 << 90), 1 << 90)
    match schema["type"]:
        case "array":
            return st.lists(data(schema["items"], named), max_size=3)
        case "enum":
            made = st.sampled_from(schema["symbols"])
        case "record":
            fields = {field["name"]: data(field["type"], named) for field in schema["fields"]}
            made = st.fixed_dictionaries(fields)
        case inner:
            return data(inner, named)
    named[schema["name"]] = made
    return made
