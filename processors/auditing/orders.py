"""What an audit of routing needs of an ExecutionEvent, read off its bytes.

An audit reads topics of 10^8 orders. What decided an order (strategy to weight_bp) lies in one
piece, the same for all orders of a revision and variant, and is looked up as bytes.
"""

from __future__ import annotations

from typing import NamedTuple

from tradecanary.schemas.codec import (
    HEADER_BYTES,
    ContractViolation,
    contract_json,
    decode,
    encode,
    header_of,
)
from tradecanary.schemas.execution import ExecutionEvent, Kind, Mode
from tradecanary.schemas.strict import Malformed, read_varint

_HEADER = header_of(contract_json(ExecutionEvent))
_KINDS, _MODES = tuple(Kind), tuple(Mode)
_MORE = 0x80
_LIVE = _MODES.index(Mode.LIVE) << 1
_OUTCOME = _KINDS.index(Kind.OUTCOME) << 1


class Order(NamedTuple):
    """One event's routing, and whether its unit is the account or the order id.

    `decided` (strategy, version, variant, revision, weight_bp) and `cell` (region, venue) are Avro
    bytes, `unit` is the text's bytes.
    """

    is_outcome: bool
    is_live: bool
    decided: bytes
    cell: bytes
    unit: bytes
    is_account: bool
    is_order_id: bool


class Decided(NamedTuple):
    """What an order says decided it."""

    strategy: str
    version: str
    variant: str
    revision: int
    weight_bp: int


def order_of(value: bytes | None) -> Order:
    """Return the order in `value`; raise ContractViolation when it is no ExecutionEvent."""
    if value is not None and value[:HEADER_BYTES] == _HEADER:
        try:
            return _read(value)
        except (IndexError, Malformed):
            pass  # the strict reader says why
    return _read(encode(decode(ExecutionEvent, value)))


def _read(value: bytes) -> Order:
    at = _end(value, HEADER_BYTES)
    at = _varint_end(value, at)
    kind, mode = value[at], value[at + 1]
    at = decided = at + 2
    for _ in range(3):
        at = _end(value, at)
    at = _varint_end(value, _varint_end(value, at))
    account = _end(value, at)
    cell = _end(value, account)
    symbol = _end(value, _end(value, cell))
    order_id = _end(value, symbol)
    last = _end(value, order_id)
    if last > len(value):
        raise Malformed("the record ends within its names")
    unit = value[at:account]
    return Order(
        kind == _OUTCOME,
        mode == _LIVE,
        value[decided:at],
        value[cell:symbol],
        _body(unit),
        unit == value[account:cell],
        unit == value[order_id:last],
    )


def _end(value: bytes, at: int) -> int:
    """Return where the text at `at` ends."""
    length = value[at]
    if length < _MORE:
        return at + 1 + (length >> 1)
    length, at = read_varint(value, at)
    if length < 0:
        raise Malformed(f"length at byte {at} was {length}")
    return at + length


def _varint_end(value: bytes, at: int) -> int:
    while value[at] >= _MORE:
        at += 1
    return at + 1


def _body(text: bytes) -> bytes:
    length, at = read_varint(text, 0)
    return text[at : at + length]


def decided_of(data: bytes) -> Decided:
    """Return `Order.decided` as values; raise ContractViolation when a text is not UTF-8."""
    texts, at = _texts(data, 3)
    strategy, version, variant = texts
    revision, at = read_varint(data, at)
    weight_bp, _ = read_varint(data, at)
    return Decided(strategy, version, variant, revision, weight_bp)


def cell_of(data: bytes) -> tuple[str, str]:
    """Return `Order.cell` as (region, venue); raise ContractViolation when one is not UTF-8."""
    (region, venue), _ = _texts(data, 2)
    return region, venue


def _texts(data: bytes, count: int) -> tuple[list[str], int]:
    texts, at = [], 0
    for _ in range(count):
        length, at = read_varint(data, at)
        try:
            texts.append(data[at : at + length].decode())
        except UnicodeDecodeError as broken:
            raise ContractViolation(f"text is not UTF-8: {broken.reason}") from broken
        at += length
    return texts, at
