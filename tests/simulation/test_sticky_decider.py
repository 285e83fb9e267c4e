"""Sticky accounts through the whole decider, seeded: what is claimed of the engine holds there."""

from __future__ import annotations

import pytest
import scipy.stats

from tests.simulation.accounts_world import World
from tests.simulation.decider_by_account import decided
from tests.simulation.worlds import QUICK, STRATEGY, Rollout
from tradecanary.processors.decision.judges.accounts.state import AccountsState
from tradecanary.processors.runtime.decision_recovery import recover
from tradecanary.processors.runtime.decision_task import DecisionTask
from tradecanary.processors.runtime.runner import Runner
from tradecanary.processors.stage import TopicPartition
from tradecanary.schemas.decisions import DecisionKind
from tradecanary.schemas.routing import UnitKind
from tradecanary.schemas.topics import DECISION_STATE


def test_healthy_canaries_stay() -> None:
    """A/A at alpha .05: false rollbacks within the 99.9 % bound of Binomial(20, .05).

    That is 5 of 20. Judged order by order it would be about 10 (statistics.md 5.8).
    """
    worlds = (
        World(300, 1_000, orders=8_000, before=8_000, alpha=0.05),
        World(300, 5_000, orders=8_000, before=4_000, alpha=0.05),
    )
    ends = [decided(world, seed).kind for world in worlds for seed in range(10)]

    assert set(ends) <= {DecisionKind.START, DecisionKind.HOLD, DecisionKind.ROLL_BACK}
    assert ends.count(DecisionKind.ROLL_BACK) <= scipy.stats.binom.ppf(0.999, 20, 0.05)


@pytest.mark.parametrize("weight_bp", [1_000, 5_000])
def test_half_a_basis_point_is_found(weight_bp: int) -> None:
    """+0.5 bp with 300 accounts and their past at alpha .01: table 24/25 and 25/25."""
    world = World(300, weight_bp, orders=16_000, before=16_000, harm_bp=0.5)
    ends = [decided(world, seed) for seed in range(6)]
    found = [end for end in ends if end.kind is DecisionKind.ROLL_BACK]

    assert len(found) >= 5
    assert all(end.reason.startswith("slippage is ") for end in found)


def test_a_decider_is_replaced_at_any_time() -> None:
    """Its parts of state, tombstones too, and the looks since are all that the next one needs."""
    ramp = [
        {"name": "One", "weight_bp": 2_000, "min_duration_s": 6},
        {"name": "Two", "weight_bp": 5_000, "min_duration_s": 600},
        {"name": "Full", "weight_bp": 10_000},
    ]
    policy = QUICK | {"ramp": ramp, "judge": {"kind": "sequential"}, "guards": {}}
    world = Rollout.begin(unit=UnitKind.ACCOUNT, policy=policy).world
    live = world.decision.states()[0]
    for seconds in (6.0, 11.0, 8.0):
        world.run_for(seconds)
        live = world.decision.states()[0]
        assert live == recover(world.log, 0).state
        world.runners[1].close()
        world.decision = DecisionTask()
        world.runners[1] = Runner(world.decision, world.log, world.now_us)
    assert live == recover(world.log, 0, from_start=True).state
    rollout = live.strategies[STRATEGY].rollout
    assert rollout is not None
    assert isinstance(rollout.judge_state, AccountsState)

    assert (1, True) == (rollout.judge_state.phase, rollout.judge_state.looks.done > 1)
    place = TopicPartition(DECISION_STATE.name, 0)
    assert any(record.value is None for record in world.log.read(place, 0))
