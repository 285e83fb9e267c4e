"""One ExecutionEvent from bytes to a row of integers, held to all that the contract asks.

Repeats `schemas.strict`, `execution.range_problem` and `measures.scaled_values`, in the same order
of float operations: laws hold them together, on random and on mutated bytes.
"""
# mypy: disallow-untyped-decorators=False, warn-return-any=False

from __future__ import annotations

import numpy as np

from tradecanary.processors.aggregation.kernel_bytes import (
    OVERLONG,
    Bytes,
    Ints,
    as_double,
    each_is_utf8,
    inlined,
    is_ascii,
    load64,
    same_bytes,
    varint,
)
from tradecanary.schemas.execution import SEQ_LIMIT, VALUE_LIMIT, OrderStatus
from tradecanary.schemas.measures import MEASURES
from tradecanary.schemas.units import FULL_WEIGHT_BP

# The scratch row of one decoded event; 0 is OVERLONG.
SOURCE_AT, SOURCE_END, SEQ, KIND, MODE = range(1, 6)
KEY_AT, KEY_END = 6, 7  # strategy, version, variant, revision, weight_bp as they lie there
ACCOUNT_AT, ACCOUNT_END, BY_ACCOUNT = 8, 9, 10
VENUE_AT, VENUE_END = 11, 12  # region and venue as they lie there
STATUS, SUBMITTED, EVENT_TIME, NO_BENCHMARK, NO_ACK = range(13, 18)
HAS, VALUE = 18, 18 + len(MEASURES)
SCRATCH = VALUE + len(MEASURES)
MEASURE_COUNT = len(MEASURES)
STATUS_COUNT = len(OrderStatus)
_LATENCY, _SLIPPAGE, _PNL_BP, _PNL, _NOTIONAL = range(MEASURE_COUNT)

_LIMIT = float(VALUE_LIMIT)
_EXPONENT = np.uint64(0x7FF0000000000000)


@inlined
def _is_finite(bits: np.uint64) -> bool:
    return (bits & _EXPONENT) != _EXPONENT


@inlined
def _put(scratch: Ints, measure: int, value: float) -> bool:
    """Note a measure's value, rounded half to even; False when it lies outside +-2^55."""
    if not -_LIMIT < value < _LIMIT:
        return False
    scratch[HAS + measure] = 1
    scratch[VALUE + measure] = np.int64(np.rint(value))
    return True


@inlined
def _text(data: Bytes, at: int, end: int, scratch: Ints) -> tuple[int, int]:
    """Return the length of the string at `at` and where it ends, -1 when not in the record."""
    length, at = varint(data, at, scratch)
    if length < 0 or length > end - at:
        return 0, -1
    return length, at + length


@inlined
def _texts(data: Bytes, at: int, count: int, end: int, scratch: Ints) -> int:
    """Return where the last of `count` strings ends, -1 when not all lie within the record."""
    for _ in range(count):
        _, at = _text(data, at, end, scratch)
        if at < 0:
            return -1
    return at


@inlined
def _all_utf8(data: Bytes, at: int, end: int, count: int, scratch: Ints) -> bool:
    """Return whether the `count` strings in `at..end` are UTF-8."""
    return is_ascii(data, at, end) or each_is_utf8(data, at, count, scratch)


@inlined
def _optional_double(data: Bytes, at: int, scratch: Ints) -> tuple[int, float, int]:
    """Return whether there is a value (-1: bad union or not finite), the value, the end."""
    index, at = varint(data, at, scratch)
    if index == 0:
        return 0, 0.0, at
    bits = load64(data, at)
    if index != 1 or not _is_finite(bits):
        return -1, 0.0, at
    return 1, as_double(bits), at + 8


@inlined
def _head(data: Bytes, at: int, end: int, s: Ints) -> int:
    """Read source up to weight_bp; return where they end, -1 for a bad record."""
    first = at
    length, at = _text(data, at, end, s)
    if length == 0 or not _all_utf8(data, first, at, 1, s):
        return -1
    s[SOURCE_AT], s[SOURCE_END] = at - length, at
    seq, at = varint(data, at, s)
    kind, at = varint(data, at, s)
    mode, at = varint(data, at, s)
    if not (-1 <= seq < SEQ_LIMIT and 0 <= kind <= 1 and 0 <= mode <= 2):  # noqa: PLR2004
        return -1
    s[SEQ], s[KIND], s[MODE], s[KEY_AT] = seq, kind, mode, at
    strategy, version_at = _text(data, at, end, s)
    if strategy == 0:
        return -1
    _, variant_at = _text(data, version_at, end, s)
    if variant_at < 0:
        return -1
    variant, revision_at = _text(data, variant_at, end, s)
    if variant == 0 or not _all_utf8(data, at, revision_at, 3, s):
        return -1
    revision, at = varint(data, revision_at, s)
    weight_bp, at = varint(data, at, s)
    s[KEY_END] = at
    return at if revision >= 0 and 0 <= weight_bp <= FULL_WEIGHT_BP else -1


