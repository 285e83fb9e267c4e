"""What is planted in the topics of a recorded day is found, at the offset where it was planted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.simulation.recorded_worlds import world
from tests.simulation.worlds import STRATEGY, Rollout
from tests.tape import Tape, audited, offsets
from tradecanary.processors.auditing.findings import What
from tradecanary.processors.decision.chain import hash_of
from tradecanary.schemas.codec import decode
from tradecanary.schemas.decisions import Decision, DecisionKind, Look
from tradecanary.schemas.execution import ExecutionEvent, Kind
from tradecanary.schemas.metrics import MetricsBatch
from tradecanary.schemas.routing import UnitKind
from tradecanary.schemas.topics import (
    COMMANDS,
    DECISION_INPUTS,
    DECISIONS,
    EXECUTIONS,
    METRICS,
)
from tradecanary.schemas.units import CANARY, STABLE

_DECISIONS = DECISIONS.name


@pytest.fixture
def tape() -> Tape:
    """Give the topics of a day whose canary was promoted, to be tampered with."""
    return Tape(world(None).world.log)


@pytest.mark.parametrize(
    ("fault", "unit"),
    [(None, UnitKind.ORDER), ("slow:3", UnitKind.ORDER), (None, UnitKind.ACCOUNT)],
)
def test_a_day_that_was_gives_no_finding(fault: str | None, unit: UnitKind) -> None:
    """Every decision is made again, every order's coin is tossed again: all as recorded."""
    log = world(fault, unit).world.log
    found, told = audited(log)
    events = [one for _, one in Tape(log).every(EXECUTIONS.name, ExecutionEvent)]
    orders = [one for one in events if one.kind is Kind.OUTCOME]

    assert [] == told
    assert [] == found.notes
    assert found.decisions == found.recomputed == len(world(fault, unit).decisions)
    assert found.orders is not None
    assert (len(orders), len(events) - len(orders)) == (found.orders.orders, found.orders.markouts)
    assert sum(one.routing_revision == 0 for one in orders) == found.orders.no_coin > 0


def test_a_changed_decision_is_found(tape: Tape) -> None:
    """Other words under the old hash: the hash tells, and so do the inputs."""
    record = tape.at(_DECISIONS, 2)
    tape.put(record, replace(decode(Decision, record.value), reason="all was well"))
    _, told = audited(tape.log())

    place = (_DECISIONS, 0, record.offset)
    assert [("CHANGED", *place), ("UNSUPPORTED", *place)] == offsets(told)
    assert "reason all was well" == told[1].found


def test_a_changed_decision_with_a_new_hash_is_found_at_the_next_one(tape: Tape) -> None:
    """Who makes the hash anew breaks the link of the decision behind it."""
    record, after = tape.at(_DECISIONS, 2), tape.at(_DECISIONS, 3)
    forged = replace(decode(Decision, record.value), reason="all was well", hash="")
    tape.put(record, replace(forged, hash=hash_of(forged)))
    _, told = audited(tape.log())

    assert [
        ("UNSUPPORTED", _DECISIONS, 0, record.offset),
        ("UNLINKED", _DECISIONS, 0, after.offset),
    ] == offsets(told)


@pytest.mark.parametrize("index", [0, 2, 3])
def test_a_removed_decision_is_found_at_the_one_behind_it(tape: Tape, index: int) -> None:
    """The numbers tell, and the look that gave it; routing is known from the decisions left."""
    record, after = tape.at(_DECISIONS, index), tape.at(_DECISIONS, index + 1)
    gone = decode(Decision, record.value)
    tape.remove(record)
    _, told = audited(tape.log())
    (look,) = [at for at, one in tape.every(DECISION_INPUTS.name, Look) if one.number == gone.look]

    assert [
        ("REMOVED", _DECISIONS, 0, after.offset),
        ("UNWRITTEN", DECISION_INPUTS.name, 0, look.offset),
    ] == offsets(told)
    assert f"decision {gone.number}" == told[0].expected
    assert gone.reason in told[1].expected


