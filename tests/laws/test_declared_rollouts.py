"""What a SPEC declares: validated by field, hashed into the chain, and acted on as guards."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.laws.decision_input import BUILDS, LIMITS, spec
from tradecanary.processors.decision.model import LookEvent, PartitionState
from tradecanary.processors.decision.policy import PolicyProblem
from tradecanary.processors.decision.replay import fold
from tradecanary.processors.decision.snapshot import restore, snapshot
from tradecanary.processors.decision.spec import RolloutSpec, hash_of_arguments, read_spec
from tradecanary.processors.decision.step import initial, step
from tradecanary.schemas.canonical import canonical_json
from tradecanary.schemas.decisions import Decision, DecisionKind, Look, RolloutStatus
from tradecanary.schemas.routing import Command, CommandKind
from tradecanary.schemas.units import US_PER_S

_OLD = spec("r1", "momentum", BUILDS, 0)
_DECLARED = _OLD | {"owner": "desk", "budget": 500, "limits": LIMITS}


def _start(number: int, arguments: str) -> Command:
    return Command(f"c{number}", "momentum", "ana", 0, CommandKind.START, arguments, "go")


def _looks(*commands: Command) -> tuple[PartitionState, list[Decision], list[Look]]:
    """Return the state after a look a command, one a second, and what was decided and recorded."""
    state, decisions, looks = initial(0), [], []
    for number, command in enumerate(commands, 1):
        event = LookEvent(epoch=1, recorded_at_us=number * US_PER_S, commands=(command,))
        state, effects = step(state, event)
        records = [effect.record for effect in effects]
        decisions += [one for one in records if isinstance(one, Decision) and one.command_id]
        looks += [one for one in records if isinstance(one, Look)]
    return state, decisions, looks


def test_a_command_of_before_decodes_and_decides_as_before() -> None:
    """Without declarations nothing is new: not the guards, not a word of the decision."""
    text = canonical_json(_OLD)
    _, (decision,), _ = _looks(_start(1, text))
    old = read_spec(text, "recorded")

    assert (None, None, "", False) == (old.limits, old.budget, old.owner, old.limits_waived)
    assert old.policy.guards == old.guards
    assert f"start by ana: go; r1 is PENDING: {BUILDS[0]} -> {BUILDS[1]}" == decision.reason


def test_the_chain_holds_the_hash_of_a_declared_spec() -> None:
    """The hash of the arguments as they lie in `commands`, and that limits were waived."""
    text = canonical_json(_DECLARED)
    waived = canonical_json(_OLD | {"limits_waived": True})
    _, (declared,), _ = _looks(_start(1, text))
    _, (without,), _ = _looks(_start(1, waived))

    assert declared.reason.endswith(f"; spec {hash_of_arguments(text)}")
    assert without.reason.endswith(f"; spec {hash_of_arguments(waived)}; its limits were waived")
    full = RolloutSpec.model_validate(_DECLARED)
    assert hash_of_arguments(canonical_json(full.model_dump(mode="json"))) == full.hash


@pytest.mark.parametrize(
    ("guards", "declared", "acts"),
    [
        ({}, {}, (500, 1_000_000, None)),
        ({"loss_budget": 300, "max_orders": 10}, {"max_notional": 7}, (300, 10, 7)),
        ({"loss_budget": 900, "max_notional": 5}, {"max_notional": 7}, (500, 1_000_000, 5)),
    ],
)
def test_the_stricter_limit_acts(
    guards: dict[str, Any], declared: dict[str, Any], acts: tuple[float, float, float | None]
) -> None:
    """Budget and limits meet the policy's guards; the smaller of each is the guard."""
    made = spec("r1", "momentum", BUILDS, 0)
    policy = made["policy"]
    assert isinstance(policy, dict)
    full = RolloutSpec.model_validate(
        made | {"policy": policy | {"guards": guards}, "budget": 500, "limits": LIMITS | declared}
    )
    found = full.guards

    assert list(acts) == [found.loss_budget, found.max_orders, found.max_notional]
    assert full.policy.guards.error_burst == found.error_burst


