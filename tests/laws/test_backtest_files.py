"""Files: three formats give the same record and the same decisions; bad rows are named."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.recorded import flow, policy
from tradecanary.backtesting.backtest import Choice, backtest
from tradecanary.backtesting.record import Refused
from tradecanary.backtesting.result import Backtest
from tradecanary.producers.replay import write_events
from tradecanary.schemas.codec import encode
from tradecanary.schemas.execution import ExecutionEvent

RULES = policy((1_000, 2, 20), (3_000, 2, 60))
Rows = list[dict[str, Any]]
EVENTS = flow([(0, 1_000), (4, 3_000)], seconds=14, slow=1.5)


def _rows(events: Sequence[ExecutionEvent]) -> Rows:
    return [asdict(one) for one in events]


def _moment(time_us: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)


def _timed(rows: Rows, time: Callable[[int], object]) -> Rows:
    return [
        row | {name: time(row[name]) for name in ("submitted_at", "event_time")} for row in rows
    ]


def _csv(path: Path, rows: Rows) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


def _parquet(path: Path, rows: Rows) -> Path:
    frame = pd.DataFrame(rows)
    for name in ("kind", "mode", "side", "status"):
        frame[name] = frame[name].astype(str)
    frame.to_parquet(path)
    return path


def _avro(path: Path, rows: Rows) -> Path:
    write_events(path, [ExecutionEvent(**row) for row in rows])
    return path


def _bytes(found: Backtest) -> list[bytes]:
    return [encode(made) for one in found.policies for made in one.decided]


def test_three_formats_give_the_same_decisions(tmp_path: Path) -> None:
    """Avro, Parquet with timestamps or micros, CSV with micros or ISO times: byte for byte."""
    rows = _rows(EVENTS)
    files = [
        _avro(tmp_path / "a.avro", rows),
        _parquet(tmp_path / "micros.parquet", rows),
        _parquet(tmp_path / "times.parquet", _timed(rows, _moment)),
        _csv(tmp_path / "micros.csv", rows),
        _csv(tmp_path / "iso.csv", _timed(rows, lambda us: _moment(us).isoformat())),
    ]
    found = [backtest([RULES], file=file) for file in files]

    assert len(_bytes(found[0])) > 3
    assert "rolled back" == found[0].policies[0].outcome
    assert all(_bytes(one) == _bytes(found[0]) for one in found)
    assert {len(EVENTS)} == {one.events for one in found}


@pytest.mark.parametrize("write", [_csv, _parquet])
def test_bad_rows_are_named_by_number_and_left_out(
    tmp_path: Path, write: Callable[[Path, Rows], Path]
) -> None:
    """A status that does not exist, a negative quantity, an end before the beginning, a repeat."""
    rows = _rows(EVENTS)
    rows[10] |= {"status": "FILED"}
    rows[20] |= {"order_qty": -1.0}
    rows[30] |= {"event_time": rows[30]["submitted_at"] - 1}
    rows[40] = rows[39]
    path = write(tmp_path / f"bad.{write.__name__[1:]}", rows)
    found = backtest([RULES], file=path)

    assert (3, 1) == (found.counts.bad, found.counts.duplicates)
    assert ["row 11", "row 21", "row 31"] == sorted(one.where for one in found.bad)
    said = {one.where: one.reason for one in found.bad}
    assert "status was 'FILED'; allowed: FILLED, " in said["row 11"]
    assert "order_qty must be finite and > 0" == said["row 21"]
    assert "submitted_at <= event_time" in said["row 31"]
    assert len(EVENTS) - 4 == found.events


def test_more_than_one_in_a_hundred_bad_rows_are_fatal(tmp_path: Path) -> None:
    """The refusal says how many, and names the first ones."""
    rows = _rows(EVENTS)
    for row in rows[:40]:
        row["side"] = "LONG"
    path = _csv(tmp_path / "bad.csv", rows)

    with pytest.raises(Refused, match=r"40 of 2,800 records are bad.*\n  row 1: side was 'LONG'"):
        backtest([RULES], file=path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    """An unknown ending, a header without the fields, bytes that are no container."""
    other = tmp_path / "events.xlsx"
    other.write_bytes(b"x")
    short = tmp_path / "short.csv"
    short.write_text("source,kind\ngateway,OUTCOME\n")
    with pytest.raises(Refused, match=r"ends in '.xlsx'; read are .avro, .csv, .parquet"):
        backtest([RULES], file=other)
    with pytest.raises(Refused, match="the header has no account"):
        backtest([RULES], file=short)
    for ending in ("avro", "parquet"):
        path = tmp_path / f"broken.{ending}"
        path.write_bytes(b"no container at all")
        with pytest.raises(Refused, match=r"no (whole Avro container|Parquet file)"):
            backtest([RULES], file=path)


def test_a_period_bounds_event_time(tmp_path: Path) -> None:
    """Both ends are included; what lies outside is counted."""
    first, last = EVENTS[100].event_time, EVENTS[-100].event_time
    path = _avro(tmp_path / "a.avro", _rows(EVENTS))
    found = backtest([RULES], file=path, choice=Choice(first_us=first, last_us=last))

    assert (first, last) == (found.first_us, found.last_us)
    assert len(EVENTS) - 199 == found.events
    assert 199 == found.counts.outside


def test_foreign_numbers_stay_foreign(tmp_path: Path) -> None:
    """Rows of a producer without numbers are all taken: their repeats cannot be told."""
    rows = [asdict(replace(one, source_seq=-1)) for one in EVENTS]
    found = backtest([RULES], file=_avro(tmp_path / "a.avro", [*rows, rows[-1]]))

    assert len(EVENTS) + 1 == found.events
