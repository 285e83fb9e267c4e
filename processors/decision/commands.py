"""What operators and CI/CD ask for. Abort outranks everything; each command gets an answer.

A command that changes nothing is answered with a HOLD decision that says why, so that whoever sent
it can wait for the decision with its id.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from tradecanary.processors.decision.chain import At, Cause, Changed, record
from tradecanary.processors.decision.model import Rollout, StrategyState
from tradecanary.processors.decision.moves import apply, reissue
from tradecanary.processors.decision.policy import PolicyProblem
from tradecanary.processors.decision.routers import attest_problem, heard
from tradecanary.processors.decision.spec import RolloutSpec, hash_of_arguments, read_spec
from tradecanary.processors.decision.texts import kept
from tradecanary.processors.decision.transitions import ENDED, NO_CANARY, Trigger
from tradecanary.schemas.decisions import DecisionKind, RolloutStatus
from tradecanary.schemas.routing import Command, CommandKind

_ANSWERED = 100
_LONGEST_ARGUMENTS = 1 << 18


def in_order(commands: tuple[Command, ...]) -> tuple[Command, ...]:
    """Return the commands of one look in the order to obey them: an abort always wins.

    What came before the last abort comes after it, and finds no canary; but a start before it is
    aborted with the rest.
    """
    last = max(
        (n for n, command in enumerate(commands) if command.kind is CommandKind.ABORT), default=-1
    )
    before, after = commands[: last + 1], commands[last + 1 :]
    first = [c for c in before if c.kind in {CommandKind.START, CommandKind.ABORT}]
    return (*first, *(c for c in before if c not in first), *after)


def other_user(command: Command, known: Iterable[StrategyState], before: Iterable[Command]) -> str:
    """Return the other strategy that had a command of this id, or an empty text.

    Looks name commands by id alone, so that a replay would take the first of both for either.
    """
    users = {one.strategy for one in known if command.id in one.answered}
    users |= {one.strategy for one in before if one.id == command.id}
    return min(users - {command.strategy}, default="")


def obey(strategy: StrategyState, command: Command, at: At) -> Changed:
    """Return the strategy after `command`, and the decision that answers it.

    A command that comes again (its id was answered) changes nothing.
    """
    if command.id in strategy.answered:
        return strategy, ()
    strategy = replace(strategy, answered=(*strategy.answered, command.id)[-_ANSWERED:])
    command = replace(command, actor=kept(command.actor), reason=kept(command.reason))
    cause = Cause(
        reason=f"{command.kind.value} by {command.actor}: {command.reason}",
        actor=command.actor,
        command_id=command.id,
    )
    return _HANDLERS[command.kind](strategy, command, cause, at)


def refused(strategy: StrategyState, cause: Cause, at: At, why: str) -> Changed:
    """Return the answer to a command that changes nothing."""
    reason = f"{cause.reason}; refused: {why}"
    return record(strategy, DecisionKind.HOLD, replace(cause, reason=reason), at)


def _why_not(strategy: StrategyState) -> str:
    rollout = strategy.rollout
    if rollout is None or rollout.status in ENDED:
        ended = f" ({rollout.spec.rollout} is {rollout.status.value})" if rollout else ""
        return f"{NO_CANARY}{ended}"
    return f"{rollout.spec.rollout} is {rollout.status.value}"


def _triggering(trigger: Trigger) -> Callable[[StrategyState, Command, Cause, At], Changed]:
    def handler(strategy: StrategyState, _: Command, cause: Cause, at: At) -> Changed:
        changed = apply(strategy, trigger, cause, at)
        return refused(strategy, cause, at, _why_not(strategy)) if changed is None else changed

    return handler


def _start(strategy: StrategyState, command: Command, cause: Cause, at: At) -> Changed:
    length = len(command.arguments)
    if length > _LONGEST_ARGUMENTS:
        why = f"arguments were {length} characters long, at most {_LONGEST_ARGUMENTS} are read"
        return refused(strategy, cause, at, why)
    try:
        spec = read_spec(command.arguments, f"spec of command {command.id}")
    except PolicyProblem as problem:
        return refused(strategy, cause, at, str(problem))
    known = _known(strategy, spec)
    if known:
        reason = f"{cause.reason}; {spec.rollout} was started before and is {known}"
        return record(strategy, DecisionKind.HOLD, replace(cause, reason=reason), at)
    why = _cannot_start(strategy, spec)
    if why:
        return refused(strategy, cause, at, why)
    rollout = Rollout(spec=spec, starter=command.actor, created_at_us=at.now_us)
    reason = f"{cause.reason}; {spec.rollout} is PENDING: {spec.stable} -> {spec.canary}"
    if spec.is_declared:  # without it, old commands give their decisions to the byte
        reason += _declared(spec, command)
    strategy = replace(strategy, rollout=rollout)
    return record(strategy, DecisionKind.HOLD, replace(cause, reason=reason), at)


def _known(strategy: StrategyState, spec: RolloutSpec) -> str:
    """Return how the rollout stands that was started with this very spec; else an empty text."""
    old = strategy.rollout
    if old is not None and old.spec == spec:
        return old.status.value
    end = strategy.ends.get(spec.rollout)
    return end.status.value if end is not None and end.spec_hash == spec.hash else ""


def _declared(spec: RolloutSpec, command: Command) -> str:
    """The chain of decisions names the spec by its hash, and says what was waived."""
    waived = "; its limits were waived" if spec.limits_waived else ""
    return f"; spec {hash_of_arguments(command.arguments)}{waived}"


def _cannot_start(strategy: StrategyState, spec: RolloutSpec) -> str:
    old, vector = strategy.rollout, strategy.vector
    if spec.strategy != strategy.strategy:
        return f"the spec is for strategy {spec.strategy}"
    if spec.rollout in strategy.past or (old and old.spec.rollout == spec.rollout):
        return f"{spec.rollout} was started before with another spec; ids are used once"
    if old is not None and old.status not in ENDED:
        return f"{old.spec.rollout} is {old.status.value}; abort it or wait for its end"
    if vector is not None and vector.baseline != spec.stable:
        return f"stable was {spec.stable}, but the baseline is {vector.baseline}"
    return ""


def _increase(strategy: StrategyState, _: Command, cause: Cause, at: At) -> Changed:
    rollout = strategy.rollout
    if rollout is not None and rollout.phase.index + 2 >= len(rollout.spec.policy.ramp):
        return refused(strategy, cause, at, "the next step is the promotion: use promote")
    return _rise(strategy, Trigger.PHASE_PASSED, cause, at)


def _promote(strategy: StrategyState, _: Command, cause: Cause, at: At) -> Changed:
    rollout = strategy.rollout
    if rollout is not None and rollout.status is RolloutStatus.ACTIVE and not rollout.promotable:
        why = "the judge has not yet found that the canary may be promoted"
        return refused(strategy, cause, at, why)
    return _rise(strategy, Trigger.RAMP_COMPLETED, cause, at)


def _rise(strategy: StrategyState, trigger: Trigger, cause: Cause, at: At) -> Changed:
    """A person may go on before the minima are met, but not past a router or another person."""
    rollout = strategy.rollout
    if rollout is None or rollout.status is not RolloutStatus.ACTIVE:
        return refused(strategy, cause, at, _why_not(strategy))
    gate = "promotion" if trigger is Trigger.RAMP_COMPLETED else next_gate(rollout)
    waits = gate in gates(rollout) and gate not in rollout.approvals
    why = (
        strategy.frozen
        or attest_problem(rollout.spec, heard(strategy, at.now_us), rollout.horizons)
        or (f"waiting for approval of {gate}" if waits else "")
    )
    changed = None if why else apply(strategy, trigger, cause, at)
    return refused(strategy, cause, at, why or _why_not(strategy)) if changed is None else changed


def _resume(strategy: StrategyState, command: Command, cause: Cause, at: At) -> Changed:
    if strategy.killed:
        return refused(strategy, cause, at, "the kill switch is on: unkill first")
    rollout = strategy.rollout
    if rollout is not None and rollout.status is RolloutStatus.WATCHING and not rollout.gap:
        return refused(strategy, cause, at, _why_not(strategy))
    return _triggering(Trigger.RESUME)(strategy, command, cause, at)


def _approve(strategy: StrategyState, command: Command, cause: Cause, at: At) -> Changed:
    rollout = strategy.rollout
    if rollout is None or rollout.status in ENDED:
        return refused(strategy, cause, at, _why_not(strategy))
    if command.actor == rollout.starter:
        why = f"{command.actor} started the rollout: another person must approve"
        return refused(strategy, cause, at, why)
    gate = _argument(command, "gate") or next_gate(rollout)
    if gate not in gates(rollout):
        known = ", ".join(sorted(gates(rollout))) or "none"
        return refused(strategy, cause, at, f"no gate is called {gate!r}; gates: {known}")
    approvals = rollout.approvals | {gate: command.actor}
    rollout = replace(rollout.unheld(), approvals=approvals)
    reason = f"{cause.reason}; {gate} is approved"
    strategy = replace(strategy, rollout=rollout)
    return record(strategy, DecisionKind.HOLD, replace(cause, reason=reason), at)


def gates(rollout: Rollout) -> frozenset[str]:
    """Return the gates at which this rollout's policy asks for approval."""
    approvals = rollout.spec.policy.approvals
    named = set(approvals.phases)
    if approvals.start:
        named.add("start")
    if approvals.promotion:
        named.add("promotion")
    return frozenset(named)


