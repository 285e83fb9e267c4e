"""What must hold of every look of the decision stage, whatever it is shown."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from tests.laws.decision_seen import Seen
from tradecanary.processors.decision.chain import hash_of
from tradecanary.processors.decision.frontier import HEARD_US
from tradecanary.processors.decision.losses import FlowCounts
from tradecanary.processors.decision.model import LookEvent, PartitionState
from tradecanary.processors.decision.routers import heard
from tradecanary.processors.decision.step import step
from tradecanary.processors.decision.transitions import CARRYING, ENDED, TRANSITIONS
from tradecanary.processors.stage import Emit
from tradecanary.schemas.decisions import DecisionKind, Look, RolloutStatus
from tradecanary.schemas.execution import Mode
from tradecanary.schemas.routing import BreakerState, CommandKind
from tradecanary.schemas.units import FULL_WEIGHT_BP, US_PER_S

_ROWS = {(status, kind, to) for (status, _), (to, kind) in TRANSITIONS.items()}
_STAYING = {DecisionKind.HOLD, DecisionKind.REISSUE, DecisionKind.KILL, DecisionKind.UNKILL}
_RISES = {DecisionKind.START, DecisionKind.INCREASE, DecisionKind.PROMOTE}
_START_FRESH_US = 5 * US_PER_S
_LEASE_FRESH_US = 15 * US_PER_S
_IDLE_MODES = tuple(mode for mode in Mode if mode is not Mode.LIVE)


def check(
    states: tuple[PartitionState, PartitionState], event: LookEvent, effects: tuple[Emit, ...]
) -> None:
    """Assert every law of one look."""
    before, after = states
    looks = [effect.record for effect in effects if isinstance(effect.record, Look)]
    assert [before.look + 1] == [look.number for look in looks]
    assert after.recorded_at_us >= before.recorded_at_us
    assert before.strategies.keys() <= after.strategies.keys(), "nothing is forgotten"
    _only_live_moves_weights(states, event, effects)
    for name in after.strategies:
        seen = Seen(name, states, event, effects)
        for law in LAWS:
            law(seen)


def _uncounted(state: PartitionState) -> PartitionState:
    """Return the state without the counts of events, in which all modes are."""
    strategies = {
        name: replace(one, rollout=replace(run, phase=replace(run.phase, flow=FlowCounts())))
        if (run := one.rollout)
        else one
        for name, one in state.strategies.items()
    }
    return replace(state, strategies=strategies)


def _only_live_moves_weights(
    states: tuple[PartitionState, PartitionState], event: LookEvent, effects: tuple[Emit, ...]
) -> None:
    """The same orders once more as SHADOW and as REPLAY: nothing is decided or known otherwise.

    But for how many events there were, of which those that are missing are a part.
    """
    before, after = states
    manifests = tuple(
        replace(
            manifest,
            partials=(
                *manifest.partials,
                *(replace(one, mode=mode) for one in manifest.partials for mode in _IDLE_MODES),
            ),
        )
        for manifest in event.manifests
    )
    counts = [one.rollout.phase.flow for one in after.strategies.values() if one.rollout]
    if manifests and not any(one.missing or one.bad for one in counts):
        known, sent = step(before, replace(event, manifests=manifests))
        assert effects == sent
        assert _uncounted(after) == _uncounted(known)


def _moves_along_the_table(seen: Seen) -> None:
    """A status changes along TRANSITIONS, or by a START of something new."""
    rollout = seen.before.rollout
    status = rollout.status if rollout else RolloutStatus.ROLLED_BACK
    for decision in seen.decisions:
        begins = (
            decision.kind is DecisionKind.HOLD
            and status in ENDED
            and decision.status is RolloutStatus.PENDING
        )
        stays = decision.status is status and decision.kind in _STAYING
        assert begins or stays or (status, decision.kind, decision.status) in _ROWS, decision
        status = decision.status
    last = seen.after.rollout
    assert status is (last.status if last else RolloutStatus.ROLLED_BACK)


def _weights_are_whole(seen: Seen) -> None:
    """Every vector shares all orders out, in every cell."""
    for weights in seen.weights:
        for cell in weights.cells:
            assert FULL_WEIGHT_BP == sum(weight.weight_bp for weight in cell.weights)
            assert all(weight.weight_bp >= 0 for weight in cell.weights)


def _numbers_rise(seen: Seen) -> None:
    """Decisions are numbered without a hole; a revision never goes back, nor changes its cells."""
    numbers = [seen.before.number, *(decision.number for decision in seen.decisions)]
    assert all(low + 1 == high for low, high in pairwise(numbers))
    assert numbers[-1] == seen.after.number
    revisions = [seen.before.revision, *(weights.revision for weights in seen.weights)]
    assert all(low <= high for low, high in pairwise(revisions))
    assert revisions[-1] == seen.after.revision
    cells = {seen.before.revision: seen.before.vector.cells} if seen.before.vector else {}
    for weights in seen.weights:
        assert weights.cells == cells.setdefault(weights.revision, weights.cells)


def _chain_verifies(seen: Seen) -> None:
    """Every decision names the one before it, by its hash."""
    last = seen.before.last_hash
    for decision in seen.decisions:
        assert (last, hash_of(decision)) == (decision.previous_hash, decision.hash)
        last = decision.hash
    assert last == seen.after.last_hash


def _every_command_is_answered_once(seen: Seen) -> None:
    """A new command has exactly one decision, one that came before has none."""
    answers = [decision.command_id for decision in seen.decisions if decision.command_id]
    assert sorted({command.id for command in seen.commands}) == sorted(answers)


def _abort_and_kill_outrank(seen: Seen) -> None:
    """In the look of an abort or a kill nothing rises, and an abort leaves the canary nothing.

    A kill that ended in the same look leaves its halt: what was running waits for a person.
    """
    if seen.is_killed:
        rollout = seen.before.rollout
        asked = seen.asks(CommandKind.RESUME) or seen.asks(CommandKind.START)
        was_running = rollout is not None and rollout.status in CARRYING
        assert not seen.rises or not (seen.after.killed or (was_running and not asked))
    if not seen.asks(CommandKind.ABORT):
        return
    kinds = [command.kind for command in seen.commands]
    after = kinds[len(kinds) - kinds[::-1].index(CommandKind.ABORT) :]
    if CommandKind.START not in after:
        assert not seen.rises
        assert 0 == seen.course_bp[-1]


def _no_rise_under_a_hold(seen: Seen) -> None:
    """Halted, killed or frozen: the canary is given no more until somebody ends that."""
    rollout = seen.before.rollout
    if seen.before.killed and not seen.is_unkilled:
        assert not seen.rises
    if seen.before.frozen and not seen.asks(CommandKind.UNFREEZE):
        assert not seen.rises
    if rollout is not None and rollout.status is RolloutStatus.HALTED:
        assert not seen.rises or seen.asks(CommandKind.RESUME) or seen.asks(CommandKind.START)
    last = seen.after.rollout
    assert not (seen.after.killed and last and last.status is RolloutStatus.ACTIVE)


def _no_rise_on_old_data(seen: Seen) -> None:
    """The decider itself raises nothing on data older than the policy's limit, or on none."""
    flow, rollout = seen.states[1].flow, seen.after.rollout
    for decision in seen.decisions:
        if decision.kind not in _RISES or decision.command_id:
            continue
        assert flow is not None
        assert rollout is not None
        held_us = rollout.spec.policy.data.stale_hold_s * US_PER_S
        limit_us = _START_FRESH_US if decision.kind is DecisionKind.START else held_us
        assert flow.partitions
        now_us = seen.states[1].recorded_at_us
        assert flow.data_age_us(now_us) <= limit_us
        if not flow.idle:  # the judge is not later than its horizon and the slowest publisher
            waits_us = max(rollout.order_horizon_us, 0) + HEARD_US
            assert now_us - max(flow.watermark_us, flow.since_us) <= held_us + waits_us