def test_the_last_decision_removed_is_found_by_its_look() -> None:
    """No chain tells that its end is missing: the looks behind it do."""
    rollout = Rollout.begin("slow:3", gateways=2)
    rollout.run()
    rollout.world.run_for(2)
    tape = Tape(rollout.world.log)
    last = tape.at(_DECISIONS, -1)
    tape.remove(last)
    _, told = audited(tape.log(), executions=False)

    assert [What.UNWRITTEN] == [one.what for one in told]
    assert told[0].expected.startswith("ROLL_BACK to ROLLED_BACK: latency")


def test_reordered_decisions_are_found(tape: Tape) -> None:
    """Two that changed places: the one that now lies behind is named; each look has its own."""
    first, second = tape.at(_DECISIONS, 1), tape.at(_DECISIONS, 2)
    tape.swap(first, second)
    _, told = audited(tape.log())

    assert [("REORDERED", _DECISIONS, 0, second.offset)] == offsets(told)
    assert "decision 2" == told[0].found


def test_a_repeated_decision_is_found(tape: Tape) -> None:
    """A record that is there twice is named where it is there again."""
    second, third = tape.at(_DECISIONS, 1), tape.at(_DECISIONS, 2)
    assert second.value is not None
    tape.put(third, second.value)
    _, told = audited(tape.log(), executions=False)

    assert ("REORDERED", _DECISIONS, 0, third.offset) == offsets(told)[0]
    assert "decision 2, which was there before" == told[0].found


def test_an_unreadable_decision_is_found_once(tape: Tape) -> None:
    """Bytes that are no decision: the chain goes on behind them, the look tells what was there."""
    record = tape.at(_DECISIONS, 2)
    tape.put(record, b"no decision")
    _, told = audited(tape.log())

    assert ["UNREADABLE", "UNWRITTEN"] == [one.what.value for one in told]
    assert (record.offset, STRATEGY) == (told[0].offset, told[0].strategy)


def test_a_chain_forged_from_end_to_end_is_not_what_its_inputs_give(tape: Tape) -> None:
    """A decision left out or changed, every hash made anew: the chain fits, the inputs do not."""
    left_out, lied = Tape(tape.log()), tape
    left_out.rewrite(lambda one: None if one.kind is DecisionKind.INCREASE else one)
    lied.rewrite(lambda one: replace(one, actor="ben") if one.kind is DecisionKind.PROMOTE else one)
    _, missing = audited(left_out.log(), executions=False)
    _, wrong = audited(lied.log(), executions=False)
    (promote,) = [
        at for at, one in lied.every(_DECISIONS, Decision) if one.kind is DecisionKind.PROMOTE
    ]

    # the decision behind the one left out no longer goes on where the chain now ends
    assert [What.UNLINKED, What.UNWRITTEN] == [one.what for one in missing]
    assert missing[1].expected.startswith("INCREASE to ACTIVE")
    assert [("UNSUPPORTED", _DECISIONS, 0, promote.offset)] == offsets(wrong)
    assert ("actor decider", "actor ben") == (wrong[0].expected, wrong[0].found)


@pytest.mark.parametrize("look", [-1, 0, 1 << 40])
def test_a_decision_made_up_is_found(tape: Tape, look: int) -> None:
    """One more decision at the end, with all hashes right: no look gives it, whichever it names."""
    record = tape.at(_DECISIONS, -1)
    last = decode(Decision, record.value)
    looks = [one.number for _, one in tape.every(DECISION_INPUTS.name, Look)]
    extra = replace(
        last,
        number=last.number + 1,
        look=look if look >= 0 else looks[-1],
        before=last.after,
        previous_hash=last.hash,
        hash="",
        reason="so",
    )
    log = tape.log()
    log.append(_DECISIONS, record.key, b"", partition=0)
    made = Tape(log)
    added = made.at(_DECISIONS, -1)
    made.put(added, replace(extra, hash=hash_of(extra)))
    _, told = audited(made.log(), executions=False)

    assert [("UNSUPPORTED", _DECISIONS, 0, added.offset)] == offsets(told)


