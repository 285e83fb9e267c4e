"""What a record's bytes must be beyond what fastavro asks.

fastavro follows a negative enum or union index from the end of the list, reads to the end for a
negative length and takes varints of any length. Here all of these are errors: varints have at
most 10 bytes (bits above the 64th are dropped, as fastavro does), lengths lie within the record,
indices within their lists, booleans are 0 or 1, text is UTF-8.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Walk = Callable[[bytes, int], int]
"""Takes the bytes and where a value begins; returns where it ends or raises Malformed."""
VARINT_BYTES = 10
_CONTINUES = 0x80
_MASK = (1 << 64) - 1


class Malformed(ValueError):
    """Bytes that are no value of their schema; `str()` says where and why."""


def read_varint(value: bytes, at: int) -> tuple[int, int]:
    """Return the zigzag varint at `at` and where it ends; raise Malformed if it is none."""
    bits = 0
    for i in range(VARINT_BYTES):
        if at + i >= len(value):
            raise Malformed(f"the record ends within a varint at byte {at}")
        byte = value[at + i]
        bits |= (byte & 0x7F) << (7 * i)
        if byte < _CONTINUES:
            bits &= _MASK
            return (bits >> 1) ^ -(bits & 1), at + i + 1
    raise Malformed(f"varint at byte {at} has more than {VARINT_BYTES} bytes")


def _long(value: bytes, at: int) -> int:
    return read_varint(value, at)[1]


def _bytes(value: bytes, at: int) -> int:
    length, at = read_varint(value, at)
    if not 0 <= length <= len(value) - at:
        raise Malformed(f"length at byte {at} was {length}, {len(value) - at} bytes are left")
    return at + length


def _string(value: bytes, at: int) -> int:
    end = _bytes(value, at)
    try:
        value[_long(value, at) : end].decode()
    except UnicodeDecodeError as broken:
        raise Malformed(f"text at byte {at} is not UTF-8: {broken.reason}") from broken
    return end


def _double(value: bytes, at: int) -> int:
    if len(value) - at < 8:  # noqa: PLR2004 - bytes of a double
        raise Malformed(f"the record ends within a double at byte {at}")
    return at + 8


def _boolean(value: bytes, at: int) -> int:
    if at >= len(value) or value[at] > 1:
        raise Malformed(f"no boolean at byte {at}")
    return at + 1


def _index(value: bytes, at: int, size: int) -> tuple[int, int]:
    index, end = read_varint(value, at)
    if not 0 <= index < size:
        raise Malformed(f"index at byte {at} was {index}, allowed is 0..{size - 1}")
    return index, end


def _enum(symbols: int) -> Walk:
    return lambda value, at: _index(value, at, symbols)[1]


def _record(fields: list[Walk]) -> Walk:
    def walk(value: bytes, at: int) -> int:
        for field in fields:
            at = field(value, at)
        return at

    return walk


def _union(branches: list[Walk]) -> Walk:
    def walk(value: bytes, at: int) -> int:
        index, at = _index(value, at, len(branches))
        return branches[index](value, at)

    return walk


def _array(item: Walk) -> Walk:
    def walk(value: bytes, at: int) -> int:
        while True:
            count, at = read_varint(value, at)
            if count == 0:
                return at
            if count < 0:  # a block with its size in bytes
                count, at = -count, _long(value, at)
            for _ in range(count):
                end = item(value, at)
                if end == at:
                    raise Malformed(f"array at byte {at} has items of no bytes")
                at = end

    return walk


_PRIMITIVES: dict[str, Walk] = {
    "null": lambda _, at: at,
    "boolean": _boolean,
    "int": _long,
    "long": _long,
    "double": _double,
    "bytes": _bytes,
    "string": _string,
}


def walker(schema: Any, named: dict[str, Walk] | None = None) -> Walk:  # noqa: ANN401 - Avro JSON
    """Return what walks a value of `schema` (as fastavro parses it; no maps, floats or fixed)."""
    named = {} if named is None else named
    if isinstance(schema, str):
        return _PRIMITIVES.get(schema) or named[schema]
    if isinstance(schema, list):
        return _union([walker(branch, named) for branch in schema])
    kind = schema["type"]
    if kind == "array":
        return _array(walker(schema["items"], named))
    if kind == "enum":
        walk = _enum(len(schema["symbols"]))
    elif kind == "record":
        walk = _record([walker(field["type"], named) for field in schema["fields"]])
    else:
        return walker(kind, named)
    named[schema["name"]] = walk
    return walk
