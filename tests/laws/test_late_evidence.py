"""When the judge is called late: for one publisher's clock, not for what is yet to be read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.stories.teller import STRATEGY, Teller
from tradecanary.processors.decision.data import late_evidence
from tradecanary.processors.decision.frontier import Flow
from tradecanary.processors.decision.model import Rollout
from tradecanary.schemas.units import US_PER_S

_STARTED = """
run 20s
start policy=aggressive
-> HOLD PENDING
-> START
run 5s
"""
_LIMIT_S = 5 + 10 + 2
"""`stale_hold_s`, the time for which a publisher is waited for, and the order horizon."""


@pytest.fixture
def running() -> tuple[Rollout, Flow]:
    """Give a rollout that runs, and the flow that was folded for it."""
    teller = Teller()
    teller.tell(_STARTED)
    rollout, flow = teller.state.strategies[STRATEGY].rollout, teller.state.flow
    assert rollout is not None
    assert flow is not None
    return rollout, flow


@pytest.mark.parametrize(("behind_s", "is_late"), [(0, False), (_LIMIT_S, False), (18, True)])
def test_it_is_late_beyond_what_is_waited_for_anyway(
    running: tuple[Rollout, Flow], behind_s: int, *, is_late: bool
) -> None:
    """A publisher that was heard 10 s ago is nothing new, and a horizon is always waited for."""
    rollout, flow = running

    found = late_evidence(rollout, flow, flow.watermark_us + behind_s * US_PER_S)

    assert is_late == (found is not None)
    assert found is None or not found.harm


def test_what_was_not_read_yet_is_nobodys_clock(running: tuple[Rollout, Flow]) -> None:
    """A decider that takes over after an hour finds an hour of events: those are to be read."""
    rollout, flow = running
    unread = {number: replace(one, confirmed=False) for number, one in flow.partitions.items()}
    later_us = flow.watermark_us + 3_600 * US_PER_S

    assert late_evidence(rollout, flow, later_us) is not None
    assert late_evidence(rollout, replace(flow, partitions=unread), later_us) is None
