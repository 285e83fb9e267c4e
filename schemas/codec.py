"""Records to bytes and back: Avro single-object encoding (0xC3 0x01, fingerprint, body).

The fingerprint is CRC-64-AVRO of the schema's parsing canonical form, little-endian. Bytes that
break the contract raise ContractViolation with the reason; whoever reads decides what to do.
"""

from __future__ import annotations

import io
import json
import types
from collections.abc import Callable, Mapping
from dataclasses import fields
from enum import StrEnum
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import fastavro
from fastavro.schema import fingerprint, to_parsing_canonical_form

from tradecanary.schemas import alerts, decisions, execution, metrics, routing
from tradecanary.schemas.strict import Walk, walker
from tradecanary.schemas.writing import Write, writer

Record = TypeVar("Record")
MAGIC = b"\xc3\x01"
HEADER_BYTES = 10
_NAMES: dict[type[Any], str] = {
    execution.ExecutionEvent: "execution_event",
    metrics.MetricsBatch: "metrics_batch",
    metrics.AggregationSnapshot: "aggregation_snapshot",
    routing.RoutingWeights: "routing_weights",
    routing.KillSwitch: "kill_switch",
    routing.Command: "command",
    routing.RouterStatus: "router_status",
    decisions.Decision: "decision",
    decisions.Look: "look",
    decisions.DecisionSnapshot: "decision_snapshot",
    decisions.DeadLetter: "dead_letter",
    alerts.AlertingSnapshot: "alerting_snapshot",
    alerts.AlertDelivery: "alert_delivery",
}
CONTRACTS: tuple[type[Any], ...] = tuple(_NAMES)


class ContractViolation(ValueError):
    """Bytes (theirs) that break a contract; `str()` is the reason for the dead letter."""


def contract_name(contract: type[Any]) -> str:
    """Return the file name (without `.avsc`) of a record's contract."""
    return _NAMES[contract]


def _json(file: Traversable) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return schema


def _avro() -> Traversable:
    return resources.files("tradecanary.schemas") / "avro"


def contract_json(contract: type[Any]) -> dict[str, Any]:
    """Return the record's Avro schema as committed in `schemas/avro`."""
    return _json(_avro() / f"{_NAMES[contract]}.avsc")


def released(contract: type[Any]) -> dict[str, dict[str, Any]]:
    """Return every schema that ever wrote the record, by release, from `schemas/avro/released`."""
    folders = sorted((_avro() / "released").iterdir(), key=lambda one: (len(one.name), one.name))
    files = {folder.name: folder / f"{_NAMES[contract]}.avsc" for folder in folders}
    return {release: _json(file) for release, file in files.items() if file.is_file()}