@pytest.mark.parametrize("name", [name for name in LIMITS if name != "max_notional"])
def test_each_limit_must_be_there(name: str) -> None:
    """Three of four limits are none: the missing field is named."""
    limits = {key: value for key, value in LIMITS.items() if key != name}

    with pytest.raises(PolicyProblem, match=rf"limits\.{name}: is missing"):
        read_spec(canonical_json(_OLD | {"limits": limits}), "spec.yaml")


def test_a_scope_beyond_its_own_venues_is_refused() -> None:
    """A spec that names four venues and allows three contradicts itself."""
    scope = [{"venue": venue} for venue in ("XNAS", "XNYS", "XLON", "XETR")]

    with pytest.raises(PolicyProblem, match=r"scope names 4 venues; limits.max_venues allows 3"):
        read_spec(canonical_json(_DECLARED | {"scope": scope}), "spec.yaml")


def test_a_start_that_comes_again_changes_nothing() -> None:
    """The same spec under another command: answered with the present state; the rollout is one."""
    text = canonical_json(_DECLARED)
    reordered = canonical_json(RolloutSpec.model_validate(_DECLARED).model_dump(mode="json"))
    state, decisions, _ = _looks(_start(1, text), _start(2, text), _start(3, reordered))
    first, *again = decisions
    rollout = state.strategies["momentum"].rollout

    assert rollout is not None
    assert (1 * US_PER_S, "ana") == (rollout.created_at_us, rollout.starter)
    for decision in again:
        assert decision.reason == "start by ana: go; r1 was started before and is PENDING"
        assert (DecisionKind.HOLD, RolloutStatus.PENDING) == (decision.kind, decision.status)
        assert (first.rollout, first.after) == (decision.rollout, decision.after)


def test_another_spec_under_the_same_id_is_refused() -> None:
    """Also when the other spec differs in what is only declared."""
    other = canonical_json(_DECLARED | {"owner": "another desk"})
    state, (_, answer), _ = _looks(_start(1, canonical_json(_DECLARED)), _start(2, other))
    rollout = state.strategies["momentum"].rollout

    assert "refused: r1 was started before with another spec; ids are used once" in answer.reason
    assert rollout is not None
    assert "desk" == rollout.spec.owner


def test_a_snapshot_of_before_is_restored() -> None:
    """State that knows neither declarations nor ends goes on as it was."""
    state, _, _ = _looks(_start(1, canonical_json(_OLD)))
    parts = []
    for part in snapshot(state, {}).changed:
        payload = json.loads(part.payload)
        payload.pop("ends", None)
        for name in ("owner", "budget", "limits", "limits_waived"):
            payload.get("rollout", {}).get("spec", {}).pop(name, None)
        parts.append(replace(part, payload=json.dumps(payload).encode()))
    restored = restore(parts)

    assert restored is not None
    assert state == restored[0]


def test_ended_rollouts_are_known_by_spec_behind_later_ones() -> None:
    """r1 is aborted and r2 started: START of r1 is answered with its end, to the byte on replay."""
    r1, r2 = canonical_json(_DECLARED), canonical_json(_DECLARED | {"rollout": "r2"})
    abort = replace(_start(2, "{}"), kind=CommandKind.ABORT)
    commands = (_start(1, r1), abort, _start(3, r2), _start(4, r1))
    state, decisions, looks = _looks(*commands)
    known = {command.id: command for command in commands}
    *_, (folded, _) = fold(initial(0), looks, {}, known)

    assert decisions[-1].reason.endswith("; r1 was started before and is ROLLED_BACK")
    assert state == folded
    rollout = state.strategies["momentum"].rollout
    assert rollout is not None
    assert "r2" == rollout.spec.rollout
