"""What a coin was tossed for is known of every revision, whatever was asked for beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.simulation.command_line import trading
from tests.simulation.worlds import CANARY_BUILD, QUICK, STABLE_BUILD, STRATEGY
from tests.tape import Tape, audited, offsets
from tradecanary.processors.decision.policy import Policy
from tradecanary.processors.decision.spec import RolloutSpec
from tradecanary.schemas.canonical import canonical_json
from tradecanary.schemas.decisions import Decision, DecisionKind
from tradecanary.schemas.execution import ExecutionEvent, Kind
from tradecanary.schemas.routing import CommandKind, UnitKind
from tradecanary.schemas.topics import DECISIONS, EXECUTIONS
from tradecanary.schemas.units import CANARY
from tradecanary.world import World

_REASON = "again; refused: by nobody"


def _ask(world: World, kind: CommandKind, arguments: str = "{}") -> Decision:
    answer = world.operator.command(
        STRATEGY, kind, actor="ana", reason=_REASON, arguments=arguments
    )
    assert answer is not None
    return answer


def _start(world: World, rollout: str, unit: UnitKind) -> str:
    """Ask for a rollout by orders or accounts; return the decider's own words."""
    spec = RolloutSpec(
        rollout=rollout,
        strategy=STRATEGY,
        stable=STABLE_BUILD,
        canary=CANARY_BUILD,
        policy=Policy.model_validate(QUICK),
        unit=unit.value,
    )
    arguments = canonical_json(spec.model_dump(mode="json"))
    return _ask(world, CommandKind.START, arguments).reason.partition(_REASON)[2]


def _refused_by_account(world: World) -> None:
    """Asked for by account while another rollout runs, then mended, and asked for once more."""
    _start(world, "r0", UnitKind.ORDER)
    world.run_for(2)
    assert _start(world, "r1", UnitKind.ACCOUNT).startswith("; refused: r0 is ACTIVE")
    _ask(world, CommandKind.ABORT)
    world.run_for(1)
    assert _start(world, "r1", UnitKind.ORDER).startswith("; r1 is PENDING")
    world.run_for(2)
    assert "was started before with another spec" in _start(world, "r1", UnitKind.ACCOUNT)
    world.run_for(1)


def _rearmed_while_another_is_pending(world: World) -> None:
    """No router attests a rollout by account; the weights reissued meanwhile are of the last."""
    _start(world, "r0", UnitKind.ORDER)
    world.run_for(2)
    _ask(world, CommandKind.ABORT)
    world.run_for(1)
    assert _start(world, "r1", UnitKind.ACCOUNT).startswith("; r1 is PENDING")
    world.run_for(1)
    assert _ask(world, CommandKind.REARM).kind is DecisionKind.REISSUE
    world.run_for(2)


@pytest.mark.parametrize("live_through", [_refused_by_account, _rearmed_while_another_is_pending])
def test_orders_are_held_to_the_unit_of_their_own_rollout(
    live_through: Callable[[World], None],
) -> None:
    """All orders are as they must be; one by account is found, and one that no weight gave."""
    world = trading()
    live_through(world)
    tape = Tape(world.log)
    newest = max(one.after.revision for _, one in tape.every(DECISIONS.name, Decision))
    _, clean = audited(tape.log())
    (by_account, sticky), (by_nothing, made_up) = [
        (record, one)
        for record, one in tape.every(EXECUTIONS.name, ExecutionEvent)
        if one.routing_revision == newest and one.kind is Kind.OUTCOME
    ][:2]
    tape.put(by_account, replace(sticky, unit=sticky.account))
    tape.put(by_nothing, replace(made_up, variant=CANARY, version=CANARY_BUILD, weight_bp=9_999))
    _, told = audited(tape.log())
    places = ((one.partition, one.offset) for one in (by_account, by_nothing))

    assert [] == clean
    assert [("MISROUTED", EXECUTIONS.name, *place) for place in places] == offsets(told)
    assert ("unit: the order id", f"unit {sticky.account!r}") == (told[0].expected, told[0].found)
