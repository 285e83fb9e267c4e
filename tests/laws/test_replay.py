"""A replay publishes what was recorded, when it is due, as what it is."""

from dataclasses import replace
from pathlib import Path

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.executions import event
from tradecanary.producers.clock import Clock
from tradecanary.producers.publisher import ExecutionPublisher
from tradecanary.producers.replay import (
    FLAT_OUT,
    in_event_time,
    read_events,
    replay,
    schedule,
    write_events,
)
from tradecanary.schemas.codec import ContractViolation, contract_json, decode
from tradecanary.schemas.execution import ExecutionEvent, Mode

T = 1_700_000_000_000_000


def recorded(*offsets_us: int) -> list[ExecutionEvent]:
    """Return events that ended at these times, each 1 ms after it was submitted."""
    return [
        replace(event(), submitted_at=T + offset - 1_000, event_time=T + offset, unit=str(offset))
        for offset in offsets_us
    ]


@given(st.lists(st.integers(0, 10**9), min_size=1), st.sampled_from([0.5, 1.0, 2.0, 100.0]))
def test_events_are_due_in_their_rhythm(offsets_us: list[int], speed: float) -> None:
    """N recorded seconds a second, counted from the first; times as recorded; mode REPLAY."""
    offsets_us.sort()
    due = list(schedule(recorded(*offsets_us), speed=speed))
    for offset, one in zip(offsets_us, due, strict=True):
        assert one.after_us == round((offset - offsets_us[0]) / speed)
        assert (one.event.event_time, one.event.mode) == (T + offset, Mode.REPLAY)


def test_flat_out_waits_for_nothing() -> None:
    """All is due at once."""
    assert {one.after_us for one in schedule(recorded(0, 10, 10**9), speed=FLAT_OUT)} == {0}


def test_times_may_be_shifted_to_now() -> None:
    """The first event_time falls on the start, all distances stay."""
    due = list(schedule(recorded(0, 500), start_us=T * 2, mode=Mode.SHADOW))
    assert [one.event.event_time for one in due] == [T * 2, T * 2 + 500]
    assert {one.event.event_time - one.event.submitted_at for one in due} == {1_000}
    assert {one.event.mode for one in due} == {Mode.SHADOW}


@pytest.mark.parametrize(("speed", "start_us"), [(-1.0, None), (2.0, T), (FLAT_OUT, T)])
def test_what_cannot_be_true_is_refused(speed: float, start_us: int | None) -> None:
    """Shifted times at another speed would put orders' ends where they were not."""
    with pytest.raises(ValueError, match="speed"):
        list(schedule(recorded(0), speed=speed, start_us=start_us))


def test_partitions_are_merged_by_event_time() -> None:
    """Stable: events of one time keep their sequence."""
    events = recorded(5, 1, 5, 3)
    assert [1, 3, 5, 5] == [one.event_time - T for one in in_event_time(events)]


def test_it_comes_under_a_new_source_and_in_time() -> None:
    """Numbered anew, so that no reader takes it for a duplicate."""
    now_us = T

    def passing() -> int:
        nonlocal now_us
        now_us += 1_000
        return now_us

    clock = Clock.of(passing)
    publisher = ExecutionPublisher("replay", clock=clock)
    assert replay(schedule(recorded(0, 20_000)), publisher, clock=clock) == 2
    assert now_us >= T + 20_000
    taken = [decode(ExecutionEvent, one.value) for one in publisher.take(10, 1)]
    assert [0, 1] == [one.source_seq for one in taken]
    assert all(one.source.startswith("replay/") for one in taken)


def test_files_are_read_back_exactly(tmp_path: Path) -> None:
    """Our own, to the microsecond; and others', with Avro's timestamps."""
    events = recorded(1, 2, 3)
    write_events(tmp_path / "ours.avro", events)
    assert events == list(read_events(tmp_path / "ours.avro"))
    schema = fastavro.parse_schema(contract_json(ExecutionEvent))
    rows = [{name: getattr(one, name) for name in ExecutionEvent.__slots__} for one in events]
    with (tmp_path / "theirs.avro").open("wb") as file:
        fastavro.writer(file, schema, rows)
    assert events == list(read_events(tmp_path / "theirs.avro"))


def test_a_file_of_something_else_is_named(tmp_path: Path) -> None:
    """The error says which file and record."""
    schema = {"type": "record", "name": "Quote", "fields": [{"name": "bid", "type": "long"}]}
    with (tmp_path / "quotes.avro").open("wb") as file:
        fastavro.writer(file, fastavro.parse_schema(schema), [{"bid": 1}])
    with pytest.raises(ContractViolation, match=r"quotes\.avro: record 0"):
        list(read_events(tmp_path / "quotes.avro"))
