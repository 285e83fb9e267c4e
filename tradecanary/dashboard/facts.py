"""What the pages show beyond `watch_view`: the evidence in one figure, routers one by one, rank.

Everything is read from the decider's state; nothing is judged a second time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tradecanary.processors.decision.chain import LEASE_MS
from tradecanary.processors.decision.commands import gates, next_gate
from tradecanary.processors.decision.judge_settings import Sequential
from tradecanary.processors.decision.judges.accounts.state import AccountsState
from tradecanary.processors.decision.judges.sequential.evidence import MICRO
from tradecanary.processors.decision.judges.sequential.state import SequentialState
from tradecanary.processors.decision.model import PartitionState, Rollout, StrategyState
from tradecanary.processors.decision.routers import HEARD_US
from tradecanary.processors.decision.transitions import CARRYING, ENDED
from tradecanary.schemas.decisions import RolloutStatus
from tradecanary.schemas.routing import BreakerState, LeaseState, RouterStatus
from tradecanary.schemas.units import CANARY, US_PER_S
from tradecanary.watch_view import watch_view

View = dict[str, Any]

RECENT_US = 15 * 60 * US_PER_S
"""So long is a roll-back shown among what asks for attention."""
LEASE_US = LEASE_MS * 1000


@dataclass(frozen=True, slots=True)
class Evidence:
    """How strong the evidence against the canary is, and where it rolls back; logarithms.

    `name`: what the number is, an e-value, or by account one over the p-value.
    """

    name: str
    nats: float
    limit_nats: float

    @property
    def share(self) -> float:
        """How much of the way to the limit is gone, 0 to 1."""
        return min(1.0, max(0.0, self.nats / self.limit_nats))


@dataclass(frozen=True, slots=True)
class RouterRow:
    """One router incarnation as it was last heard."""

    router: str
    revision: int
    follows: bool
    lease: LeaseState
    breaker: BreakerState
    killed: bool
    fallback: str
    lapses: int
    open: int
    backlog: int
    dropped: int
    silent_us: int
    loaded: bool

    @property
    def heard(self) -> bool:
        """Whether it was heard in the last 10 s."""
        return self.silent_us < HEARD_US


def evidence(rollout: Rollout) -> Evidence | None:
    """Return the judge's evidence in one figure; None for a judge of plain limits."""
    state, settings = rollout.judge_state, rollout.spec.policy.judge
    if isinstance(state, SequentialState) and isinstance(settings, Sequential):
        return Evidence("e-value", state.log_e_micro_nats / MICRO, -math.log(settings.alpha))
    if isinstance(state, AccountsState) and state.shown and state.shown.checks:
        found = [
            Evidence("1 / p", -math.log(check.value), -math.log(check.limit))
            for check in state.shown.checks
            if 0 < check.value <= 1 and 0 < check.limit < 1
        ]
        return max(found, key=lambda one: one.nats / one.limit_nats, default=None)
    return None


def routers(strategy: StrategyState, now_us: int) -> list[RouterRow]:
    """Return the strategy's routers by name; of a silent router's lives only the newest."""
    newest: dict[str, tuple[RouterStatus, int]] = {}
    for seen in strategy.routers.values():
        old = newest.get(seen.status.router)
        if old is None or old[0].incarnation < seen.status.incarnation:
            newest[seen.status.router] = seen.status, seen.heard_at_us
    canary = strategy.rollout.spec.canary if strategy.rollout else ""
    return [
        _router(strategy, status, now_us - heard_at_us, canary)
        for _, (status, heard_at_us) in sorted(newest.items())
    ]


def _router(
    strategy: StrategyState, status: RouterStatus, silent_us: int, canary: str
) -> RouterRow:
    follows = status.revision == strategy.revision and status.lease is LeaseState.VALID
    return RouterRow(
        router=status.router,
        revision=status.revision,
        follows=follows and silent_us < HEARD_US,
        lease=status.lease,
        breaker=status.breaker,
        killed=status.killed,
        fallback=status.fallback,
        lapses=status.lapses,
        open=sum(one.open for one in status.counts if one.variant == CANARY),
        backlog=status.backlog,
        dropped=status.dropped,
        silent_us=max(0, silent_us),
        loaded=not canary or canary in status.versions,
    )


def view_of(partition: PartitionState, strategy: StrategyState, now_us: int) -> View:
    """Return `watch_view` with what only the dashboard shows.

    `looked_us`: since the decider's last look. `rank`: 0 asks for attention first.
    """
    rollout = strategy.rollout
    return watch_view(partition, strategy, (), now_us) | {
        "looked_us": max(0, now_us - partition.recorded_at_us),
        "rank": rank(strategy, now_us),
        "evidence": evidence(rollout) if rollout else None,
        "gate": _open_gate(rollout),
        "starter": rollout.starter if rollout else "",
        "started_us": rollout.started_at_us if rollout else -1,
        "ended_us": rollout.ended_at_us if rollout else -1,
        "unit": strategy.unit,
        "ramp": (
            [(phase.name, phase.weight_bp) for phase in rollout.spec.policy.ramp] if rollout else []
        ),
        "phase_index": rollout.phase.index if rollout else 0,
    }


def _open_gate(rollout: Rollout | None) -> str | None:
    """Return the next gate when it needs an approval that is not there yet."""
    if rollout is None or rollout.status in ENDED:
        return None
    gate = next_gate(rollout)
    return gate if gate in gates(rollout) and gate not in rollout.approvals else None


def rank(strategy: StrategyState, now_us: int) -> int:
    """Return where the strategy stands in the list.

    0 killed, 1 held, halted or frozen, 2 just rolled back, 3 running, 4 ended or never started.
    """
    rollout = strategy.rollout
    if strategy.killed:
        return 0
    if rollout is None:
        return 4
    if rollout.status in ENDED:
        fell = rollout.status is RolloutStatus.ROLLED_BACK
        return 2 if fell and now_us - rollout.ended_at_us < RECENT_US else 4
    stopped = rollout.status is RolloutStatus.HALTED or bool(strategy.frozen)
    held = rollout.status in CARRYING and bool(rollout.hold)
    return 1 if stopped or held else 3


def turning(strategy: StrategyState) -> tuple[object, ...]:
    """Return what changes only at a transition: when it differs, it is shown at once."""
    rollout = strategy.rollout
    return (
        strategy.number,
        strategy.revision,
        strategy.killed,
        strategy.frozen,
        rollout and (rollout.status, rollout.phase.index, rollout.hold, rollout.outcome),
    )
