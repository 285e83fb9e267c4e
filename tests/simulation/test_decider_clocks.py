"""Leases live on whatever the clocks of the deciders' hosts say."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.simulation.worlds import STRATEGY, Rollout
from tradecanary.processors.runtime.decision_task import DecisionTask
from tradecanary.processors.runtime.runner import Runner
from tradecanary.processors.stage import TopicPartition
from tradecanary.schemas.routing import LeaseState
from tradecanary.schemas.topics import ROUTING_WEIGHTS
from tradecanary.schemas.units import US_PER_S


@pytest.mark.parametrize("behind_s", [30, -30])
def test_a_successor_renews_at_once_whatever_its_clock_says(behind_s: int) -> None:
    """A host 30 s behind (or ahead) takes over: every second the weights are written again."""
    world = Rollout.begin().world
    world.run_for(5)
    world.runners[1].close()
    world.decision = DecisionTask()
    world.runners[1] = Runner(
        world.decision, world.log, lambda: world.now_us() - behind_s * US_PER_S
    )
    since_ms = world.now_us() // 1000
    world.run_for(15)
    place = TopicPartition(ROUTING_WEIGHTS.name, 0)
    written_ms = [record.timestamp_ms for record in world.log.read(place)]
    gaps_ms = [b - a for a, b in pairwise([since_ms, *(at for at in written_ms if at > since_ms)])]

    assert len(gaps_ms) >= 14
    assert max(gaps_ms) < 2_000
    (seen,) = world.decision.states()[0].strategies[STRATEGY].routers.values()
    assert (LeaseState.VALID, 0) == (seen.status.lease, seen.status.lapses)