def _leases_live_on_what_was_seen(seen: Seen) -> None:
    """A record that changes nothing renews leases: only at the end of all, on metrics seen to now.

    The end is that of `commands` and `kill-switch`; every partition was caught up in this term.
    """
    revisions = [seen.before.revision, *(weights.revision for weights in seen.weights)]
    if all(low < high for low, high in pairwise(revisions)):
        return
    flow = seen.states[1].flow
    assert seen.event.at_end
    assert flow is not None
    assert flow.partitions
    assert all(known.confirmed for known in flow.partitions.values())
    now_us = seen.states[1].recorded_at_us
    assert all(now_us - p.caught_up_at_us < _LEASE_FRESH_US for p in flow.partitions.values())


def _no_rise_before_all_is_read(seen: Seen) -> None:
    """The decider itself raises nothing, nor ends a watch, while an abort may lie unread."""
    flow = seen.states[1].flow
    for decision in seen.decisions:
        if decision.kind in _RISES | {DecisionKind.FINISH} and not decision.command_id:
            assert flow is not None
            assert seen.event.at_end
            assert flow.is_confirmed()


def _no_end_without_the_routers(seen: Seen) -> None:
    """A watch ends on the canary's own orders: not while a router that is heard sends it none."""
    now_us = seen.states[1].recorded_at_us
    for decision in seen.decisions:
        if decision.kind is DecisionKind.FINISH and seen.after.rollout is not None:
            canary = seen.after.rollout.spec.canary
            for status in heard(seen.after, now_us):
                assert status.breaker is not BreakerState.OPEN
                assert canary in status.versions


