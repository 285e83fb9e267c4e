"""What retention has deleted is said, not found wrong; what is left is still held to its inputs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.simulation.worlds import CANARY_BUILD, QUICK, STABLE_BUILD, STRATEGY, Rollout
from tests.tape import Tape, audited
from tradecanary.processors.auditing.findings import What
from tradecanary.processors.decision.policy import Policy
from tradecanary.processors.decision.spec import RolloutSpec
from tradecanary.schemas.canonical import canonical_json
from tradecanary.schemas.decisions import Decision, DecisionKind, Look
from tradecanary.schemas.metrics import MetricsBatch
from tradecanary.schemas.routing import CommandKind
from tradecanary.schemas.topics import DECISION_INPUTS, DECISIONS, METRICS

_DECISIONS = DECISIONS.name


@pytest.fixture(scope="module")
def two() -> Tape:
    """Give two rollouts one after the other: one promoted, the next rolled back by hand."""
    rollout = Rollout.begin(gateways=2)
    rollout.run()
    world = rollout.world
    world.run_for(10)
    spec = RolloutSpec(
        rollout="r2",
        strategy=STRATEGY,
        stable=CANARY_BUILD,
        canary=STABLE_BUILD,
        policy=Policy.model_validate(QUICK),
    )
    arguments = canonical_json(spec.model_dump(mode="json"))
    for kind, wait_s, given in ((CommandKind.START, 4, arguments), (CommandKind.ABORT, 3, "{}")):
        world.operator.command(STRATEGY, kind, actor="ana", reason="again", arguments=given)
        world.run_for(wait_s)
    return Tape(world.log)


def _between(tape: Tape) -> tuple[Tape, int]:
    """The topics after retention took all inputs of the first rollout, and what is then left."""
    decisions = [one for _, one in tape.every(_DECISIONS, Decision)]
    (end,) = [one.look for one in decisions if one.kind is DecisionKind.FINISH]
    cut = Tape(tape.log())
    looks = tape.every(DECISION_INPUTS.name, Look)
    first = next(at.offset for at, one in looks if one.number == end + 4)
    cut.cut(DECISION_INPUTS.name, first)
    metrics = tape.every(METRICS.name, MetricsBatch)
    names = {
        (part.slot, number)
        for _, look in looks
        if look.number > end + 8
        for part in look.manifests
        for number in range(part.first_transaction, part.last_transaction + 1)
    }
    cut.cut(METRICS.name, next(at.offset for at, b in metrics if (b.slot, b.transaction) in names))
    (start,) = [
        one.look for one in decisions if one.kind is DecisionKind.START and one.rollout == "r2"
    ]
    return cut, sum(one.look >= start for one in decisions)


def test_beyond_retention_it_says_from_where_on(two: Tape) -> None:
    """What rests on deleted inputs is not held to them; from the next START on everything is."""
    cut, rest = _between(two)
    found, told = audited(cut.log())

    assert ([], rest) == (told, found.recomputed)
    (note,) = found.notes
    assert f"{found.decisions - rest} decisions could not be made again" in note
    assert "from the START at look" in note


def test_beyond_retention_what_is_left_is_still_held(two: Tape) -> None:
    """A decision changed after that START, all hashes made anew, is found."""
    cut, _ = _between(two)
    cut.rewrite(
        lambda one: replace(one, actor="ben") if one.kind is DecisionKind.ROLL_BACK else one
    )
    _, told = audited(cut.log(), executions=False)

    assert [What.UNSUPPORTED] == [one.what for one in told]
    assert ("actor ana", "actor ben") == (told[0].expected, told[0].found)


def test_inputs_that_are_all_gone_are_no_finding(two: Tape) -> None:
    """With no look left nothing is made again, and the chain and the orders are checked still."""
    cut = Tape(two.log())
    cut.cut(DECISION_INPUTS.name, cut.at(DECISION_INPUTS.name, -1).offset + 1)
    found, told = audited(cut.log())

    assert ([], 0, 8) == (told, found.recomputed, found.decisions)
    (note,) = found.notes
    assert "their inputs are gone; none was" in note


def test_decisions_beyond_retention_are_no_finding(two: Tape) -> None:
    """A topic that no longer holds the first decisions: the chain is checked from what is left."""
    cut = Tape(two.log())
    cut.cut(_DECISIONS, cut.at(_DECISIONS, 4).offset)
    found, told = audited(cut.log())

    assert [] == told
    assert any("from decision 5 on" in note for note in found.notes)
    assert found.orders is not None
    assert found.orders.older > 0
