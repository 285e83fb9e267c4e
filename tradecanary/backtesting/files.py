"""Records from files: an Avro container, Parquet or CSV with the field names of ExecutionEvent.

Times are microseconds since 1970 or ISO 8601 (UTC unless an offset is given). A row that breaks the
contract is named with its number, counted, and left out; so is a row that repeats another one.
"""

from __future__ import annotations

import csv
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any, get_args, get_type_hints

import fastavro

from tradecanary.backtesting.record import Reading, Refused
from tradecanary.schemas.codec import encode
from tradecanary.schemas.execution import ExecutionEvent
from tradecanary.trail import time_us

_CHUNK = 5_000
_TIMES = frozenset({"submitted_at", "event_time"})
Row = Mapping[str, Any]


def read_file(
    path: Path, first_us: int, last_us: int, progress: Callable[[str, int, int], None]
) -> Reading:
    """Return what the file holds; raise Refused for a format that is not read, OSError.

    Numbers of publishers are no sign of losses here: a file may hold several partitions in one.
    """
    rows = _FORMATS.get(path.suffix.lower())
    if rows is None:
        raise Refused(f"{path}: ends in {path.suffix!r}; read are {', '.join(sorted(_FORMATS))}")
    reading = Reading(numbered=False, first_us=first_us, last_us=last_us)
    known: set[tuple[object, ...]] = set()
    numbered = enumerate(rows(path), 1)
    while chunk := list(islice(numbered, _CHUNK)):
        values, places = [], []
        for number, row in chunk:
            try:
                event = event_of(row)
                value = encode(event)
            except _UNFIT as broken:
                reading.counts.read += 1
                reading.note_bad(f"row {number}", _said(broken))
                continue
            name = (event.source, event.source_seq, event.kind, event.order_id)
            if event.source_seq >= 0 and name in known:
                reading.counts.read += 1
                reading.counts.duplicates += 1
                continue
            known.add(name)
            values.append(value)
            places.append(f"row {number}")
        if values:
            reading.add(values, places)
        progress(f"reading {path.name}", reading.counts.read, 0)
    return reading


def _said(broken: Exception) -> str:
    text = f"{broken}"
    return f"{broken.args[0]!r} is missing" if isinstance(broken, KeyError) else text


_UNFIT = (TypeError, ValueError, KeyError, AttributeError, OverflowError, struct.error)
"""What conversions and the codec raise for values that are of no use."""


def event_of(row: Row) -> ExecutionEvent:
    """Return the event of a row; raise one of several errors that say what does not fit."""
    return ExecutionEvent(**{name: convert(row) for name, convert in _CONVERTERS.items()})


def _converter(name: str, hint: Any) -> Callable[[Row], Any]:  # noqa: ANN401 - a type
    kinds = [kind for kind in get_args(hint) or (hint,) if kind is not type(None)]
    kind: Any = time_us if name in _TIMES else kinds[0]
    optional = type(None) in get_args(hint)

    def convert(row: Row) -> Any:  # noqa: ANN401 - the field's own type
        value = row.get(name) if optional else row[name]
        if type(value) is kind:
            return value
        if optional and value in {None, ""}:
            return None
        if value is None:
            raise ValueError(f"{name} is empty")
        if kind is int and isinstance(value, float) and not value.is_integer():
            raise ValueError(f"{name} was {value!r}, a whole number is needed")
        try:
            return kind(value)
        except ValueError as broken:
            allowed = (
                f"allowed: {', '.join(kind)}"
                if isinstance(kind, type) and issubclass(kind, StrEnum)
                else str(broken)
            )
            raise ValueError(f"{name} was {value!r}; {allowed}") from broken

    return convert


_HINTS = get_type_hints(ExecutionEvent)
_CONVERTERS = {
    field.name: _converter(field.name, _HINTS[field.name]) for field in fields(ExecutionEvent)
}


def _avro(path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        try:
            yield from _mappings(fastavro.reader(file), path)
        except (ValueError, EOFError) as broken:
            raise Refused(f"{path}: no whole Avro container: {broken}") from broken


def _parquet(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        for batch in pq.ParquetFile(path).iter_batches(_CHUNK):
            yield from _with_micros(batch).to_pylist()
    except pa.ArrowInvalid as broken:
        raise Refused(f"{path}: no Parquet file: {broken}") from broken


def _with_micros(batch: Any) -> Any:  # noqa: ANN401 - pyarrow ships no types
    """Return the batch with timestamps as microseconds: datetimes cost more than all the rest."""
    import pyarrow as pa

    for number, name in enumerate(batch.schema.names):
        if pa.types.is_timestamp(batch.schema.types[number]):
            micros = batch.column(number).cast(pa.timestamp("us"), safe=False).cast(pa.int64())
            batch = batch.set_column(number, name, micros)
    return batch


def _csv(path: Path) -> Iterator[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        try:
            rows = csv.DictReader(file)
            missing = set(ExecutionEvent.__slots__) - set(rows.fieldnames or ())
            if missing:
                raise Refused(f"{path}: the header has no {', '.join(sorted(missing))}")
            yield from rows
        except (UnicodeDecodeError, csv.Error) as broken:
            raise Refused(f"{path}: no CSV file: {broken}") from broken


def _mappings(rows: Iterable[object], path: Path) -> Iterator[Row]:
    for row in rows:
        if not isinstance(row, Mapping):
            raise Refused(f"{path}: holds {type(row).__name__}s, records of fields are needed")
        yield row


_FORMATS: Mapping[str, Callable[[Path], Iterator[Row]]] = {
    ".avro": _avro,
    ".csv": _csv,
    ".parquet": _parquet,
}