def _a_gap_stops_everything(seen: Seen) -> None:
    """After a gap what ran rises and finishes only when a person has resumed it."""
    before, after = (state.flow for state in seen.states)
    rollout = seen.before.rollout
    if rollout is None or rollout.status not in CARRYING or seen.asks(CommandKind.START):
        return
    gaps = (after.gaps if after else 0) - (before.gaps if before else 0)
    if gaps and not any(seen.asks(kind) for kind in (CommandKind.INCREASE, CommandKind.PROMOTE)):
        last = seen.after.rollout
        assert last is not None
        assert last.status is not RolloutStatus.ACTIVE
        assert last.gap or last.status is not RolloutStatus.WATCHING
        assert not seen.rises
    if rollout.gap and not seen.asks(CommandKind.RESUME):
        assert not seen.rises
        assert all(decision.kind is not DecisionKind.FINISH for decision in seen.decisions)


def _an_end_is_an_end(seen: Seen) -> None:
    """After promotion or roll-back nothing moves until the next START."""
    rollout, vector = seen.before.rollout, seen.before.vector
    if rollout is None or rollout.status not in ENDED or seen.asks(CommandKind.START):
        return
    ended = seen.after.rollout
    assert ended is not None
    assert replace(rollout, revisions={}) == replace(ended, revisions={}), "REARM adds a revision"
    assert (vector is None) == (seen.after.vector is None)
    for weights in seen.weights:
        assert vector is not None
        assert (vector.cells, vector.baseline) == (weights.cells, weights.baseline)


LAWS = (
    _moves_along_the_table,
    _weights_are_whole,
    _numbers_rise,
    _chain_verifies,
    _every_command_is_answered_once,
    _abort_and_kill_outrank,
    _no_rise_under_a_hold,
    _no_rise_on_old_data,
    _leases_live_on_what_was_seen,
    _no_rise_before_all_is_read,
    _no_end_without_the_routers,
    _a_gap_stops_everything,
    _an_end_is_an_end,
)