def next_gate(rollout: Rollout) -> str:
    """Return the gate before the next step: start, the next phase's name, or promotion."""
    ramp = rollout.spec.policy.ramp
    if rollout.status is RolloutStatus.PENDING:
        return "start"
    if rollout.phase.index + 2 >= len(ramp):
        return "promotion"
    return ramp[rollout.phase.index + 1].name


def _freeze(strategy: StrategyState, command: Command, cause: Cause, at: At) -> Changed:
    owner = _argument(command, "owner")
    whose = f" for {owner}" if owner else ""
    frozen = f"frozen by {command.actor}{whose}: {command.reason}"
    return record(replace(strategy, frozen=frozen), DecisionKind.HOLD, cause, at)


def _unfreeze(strategy: StrategyState, _: Command, cause: Cause, at: At) -> Changed:
    if not strategy.frozen:
        return refused(strategy, cause, at, "the strategy is not frozen")
    return record(replace(strategy, frozen=""), DecisionKind.HOLD, cause, at)


def _rearm(strategy: StrategyState, _: Command, cause: Cause, at: At) -> Changed:
    if strategy.vector is None:
        return refused(strategy, cause, at, "no vector was issued, so no breaker can be open")
    return reissue(replace(strategy, rearm=strategy.rearm + 1), cause, at)


def _argument(command: Command, name: str) -> str:
    """Return what the command says of `name`, an empty text when it says nothing readable."""
    try:
        found = json.loads(command.arguments or "{}")
        given = found.get(name) if isinstance(found, dict) else None
        return kept(str(given or ""))
    except (ValueError, RecursionError):
        return ""


_HANDLERS: Mapping[CommandKind, Callable[[StrategyState, Command, Cause, At], Changed]] = {
    CommandKind.START: _start,
    CommandKind.APPROVE: _approve,
    CommandKind.HALT: _triggering(Trigger.HALT),
    CommandKind.RESUME: _resume,
    CommandKind.INCREASE: _increase,
    CommandKind.PROMOTE: _promote,
    CommandKind.ABORT: _triggering(Trigger.ABORT),
    CommandKind.FREEZE: _freeze,
    CommandKind.UNFREEZE: _unfreeze,
    CommandKind.REARM: _rearm,
}