def test_a_decision_whose_inputs_were_changed_is_found(tape: Tape) -> None:
    """Sums made better in `metrics`: the decisions that rest on them are not what they give."""
    for record, batch in tape.every(METRICS.name, MetricsBatch):
        partials = tuple(
            replace(one, orders=one.orders + 1) if one.variant == CANARY else one
            for one in batch.partials
        )
        tape.put(record, replace(batch, partials=partials))
    _, told = audited(tape.log(), executions=False)

    assert What.UNSUPPORTED in {one.what for one in told}
    assert {_DECISIONS, DECISION_INPUTS.name} >= {one.topic for one in told}


@pytest.mark.parametrize("topic", [DECISION_INPUTS.name, METRICS.name, COMMANDS.name])
def test_a_removed_input_is_found_at_the_look(tape: Tape, topic: str) -> None:
    """A look that is gone, or names what is gone; behind it nothing is held against anybody."""
    tape.remove(tape.at(topic, 0 if topic == COMMANDS.name else 40))
    found, told = audited(tape.log(), executions=False)

    assert ["INPUT_REMOVED"] == [one.what.value for one in told]
    assert DECISION_INPUTS.name == told[0].topic
    assert found.recomputed < found.decisions
    assert any("could not be made again, it stopped after look" in note for note in found.notes)


def test_an_order_routed_against_its_weights_is_found(tape: Tape) -> None:
    """A stable order claimed by the canary and one the other way: each is named by its coin."""
    events = tape.every(EXECUTIONS.name, ExecutionEvent)
    decisions = [one for _, one in tape.every(_DECISIONS, Decision)]
    (start,) = [one for one in decisions if one.kind is DecisionKind.START]
    weights = {one.variant: one for one in start.after.cells[0].weights}
    planted = []
    for variant, other in ((STABLE, CANARY), (CANARY, STABLE)):
        record, event = next(
            (at, one)
            for at, one in events
            if (one.routing_revision, one.variant) == (start.after.revision, variant)
        )
        arm = weights[other]
        tape.put(
            record,
            replace(event, variant=other, version=arm.version, weight_bp=arm.weight_bp),
        )
        planted.append(("MISROUTED", EXECUTIONS.name, record.partition, record.offset))
    _, told = audited(tape.log())

    assert sorted(planted) == sorted(offsets(told))
    assert all("the coin of" in one.found for one in told)


@pytest.mark.parametrize(
    ("fields", "what", "said"),
    [
        ({"weight_bp": 4_999}, "MISROUTED", "at 4999 bp"),
        ({"version": "momentum-9.9.9-00000000"}, "MISROUTED", "momentum-9.9.9-00000000"),
        ({"routing_revision": 99}, "UNKNOWN_REVISION", "revision 99"),
        ({"unit": "lucky"}, "MISROUTED", "unit 'lucky'"),
    ],
)
def test_an_order_that_cannot_have_been_is_found(
    tape: Tape, fields: dict[str, object], what: str, said: str
) -> None:
    """Another weight, build, revision or unit than any vector gives."""
    events = tape.every(EXECUTIONS.name, ExecutionEvent)
    record, event = next((at, one) for at, one in events if one.routing_revision == 1)
    tape.put(record, replace(event, **fields))  # type: ignore[arg-type]
    _, told = audited(tape.log())

    assert [(what, EXECUTIONS.name, record.partition, record.offset)] == offsets(told)
    assert said in told[0].found


def test_only_what_concerns_one_strategy(tape: Tape) -> None:
    """Named, a strategy's findings come alone; without `executions` no order is read."""
    record = tape.at(_DECISIONS, 2)
    tape.put(record, replace(decode(Decision, record.value), reason="all was well"))
    mine, told = audited(tape.log(), strategy=STRATEGY, executions=False)
    other, none = audited(tape.log(), strategy="another")

    assert (None, 2) == (mine.orders, len(told))
    assert ([], 0, 0) == (none, other.decisions, other.orders.orders if other.orders else -1)
