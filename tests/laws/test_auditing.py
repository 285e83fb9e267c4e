"""The pure parts of an audit: orders read off their bytes, chains under every kind of tampering."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.executions import event
from tradecanary.auditing.routing import Issued, RoutingAudit
from tradecanary.processors.auditing import chain
from tradecanary.processors.auditing.chain import Chain, content_hash
from tradecanary.processors.auditing.findings import Finding, What
from tradecanary.processors.auditing.orders import cell_of, decided_of, order_of
from tradecanary.processors.auditing.support import facts_of
from tradecanary.processors.decision.chain import hash_of
from tradecanary.processors.stage import LogRecord
from tradecanary.producers.assignment import assign
from tradecanary.schemas.codec import ContractViolation, encode
from tradecanary.schemas.decisions import (
    Check,
    Decision,
    DecisionKind,
    Evidence,
    RolloutStatus,
    Vector,
)
from tradecanary.schemas.execution import ExecutionEvent, Kind, Mode
from tradecanary.schemas.routing import CellWeights, UnitKind, VariantWeight
from tradecanary.schemas.topics import DECISIONS
from tradecanary.schemas.units import CANARY, FULL_WEIGHT_BP, STABLE

_NO_EVIDENCE = Evidence(0, "", 0, 0, (), (), (), (), None)
_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=90)
_name = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=90)
_events = st.builds(
    event,
    source=_name,
    source_seq=st.integers(-1, 1 << 43),
    kind=st.sampled_from(Kind),
    mode=st.sampled_from(Mode),
    strategy=_name,
    version=_text,
    variant=_name,
    routing_revision=st.integers(0, 1 << 40),
    weight_bp=st.integers(0, FULL_WEIGHT_BP),
    unit=_text,
    account=_text,
    region=_text,
    venue=_text,
    order_id=_text,
)


@given(_events)
def test_an_order_is_read_off_its_bytes(one: ExecutionEvent) -> None:
    """What is read without decoding is what decoding gives, whatever the lengths of the texts."""
    order = order_of(encode(one))

    assert (one.kind is Kind.OUTCOME, one.mode is Mode.LIVE) == (order.is_outcome, order.is_live)
    assert (
        one.strategy, one.version, one.variant, one.routing_revision, one.weight_bp
    ) == decided_of(order.decided)  # fmt: skip
    assert (one.region, one.venue) == cell_of(order.cell)
    assert one.unit == order.unit.decode()
    assert (one.unit == one.account, one.unit == one.order_id) == (
        order.is_account,
        order.is_order_id,
    )


def test_bytes_that_end_early_are_no_order() -> None:
    """Cut anywhere within its names a record is refused, never read beyond its end."""
    value = encode(event(order_id="the-order"))
    end = value.index(b"the-order") + len("the-order")
    for cut in range(end):
        with pytest.raises(ContractViolation):
            order_of(value[:cut])
    with pytest.raises(ContractViolation):
        order_of(None)


def _cell(canary_bp: int, region: str = "*", venue: str = "*") -> CellWeights:
    stable = VariantWeight(STABLE, "v1", FULL_WEIGHT_BP - canary_bp)
    return CellWeights(region, venue, (stable, VariantWeight(CANARY, "v2", canary_bp)))


def _vector(revision: int, canary_bp: int) -> Vector:
    return Vector(revision, "salt", "v1", (_cell(canary_bp),))


def _decision(number: int, previous: str) -> Decision:
    made = Decision(
        strategy="momentum",
        number=number,
        rollout="r1",
        time_us=number,
        kind=DecisionKind.INCREASE,
        status=RolloutStatus.ACTIVE,
        before=_vector(number, number - 1),
        after=_vector(number + 1, number),
        reason=f"step {number}",
        evidence=_NO_EVIDENCE,
        partition=0,
        look=number,
        epoch=1,
        policy_hash="p",
        actor="decider",
        command_id="",
        hold="",
        previous_hash=previous,
        hash="",
    )
    return replace(made, hash=hash_of(made))


def _made(count: int) -> list[Decision]:
    found: list[Decision] = []
    for number in range(1, count + 1):
        found.append(_decision(number, found[-1].hash if found else ""))
    return found


def _checked(decisions: list[Decision]) -> list[Finding]:
    one = Chain("momentum", from_start=True)
    found: list[Finding] = []
    for offset, decision in enumerate(decisions):
        record = LogRecord(DECISIONS.name, 0, offset, 0, b"momentum", encode(decision))
        one, problems = chain.step(one, record, decision)
        found += problems
    return [*found, *chain.finish(one)]


@given(st.integers(1, 12))
def test_a_chain_that_was_made_is_whole(count: int) -> None:
    """The record's own bytes give the hash that the decider made; nothing is found."""
    made = _made(count)

    assert [one.hash for one in made] == [content_hash(encode(one)) for one in made]
    assert [] == _checked(made)