def _without_dates(node: Any) -> Any:
    """Drop `timestamp-micros`, so that times stay exact integers instead of datetimes."""
    if isinstance(node, list):
        return [_without_dates(item) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("logicalType") == "timestamp-micros":
        return node["type"]
    return {key: _without_dates(value) for key, value in node.items()}


def parsed(schema: Mapping[str, Any]) -> Any:
    """Return the schema as fastavro wants it, times kept as integers."""
    return fastavro.parse_schema(_without_dates(dict(schema)))


def header_of(schema: Mapping[str, Any]) -> bytes:
    """Return the ten bytes before a body written with `schema`."""
    crc = fingerprint(to_parsing_canonical_form(dict(schema)), "CRC-64-AVRO")
    return MAGIC + bytes.fromhex(crc)


@cache
def _header(contract: Any) -> bytes:
    return header_of(contract_json(contract))


@cache
def _parsed(contract: Any) -> Any:
    return parsed(contract_json(contract))


@cache
def _released(contract: Any) -> dict[bytes, Any]:
    """Return today's schema and all released ones by header, as fastavro wants them."""
    older = {header_of(schema): schema for schema in released(contract).values()}
    return {header: parsed(schema) for header, schema in older.items()} | {
        _header(contract): _parsed(contract)
    }


@cache
def _writer(contract: Any) -> Write:
    return writer(_parsed(contract))


@cache
def _older_writer(contract: Any, header: bytes) -> Write:
    return writer(_released(contract)[header])


def _big_to_bytes(value: int, *_: object) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


def _big_from_bytes(value: bytes, *_: object) -> int:
    return int.from_bytes(value, "big", signed=True)


fastavro.write.LOGICAL_WRITERS["bytes-big-integer"] = _big_to_bytes
fastavro.read.LOGICAL_READERS["bytes-big-integer"] = _big_from_bytes


def encode(record: object) -> bytes:
    """Return `record` in single-object encoding. The record must be one of CONTRACTS."""
    contract: Any = type(record)
    return _header(contract) + _writer(contract)(record)


def encode_as(record: object, header: bytes) -> bytes:
    """Return the bytes that the release whose contract has `header` would have written.

    Fields that it did not have are left out. Raises KeyError when no release had that header.
    """
    contract: Any = type(record)
    return header + _older_writer(contract, header)(record)


def older_header(contract: type[Any], value: bytes | None) -> bytes:
    """Return the header of `value` when an older release wrote it, else empty bytes."""
    untyped: Any = contract
    header = (value or b"")[:HEADER_BYTES]
    return header if header != _header(untyped) and header in _released(untyped) else b""


class Reader:
    """Decodes one kind of record, whichever release wrote it, by Avro's rules.

    `older`: schemas of no release, which only tests have.
    """

    def __init__(self, contract: Any, older: tuple[Mapping[str, Any], ...] = ()) -> None:
        """Prepare a reader of `contract`."""
        self._contract = contract
        self._writers = dict(_released(contract))
        for schema in older:
            self._writers.setdefault(header_of(schema), parsed(schema))
        self._walks: dict[bytes, Walk] = {
            header: walker(writer) for header, writer in self._writers.items()
        }

    def decode(self, value: bytes | None) -> Any:
        """Return the record in `value`; raise ContractViolation unless every byte fits."""
        if value is None:
            raise ContractViolation("value was null, an Avro record was expected")
        header = value[:HEADER_BYTES]
        writer = self._writers.get(header)
        if writer is None:
            raise ContractViolation(f"unknown schema: header was {header.hex() or 'empty'}")
        stream = io.BytesIO(value)
        stream.seek(HEADER_BYTES)
        try:
            self._walks[header](value, HEADER_BYTES)
            datum = fastavro.schemaless_reader(stream, writer, _parsed(self._contract))
            record = _from_datum(self._contract)(datum)
        except Exception as broken:  # the library's errors for bad bytes have no common base
            text = f"body does not decode: {type(broken).__name__}: {broken}"
            raise ContractViolation(text) from broken
        rest = len(value) - stream.tell()
        if rest:
            raise ContractViolation(f"{rest} bytes were left after the record")
        return record


@cache
def _reader(contract: Any) -> Reader:
    return Reader(contract)


def decode(contract: type[Record], value: bytes | None) -> Record:
    """Return the `contract` record in `value`; raise ContractViolation if it is not one."""
    untyped: Any = contract
    record: Record = _reader(untyped).decode(value)
    return record


def _same(value: Any) -> Any:
    return value


@cache
def _from_datum(hint: Any) -> Callable[[Any], Any]:
    origin = get_origin(hint)
    if origin is tuple:
        item = _from_datum(get_args(hint)[0])
        return tuple if item is _same else lambda values: tuple(item(value) for value in values)
    if origin in (Union, types.UnionType):
        inner = next(_from_datum(part) for part in get_args(hint) if part is not type(None))
        return inner if inner is _same else lambda value: None if value is None else inner(value)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint
    if not hasattr(hint, "__dataclass_fields__"):
        return _same
    hints = get_type_hints(hint)
    parts = [(field.name, _from_datum(hints[field.name])) for field in fields(hint)]
    return lambda datum: hint(*[part(datum[name]) for name, part in parts])
