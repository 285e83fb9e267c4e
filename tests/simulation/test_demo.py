"""The demo: one canary promoted, one taken back, the same bytes for the same seed."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tradecanary import trail
from tradecanary.demo.rollouts import PLANNED, Planned, play
from tradecanary.schemas.codec import encode
from tradecanary.schemas.decisions import Decision, DecisionKind, RolloutStatus

_HEALTHY, _SLOW = PLANNED
_SEED = 2
"""What `tradecanary demo` takes without --seed: no hold on the way, so the trail is short."""
_README = Path(__file__).parents[2] / "README.md"


@cache
def _played(planned: Planned) -> list[Decision]:
    return list(play(planned, _SEED))


def test_the_healthy_canary_is_promoted_through_all_phases() -> None:
    """START, INCREASE, PROMOTE, FINISH, and nothing else after the command's answer."""
    decisions = _played(_HEALTHY)

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
    first, second = _played(_SLOW), list(play(_SLOW, _SEED))

    assert RolloutStatus.ROLLED_BACK is first[-1].status
    assert first[-1].reason.startswith("latency")
    assert [encode(decision) for decision in first] == [encode(decision) for decision in second]


def test_the_readme_shows_what_the_demo_prints() -> None:
    """Each line of both trails stands in the README's block, in order."""
    shown = _README.read_text(encoding="utf-8").split("<!-- demo -->")[1].split("<!-- /demo -->")[0]
    lines = []
    for planned in PLANNED:
        decisions = _played(planned)
        since_us = decisions[0].time_us
        lines += [f"  {trail.line(decision, since_us)}" for decision in decisions]
        lines.append(f"  {trail.summary(decisions)}")

    assert lines == [line for line in shown.splitlines() if line in set(lines)]
