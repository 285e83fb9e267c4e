"""The codec: what is encoded comes back, and nothing else is taken for a record."""

from __future__ import annotations

import io
from dataclasses import fields, is_dataclass
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.executions import event
from tests.strategies import records
from tradecanary.schemas.codec import (
    CONTRACTS,
    HEADER_BYTES,
    MAGIC,
    ContractViolation,
    contract_json,
    decode,
    encode,
    header_of,
    parsed,
)
from tradecanary.schemas.execution import ExecutionEvent
from tradecanary.schemas.metrics import MetricsBatch
from tradecanary.schemas.routing import RouterStatus

any_record = st.sampled_from(CONTRACTS).flatmap(records)


@settings(max_examples=300)
@given(any_record)
def test_what_is_encoded_comes_back(record: Any) -> None:  # noqa: ANN401 - of any contract
    """Decoding the bytes of any record gives an equal record, of the same type throughout."""
    back = decode(type(record), encode(record))
    assert back == record
    assert repr(back) == repr(record)


def _plain(value: Any) -> Any:  # noqa: ANN401 - dataclasses to what fastavro takes
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


@settings(max_examples=300)
@given(any_record)
def test_the_bytes_are_those_of_fastavro(record: Any) -> None:  # noqa: ANN401
    """Our writer gives byte for byte what fastavro writes."""
    out = io.BytesIO()
    schema = parsed(contract_json(type(record)))
    fastavro.schemaless_writer(out, schema, _plain(record))
    assert encode(record)[HEADER_BYTES:] == out.getvalue()


@pytest.mark.parametrize("changes", [{"source_seq": 1 << 63}, {"source": None}, {"side": "HOLD"}])
def test_what_the_schema_cannot_carry_is_not_written(changes: dict[str, Any]) -> None:
    """A value that does not fit its field raises, instead of writing something else."""
    with pytest.raises((ValueError, AttributeError, KeyError)):
        encode(event(**changes))


@settings(max_examples=100)
@given(any_record, st.binary(min_size=1, max_size=4))
def test_every_byte_belongs_to_the_record(record: Any, rest: bytes) -> None:  # noqa: ANN401
    """A record with bytes behind it, or cut anywhere, is none."""
    value = encode(record)
    for broken in (value + rest, value[: len(value) // 2], value[:-1]):
        with pytest.raises(ContractViolation):
            decode(type(record), broken)


@settings(max_examples=300)
@given(any_record, st.data())
def test_damaged_bytes_are_refused_or_another_record(record: Any, data: st.DataObject) -> None:  # noqa: ANN401
    """Whatever the bytes, the codec answers with a record or with ContractViolation."""
    value = bytearray(encode(record))
    at = data.draw(st.integers(0, len(value) - 1))
    value[at] = data.draw(st.integers(0, 255))
    try:
        back = decode(type(record), bytes(value))
    except ContractViolation:
        return
    assert isinstance(back, type(record))


def test_each_contract_has_its_own_header() -> None:
    """Headers begin with the magic and differ, so no record is read as another."""
    headers = [header_of(contract_json(contract)) for contract in CONTRACTS]
    assert len(set(headers)) == len(CONTRACTS)
    assert all(header.startswith(MAGIC) and len(header) == HEADER_BYTES for header in headers)


@pytest.mark.parametrize(
    ("name", "fingerprint"), [("null", 0x63DD24E7CC258F8A), ("int", 0x7275D51A3F395C8F)]
)
def test_fingerprints_are_those_of_avro(name: str, fingerprint: int) -> None:
    """CRC-64-AVRO as in Avro's own tests, little-endian behind the magic."""
    assert header_of({"type": name}) == MAGIC + fingerprint.to_bytes(8, "little")


def test_null_and_unknown_schemas_are_refused_with_what_was_found() -> None:
    """The reason names what was there instead of the record."""
    with pytest.raises(ContractViolation, match="value was null"):
        decode(ExecutionEvent, None)
    with pytest.raises(ContractViolation, match="unknown schema: header was c301"):
        decode(MetricsBatch, encode(event()))
    with pytest.raises(ContractViolation, match="header was empty"):
        decode(RouterStatus, b"")


def _replaced(old: bytes, new: bytes) -> bytes:
    value = encode(event(source="S", symbol="AAPL"))
    assert value.count(old) == 1
    return value.replace(old, new)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"\x08AAPL", b"\x07AAPL", "length at byte .* was -4"),
        (b"\x08AAPL", b"\x08AAP\xff", "is not UTF-8"),
        (b"\x08AAPL", b"\x06\xed\xa0\x80", "is not UTF-8"),
        (b"\x08AAPL", b"\x88" + b"\x80" * 10 + b"\x00AAPL", "more than 10 bytes"),
        (b"\x02S\x00\x00\x00", b"\x02S\x00\x00\x01", "index at byte .* was -1, allowed is 0..2"),
        (b"\x02S\x00\x00\x00", b"\x02S\x00\x04\x00", "index at byte .* was 2, allowed is 0..1"),
    ],
)
def test_what_fastavro_would_let_pass_is_refused(old: bytes, new: bytes, reason: str) -> None:
    """Negative lengths and indices, endless varints and bad text are named as such."""
    with pytest.raises(ContractViolation, match=reason):
        decode(ExecutionEvent, _replaced(old, new))


def test_longer_varints_of_up_to_ten_bytes_are_taken() -> None:
    """A length may be written longer than needed, up to ten bytes."""
    longer = b"\x88" + b"\x80" * 8 + b"\x00AAPL"
    assert decode(ExecutionEvent, _replaced(b"\x08AAPL", longer)).symbol == "AAPL"
