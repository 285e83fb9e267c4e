"""Bytes for the compiled fold: unaligned loads, varints, text, hashes, comparisons.

Little-endian machines only, as are Avro's doubles. Every buffer ends with PAD bytes that belong to
nothing, so that a load of eight bytes never leaves it. Positions are trusted: who calls checks
that they lie within the record.
"""
# ruff: noqa: PLR2004 - the numbers are those of the formats
# mypy: disallow-untyped-decorators=False, warn-return-any=False

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic as _intrinsic
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Int = int | np.int64
njit: Any = numba.njit  # its stubs know neither _nrt nor what becomes of a function
intrinsic: Any = _intrinsic
PAD = 512
OVERLONG = 0
"""Index in the scratch of decoded fields: set when a varint has more than ten bytes."""
_HIGH = np.uint64(0x8080808080808080)
_SEED = np.uint64(0x9E3779B97F4A7C15)
_PRIME = np.uint64(0xFF51AFD7ED558CCD)
_ONES = np.uint64(0xFFFFFFFFFFFFFFFF)

inlined = njit(forceinline=True, error_model="numpy", _nrt=False)
"""For what every event goes through. Calls that hand over tables cost more than they do, and so
does counting references to arrays, which outlive the pass anyway (together 3 of 4 parts)."""
apart = njit(error_model="numpy", _nrt=False)
"""For what few events need: called, so that the pass stays small."""


@intrinsic
def load64(_typing: Any, data: Any, _at: Any) -> Any:  # noqa: ANN401 - numba's own types
    """The eight bytes of `data` at `at`, as an unsigned integer."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ANN401
        array = context.make_array(signature.args[0])(context, builder, args[0])
        word = ir.IntType(64)
        place = builder.gep(array.data, [args[1]], inbounds=True)
        loaded = builder.load(builder.bitcast(place, word.as_pointer()))
        loaded.align = 1
        return loaded

    return types.uint64(data, types.int64), emit


@intrinsic
def as_double(_typing: Any, _bits: Any) -> Any:  # noqa: ANN401
    """The double with these 64 bits."""

    def emit(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:  # noqa: ANN401
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.uint64), emit


@intrinsic
def bits_of(_typing: Any, _value: Any) -> Any:  # noqa: ANN401
    """The 64 bits of a double, as a signed integer."""

    def emit(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:  # noqa: ANN401
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), emit


@apart
def long_varint(data: Bytes, at: int, scratch: Ints) -> tuple[Int, int]:
    """Return a varint of several bytes and where it ends; past ten bytes mark it OVERLONG."""
    bits = np.uint64(0)
    for i in range(10):
        byte = np.uint64(data[np.uint64(at + i)])
        bits |= (byte & np.uint64(0x7F)) << np.uint64(7 * i)
        if byte < np.uint64(128):
            value = np.int64(bits >> np.uint64(1)) ^ -np.int64(bits & np.uint64(1))
            return value, at + i + 1
    scratch[OVERLONG] = 1
    return np.int64(0), at + 10


@inlined
def varint(data: Bytes, at: int, scratch: Ints) -> tuple[Int, int]:
    """Return the zigzag varint at `at` and where it ends."""
    byte = np.int64(data[np.uint64(at)])
    if byte < 128:
        return (byte >> 1) ^ -(byte & 1), at + 1
    return long_varint(data, at, scratch)


@inlined
def is_ascii(data: Bytes, at: int, end: int) -> bool:
    """Return whether no byte in `at..end` has its high bit set."""
    seen = np.uint64(0)
    while at + 8 <= end:
        seen |= load64(data, at)
        at += 8
    if at < end:
        seen |= load64(data, at) & (_ONES >> np.uint64(8 * (8 - (end - at))))
    return (seen & _HIGH) == np.uint64(0)


@apart
def is_utf8(data: Bytes, at: int, end: int) -> bool:  # noqa: C901, PLR0912 - Unicode 3.9, table 3-7
    """Return whether the bytes are well-formed UTF-8: no surrogates, nothing overlong."""
    while at < end:
        first = np.int64(data[at])
        at += 1
        if first < 0x80:
            continue
        low, high = 0x80, 0xBF
        if 0xC2 <= first <= 0xDF:
            more = 1
        elif 0xE0 <= first <= 0xEF:
            more = 2
            if first == 0xE0:
                low = 0xA0
            elif first == 0xED:
                high = 0x9F
        elif 0xF0 <= first <= 0xF4:
            more = 3
            if first == 0xF0:
                low = 0x90
            elif first == 0xF4:
                high = 0x8F
        else:
            return False
        if at + more > end:
            return False
        for _ in range(more):
            if not low <= np.int64(data[at]) <= high:
                return False
            low, high = 0x80, 0xBF
            at += 1
    return True


@apart
def each_is_utf8(data: Bytes, at: int, count: int, scratch: Ints) -> bool:
    """Return whether each of `count` strings in a row is UTF-8."""
    for _ in range(count):
        length, at = varint(data, at, scratch)
        if not is_utf8(data, at, at + length):
            return False
        at += length
    return True


@inlined
def mixed(h: np.uint64, word: np.uint64) -> np.uint64:
    """Return the hash `h` with one more word in it."""
    h = (h ^ word) * _PRIME
    return h ^ (h >> np.uint64(29))


@inlined
def hashed(data: Bytes, at: int, end: int, h: np.uint64) -> np.uint64:
    """Return the hash `h` with the bytes in `at..end` in it."""
    h = mixed(h, _SEED ^ np.uint64(end - at))
    while at + 8 <= end:
        h = mixed(h, load64(data, at))
        at += 8
    if at < end:
        h = mixed(h, load64(data, at) & (_ONES >> np.uint64(8 * (8 - (end - at)))))
    return h


@inlined
def same_bytes(data: Bytes, at: int, other: Bytes, other_at: int, length: int) -> bool:
    """Return whether `length` bytes are equal."""
    i = 0
    while i + 8 <= length:
        if load64(data, at + i) != load64(other, other_at + i):
            return False
        i += 8
    if i < length:
        differ = load64(data, at + i) ^ load64(other, other_at + i)
        return (differ & (_ONES >> np.uint64(8 * (8 - (length - i))))) == np.uint64(0)
    return True


@inlined
def copied(data: Bytes, at: int, length: int, to: Bytes, to_at: int) -> int:
    """Copy `length` bytes; return where the copy ends."""
    for i in range(length):
        to[to_at + i] = data[at + i]
    return to_at + length
