"""The demo: one canary promoted, one taken back, the same bytes for the same seed."""

from __future__ import annotations

from tradecanary.demo.rollouts import PLANNED, play
from tradecanary.demo.trail import line
from tradecanary.schemas.codec import encode
from tradecanary.schemas.decisions import DecisionKind, RolloutStatus

_HEALTHY, _SLOW = PLANNED


def test_the_healthy_canary_is_promoted_through_all_phases() -> None:
    """START, INCREASE, PROMOTE, FINISH, and nothing else after the command's answer."""
    decisions = list(play(_HEALTHY, 1))

    assert RolloutStatus.PROMOTED is decisions[-1].status
    assert [
        DecisionKind.HOLD,
        DecisionKind.START,
        DecisionKind.INCREASE,
        DecisionKind.PROMOTE,
        DecisionKind.FINISH,
    ] == [decision.kind for decision in decisions]


def test_the_slow_canary_is_taken_back_and_the_bytes_repeat() -> None:
    """Latency is named with value and limit; the same seed gives the same bytes."""
    first, second = list(play(_SLOW, 1)), list(play(_SLOW, 1))

    assert RolloutStatus.ROLLED_BACK is first[-1].status
    assert "latency" in line(first[-1], first[0].time_us)
    assert [encode(decision) for decision in first] == [encode(decision) for decision in second]
