"""The compiled fold equals the plain one to the bit, on good, extreme and damaged records."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.executions import (
    EXTREMES,
    T0_US,
    Bad,
    event,
    feed,
    fold_all,
    log_of,
    merged,
    mutated,
    pieces,
    random_event,
    random_log,
)
from tests.strategies import records
from tradecanary.processors.aggregation.compiled import CompiledFold
from tradecanary.processors.aggregation.folding import Drained, Fold, empty_snapshot
from tradecanary.processors.aggregation.oracle import EventReader, PlainFold
from tradecanary.schemas.codec import HEADER_BYTES, contract_json, encode, header_of
from tradecanary.schemas.execution import ExecutionEvent, Kind
from tradecanary.schemas.metrics import AggregationSnapshot

Answers = tuple[Drained, list[Bad], AggregationSnapshot]


def _answers(fold: Fold, values: list[bytes | None]) -> Answers:
    drained, bad = fold_all(fold, log_of(values))
    return drained, bad, fold.snapshot(0, len(values))


def _assert_same(values: list[bytes | None]) -> Answers:
    plain = _answers(PlainFold(), values)
    assert _answers(CompiledFold(), values) == plain
    return plain


@pytest.mark.parametrize("seed", range(6))
def test_both_folds_agree_on_random_partitions(seed: int) -> None:
    """Partials, tallies, publishers, bad records, reasons and snapshots are equal throughout."""
    rng = random.Random(seed)
    logs = [random_log(rng, 500, partition) for partition in range(2)]
    folds: list[Fold] = [PlainFold(), CompiledFold()]
    for fold in folds:
        for partition in range(2):
            fold.restore(empty_snapshot(partition, 0, from_start=partition == 0))
    seen = 0
    for partition, records_ in enumerate(logs):
        for piece in pieces(rng, records_):
            plain_bad, compiled_bad = (feed(fold, partition, piece) for fold in folds)
            assert compiled_bad == plain_bad
            if rng.random() < 0.3:
                plain, compiled = (fold.drain() for fold in folds)
                assert compiled == plain
                seen += len(plain.partials)
            if rng.random() < 0.1:
                one, two = (fold.snapshot(partition, piece[-1].offset + 1) for fold in folds)
                assert one == two
    assert seen > 20


def test_both_folds_agree_on_ten_thousand_damaged_records() -> None:
    """Each damaged record is bad for both folds or good for both, with the same sums."""
    rng = random.Random(20)
    good = [encode(random_event(rng, "gw-1", seq, T0_US + seq)) for seq in range(200)]
    values: list[bytes | None] = [mutated(rng, rng.choice(good)) for _ in range(10_000)]
    _, bad, _ = _assert_same(values)
    assert 3_000 < len(bad) < 9_900, "the damage must hit both sides of the contract"


@settings(max_examples=150)
@given(st.lists(records(ExecutionEvent), min_size=1, max_size=4))
def test_both_folds_agree_on_any_record_of_the_contract(drawn: list[ExecutionEvent]) -> None:
    """Whatever the schema can carry is bad for both folds or gives both the same sums."""
    _assert_same([encode(each) for each in drawn])


@settings(max_examples=200)
@given(st.data())
def test_both_folds_agree_on_any_bytes(data: st.DataObject) -> None:
    """Free bytes behind the right header, and good records cut or overwritten, are no exception."""
    whole = encode(event(strategy="é" * data.draw(st.integers(0, 40))))
    at = data.draw(st.integers(0, len(whole)))
    noise = data.draw(st.binary(max_size=12))
    overwritten = whole[:at] + noise + whole[at + len(noise) :]
    header = whole[:HEADER_BYTES]
    _assert_same([overwritten, header + noise, noise, whole[:at], whole, None, b""])


def _numbers() -> st.SearchStrategy[float]:
    return st.sampled_from(EXTREMES) | st.floats(width=64)


@settings(max_examples=300)
@given(
    mid=st.none() | _numbers(),
    avg=st.none() | _numbers(),
    notional=_numbers(),
    pnl=st.none() | _numbers(),
    ack=st.none() | st.integers(-2, 1 << 56),
)
def test_both_folds_agree_on_extreme_values(**changes: Any) -> None:  # noqa: ANN401
    """Rounding, limits, NaN, infinities, signed zeros and subnormals are those of Python."""
    made = event(
        arrival_mid=changes["mid"],
        avg_price=changes["avg"],
        notional=changes["notional"],
        pnl=changes["pnl"],
        ack_latency_us=changes["ack"],
    )
    markout = replace(made, kind=Kind.MARKOUT, source_seq=1)
    _assert_same([encode(made), encode(markout)])


@pytest.mark.parametrize("size", [1, 7, 8, 9, 63, 64, 65, 300, 5_000])
def test_strings_of_any_length_keep_groups_apart(size: int) -> None:
    """Names that differ in their last byte only, or in where one ends, are different groups."""
    names = ["a" * size, "a" * (size - 1) + "b", "a" * (size + 1), "é" * size]
    values = [
        encode(event(source=name, strategy=name, venue=other, source_seq=seq))
        for name in names
        for seq, other in enumerate(names)
    ]
    drained, bad, _ = _assert_same([*values])
    assert len(drained.partials) == len(drained.publishers) * len(names) == len(values)
    assert not bad


def test_thousands_of_groups_and_publishers_make_the_tables_grow() -> None:
    """Tables that grow in the middle of a batch lose nothing and count nothing twice."""
    rng = random.Random(3)
    values = [
        encode(
            event(
                source=f"gateway-{seq % 700}",
                source_seq=seq // 700,
                unit=f"A{seq}",
                account=f"A{seq}",
                pnl=rng.gauss(0, 1e5),
                ack_latency_us=rng.randrange(1 << 40),
            )
        )
        for seq in range(2_100)
    ]
    drained, _, snapshot = _assert_same([*values])
    assert len(drained.partials) == 2_100
    assert len(snapshot.publishers) == 700


def test_one_group_with_thousands_of_buckets_makes_the_histogram_grow() -> None:
    """A histogram larger than its first table is complete."""
    rng = random.Random(4)
    values = [
        encode(event(source_seq=seq, pnl=rng.choice((-1, 1)) * 10 ** rng.uniform(-6, 9.5)))
        for seq in range(6_000)
    ]
    drained, _, _ = _assert_same([*values])
    assert sum(len(each.buckets) for each in drained.partials[0].measures) > 4_000


def test_the_same_key_in_longer_varints_is_the_same_group() -> None:
    """Bytes of a key may differ where Avro lets a number or a length be written longer."""
    plain = event(routing_revision=3)
    value = encode(plain)
    name = plain.strategy.encode()
    prefix = bytes([2 * len(name)])
    longer = encode(replace(plain, source_seq=1)).replace(
        prefix + name, bytes([prefix[0] | 0x80, 0x00]) + name
    )
    drained, bad, _ = _assert_same([value, longer])
    assert [each.orders for each in drained.partials] == [2]
    assert not bad


def test_older_contracts_are_folded_in_their_place() -> None:
    """What an older contract wrote is resolved by Avro's rules, between current records."""
    schema = contract_json(ExecutionEvent)
    current = encode(event(symbol="", source_seq=1))
    fields = [field for field in schema["fields"] if field["name"] != "ack_latency_us"]
    older = {**schema, "fields": fields}
    made = encode(event(symbol="", source_seq=0, ack_latency_us=None))
    old = header_of(older) + made[HEADER_BYTES:-1]
    values = [old, current, old[:-1], old, header_of(schema)[:-1] + b"x" + old[HEADER_BYTES:]]
    folds = PlainFold(), CompiledFold()
    for fold in folds:
        fold._reader = EventReader((older,))  # no release has changed this contract yet
    plain = _answers(folds[0], [*values])
    assert _answers(folds[1], [*values]) == plain
    drained, bad, _ = plain
    assert [offset for offset, _ in bad] == [2, 4]
    assert drained.tallies[0].duplicates == 1
    assert drained.tallies[0].events == merged(drained.partials)[0].orders == 2