@given(st.integers(0, 8), st.integers(0, 8))
def test_a_removed_decision_is_found_behind_it(at: int, more: int) -> None:
    """One finding for a run of removed ones, at the decision behind them."""
    made = _made(10)
    last = min(at + more, 8)
    left = made[:at] + made[last + 1 :]
    (found,) = _checked(left)

    assert (What.REMOVED, at, f"decision {at + 1}") == (found.what, found.offset, found.expected)


@given(st.permutations(range(6)))
def test_reordered_decisions_are_found_and_none_is_missing(order: list[int]) -> None:
    """However they are shuffled: each that lies behind a later one is named, and no other."""
    made = _made(6)
    late = [at for at, number in enumerate(order) if number < max(order[: at + 1])]
    found = _checked([made[number] for number in order])

    assert [(What.REORDERED, at) for at in late] == [(one.what, one.offset) for one in found]


@given(st.integers(0, 5), st.sampled_from(["reason", "actor", "rollout", "previous_hash", "hash"]))
def test_a_changed_decision_is_found_once(at: int, field: str) -> None:
    """Whatever is changed under the old hash, the hash itself included."""
    made = _made(6)
    made[at] = replace(made[at], **{field: "forged"})  # type: ignore[arg-type]

    assert [(What.CHANGED, at)] == [(one.what, one.offset) for one in _checked(made)]


def _audit(unit: UnitKind, cells: tuple[CellWeights, ...]) -> RoutingAudit:
    issued = Issued()
    vector = Vector(2, "salt", "v1", cells)
    issued.take(replace(_decision(1, ""), after=vector))
    issued.units["momentum", "r1"] = unit
    return RoutingAudit(issued, complete=True)


@pytest.mark.parametrize(
    ("variant", "weight_bp", "is_found"),
    [(STABLE, FULL_WEIGHT_BP, False), (STABLE, 0, False), (STABLE, 9_000, True), (CANARY, 0, True)],
)
def test_revision_0_is_the_baseline_s(variant: str, weight_bp: int, *, is_found: bool) -> None:
    """No coin decided: stable, whole. A canary order that says so contradicts itself."""
    one = event(variant=variant, weight_bp=weight_bp, routing_revision=0)
    audit = _audit(UnitKind.ORDER, (_cell(500),))
    found = audit.check(order_of(encode(one)))

    assert (What.MISROUTED if is_found else None) == (found[1].what if found else None)
    assert audit.counts.no_coin == (not is_found)


@given(
    unit=st.sampled_from(UnitKind),
    name=_name,
    canary_bp=st.integers(0, FULL_WEIGHT_BP),
    is_other=st.booleans(),
)
def test_an_order_fits_its_coin_or_is_found(
    unit: UnitKind, name: str, canary_bp: int, *, is_other: bool
) -> None:
    """What the router's coin gives passes, the other variant never does."""
    weights = {STABLE: FULL_WEIGHT_BP - canary_bp, CANARY: canary_bp}
    variant = assign("salt", name, weights)
    if is_other:
        variant = CANARY if variant == STABLE else STABLE
    one = event(
        variant=variant,
        version={STABLE: "v1", CANARY: "v2"}[variant],
        weight_bp=weights[variant],
        routing_revision=2,
        unit=name,
        order_id=name if unit is UnitKind.ORDER else "o-1",
        account=name if unit is UnitKind.ACCOUNT else "a-1",
    )
    problem = _audit(unit, (_cell(canary_bp),)).check(order_of(encode(one)))

    assert is_other == (problem is not None and problem[1].what is What.MISROUTED)


def test_the_most_exact_cell_rules() -> None:
    """An order is held to the weights of its own cell, and outside all cells no coin is tossed."""
    cells = (_cell(0, "us", "XNAS"), _cell(FULL_WEIGHT_BP, "us", "*"))
    canary = event(
        variant=CANARY, version="v2", weight_bp=FULL_WEIGHT_BP, routing_revision=2, unit="order-1"
    )
    canary = replace(canary, order_id="order-1")
    audit = _audit(UnitKind.ORDER, cells)
    elsewhere, inside, outside = (
        audit.check(order_of(encode(replace(canary, region=region, venue=venue))))
        for region, venue in (("us", "XNYS"), ("us", "XNAS"), ("eu", "XLON"))
    )

    assert elsewhere is None
    assert inside is not None
    assert outside is not None
    assert "outside its cells" in outside[1].expected


def test_numbers_are_compared_as_a_topic_tells_them() -> None:
    """A limit of 3 is 3.0 once written: no difference; another value is one."""
    made = _decision(1, "")
    three, as_read, four = (
        replace(made, evidence=replace(_NO_EVIDENCE, checks=(Check("c", value, 3, "", False),)))
        for value in (3, 3.0, 4)
    )

    assert facts_of(three) == facts_of(as_read) != facts_of(four)
