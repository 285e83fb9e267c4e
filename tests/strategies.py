"""Hypothesis strategies: any record of any contract, built from its schema and its dataclass."""
# ruff: noqa: ANN401 - plain Avro schemas and type hints have no narrower type

from __future__ import annotations

import types
from typing import Any, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from tradecanary.schemas.codec import contract_json

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
    return _values(contract_json(contract), contract, {})


def _named(schema: dict[str, Any], hint: Any, named: dict[str, Any]) -> st.SearchStrategy[Any]:
    name = schema["name"]
    named[name] = schema
    if schema["type"] == "enum":
        return st.sampled_from(list(hint))
    hints = get_type_hints(hint)
    fields = {
        field["name"]: _values(field["type"], hints[field["name"]], named)
        for field in schema["fields"]
    }
    return st.builds(hint, **fields)


def _values(schema: Any, hint: Any, named: dict[str, Any]) -> st.SearchStrategy[Any]:
    if isinstance(schema, str):
        known = named.get(schema.removeprefix("tradecanary."))
        return _PRIMITIVES[schema] if known is None else _named(known, hint, named)
    if isinstance(schema, list):
        inner = [arg for arg in get_args(hint) if arg is not type(None)]
        assert get_origin(hint) in (Union, types.UnionType), hint
        return st.one_of(
            [
                st.none() if branch == "null" else _values(branch, inner[0], named)
                for branch in schema
            ]
        )
    if schema.get("logicalType") == "big-integer":
        return st.integers(-(1 << 90), 1 << 90)
    if schema["type"] == "array":
        items = _values(schema["items"], get_args(hint)[0], named)
        return st.lists(items, max_size=3).map(tuple)
    if schema["type"] in ("record", "enum"):
        return _named(schema, hint, named)
    return _values(schema["type"], hint, named)