@inlined
def _names(data: Bytes, at: int, end: int, s: Ints) -> int:
    """Read unit up to order_id; return where they end, -1 for a bad record."""
    first = at
    unit, unit_end = _text(data, at, end, s)
    if unit_end < 0:
        return -1
    account, account_end = _text(data, unit_end, end, s)
    if account_end < 0:
        return -1
    s[ACCOUNT_AT], s[ACCOUNT_END], s[VENUE_AT] = account_end - account, account_end, account_end
    s[BY_ACCOUNT] = unit == account and same_bytes(
        data, unit_end - unit, data, account_end - account, unit
    )
    at = _texts(data, account_end, 2, end, s)
    if at < 0:
        return -1
    s[VENUE_END] = at
    at = _texts(data, at, 2, end, s)
    if at < 0 or not _all_utf8(data, first, at, 6, s):
        return -1
    return at


@inlined
def _numbers(data: Bytes, at: int, s: Ints) -> int:
    """Read side up to ack_latency_us, note the measures; return the end, -1 for a bad record."""
    side, at = varint(data, at, s)
    status, at = varint(data, at, s)
    order_bits, filled_bits = load64(data, at), load64(data, at + 8)
    has_mid, mid, at = _optional_double(data, at + 16, s)
    has_avg, avg, at = _optional_double(data, at, s)
    notional_bits, fees_bits = load64(data, at), load64(data, at + 8)
    has_pnl, pnl, at = _optional_double(data, at + 16, s)
    submitted, at = varint(data, at, s)
    event_time, at = varint(data, at, s)
    has_ack, at = varint(data, at, s)
    ack = 0
    if has_ack == 1:
        ack, at = varint(data, at, s)
    filled, notional = as_double(filled_bits), as_double(notional_bits)
    fits = 0 <= side <= 1 and 0 <= status < STATUS_COUNT and 0 <= has_ack <= 1 and ack >= 0
    fits &= has_mid >= 0 and has_avg >= 0 and has_pnl >= 0
    fits &= _is_finite(order_bits) and as_double(order_bits) > 0
    fits &= _is_finite(filled_bits) and filled >= 0
    fits &= _is_finite(notional_bits) and notional >= 0 and _is_finite(fees_bits)
    fits &= 0 <= submitted <= event_time < VALUE_LIMIT
    s[STATUS], s[SUBMITTED], s[EVENT_TIME] = status, submitted, event_time
    s[HAS : HAS + MEASURE_COUNT] = 0
    s[NO_ACK] = s[NO_BENCHMARK] = 0
    if s[KIND] == 0:
        s[NO_ACK] = 1 - has_ack
        if has_ack == 1:
            fits &= ack < VALUE_LIMIT
            s[HAS + _LATENCY], s[VALUE + _LATENCY] = 1, ack
        if has_mid == 1 and has_avg == 1 and mid != 0 and filled > 0:
            slippage = (avg - mid) / abs(mid) * 1e7
            fits &= _put(s, _SLIPPAGE, slippage if side == 0 else -slippage)
        else:
            s[NO_BENCHMARK] = filled > 0
        fits &= _put(s, _NOTIONAL, notional * 1e6)
    if has_pnl == 1:
        if notional > 0:
            fits &= _put(s, _PNL_BP, pnl / notional * 1e7)
        fits &= _put(s, _PNL, pnl * 1e6)
    return at if fits else -1


@inlined
def decode_event(data: Bytes, at: int, end: int, scratch: Ints) -> bool:
    """Read the body in `at..end` into `scratch`; return whether it keeps the contract.

    Positions stay within PAD bytes of `end` whatever the bytes: strings are checked one by one,
    and all else between two checks is shorter than that.
    """
    scratch[OVERLONG] = 0
    at = _head(data, at, end, scratch)
    if at < 0:
        return False
    at = _names(data, at, end, scratch)
    if at < 0:
        return False
    at = _numbers(data, at, scratch)
    return at == end and scratch[OVERLONG] == 0
