"""What a person may do from the dashboard: the verbs of the command line, through the operator."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal

from tradecanary.dashboard.facts import View
from tradecanary.operator import Operator, is_refusal
from tradecanary.processors.runtime.log import Unavailable
from tradecanary.roll_call import said_of
from tradecanary.schemas.routing import EVERYWHERE, CommandKind

Hands = Callable[[], AbstractContextManager[Operator]]
"""Lends an operator to one verb; raises Unavailable when Kafka does not answer."""
Outcome = Literal["done", "refused", "silent"]
_ENDED = {"PROMOTED", "ROLLED_BACK"}


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb: `kind` of command, or None for the kill switch, turned on by `kills`.

    `asks`: it must be confirmed beside the reason. `fits(view)`: whether it can do anything now.
    """

    name: str
    says: str
    kind: CommandKind | None
    fits: Callable[[View], bool]
    asks: bool = False
    kills: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it, and whether it did what was asked (`silent`: nobody answered in time)."""

    text: str
    outcome: Outcome


def _runs(view: View) -> bool:
    return view["rollout"] is not None and view["rollout"]["status"] not in _ENDED


def _is(view: View, *statuses: str) -> bool:
    return view["rollout"] is not None and view["rollout"]["status"] in statuses


def _can_rise(view: View) -> bool:
    return _is(view, "ACTIVE") and view["phase_index"] + 2 < len(view["ramp"])


def _can_resume(view: View) -> bool:
    held = _is(view, "WATCHING") and bool(view["rollout"]["hold"])
    return held or _is(view, "HALTED")


VERBS = {
    verb.name: verb
    for verb in (
        Verb("halt", "Stops increases, promotion and clocks. Guards go on, weights stay.",
             CommandKind.HALT, lambda view: _is(view, "ACTIVE")),
        Verb("resume", "Ends the halt, or the hold by a gap: clocks and increases go on.",
             CommandKind.RESUME, _can_resume),
        Verb("approve", "Approves the next gate, as another person than the starter.",
             CommandKind.APPROVE, lambda view: bool(view["gate"])),
        Verb("increase", "Goes to the next phase now, whatever its minima.",
             CommandKind.INCREASE, _can_rise, asks=True),
        Verb("promote", "Gives the canary all orders now, if the judge's tests have passed.",
             CommandKind.PROMOTE, lambda view: _is(view, "ACTIVE"), asks=True),
        Verb("abort", "Takes all orders back to stable and ends the rollout.",
             CommandKind.ABORT, _runs, asks=True),
        Verb("freeze", "Lets nothing start or rise until unfreeze.",
             CommandKind.FREEZE, lambda view: not view["frozen"]),
        Verb("unfreeze", "Ends the freeze.",
             CommandKind.UNFREEZE, lambda view: bool(view["frozen"]), asks=True),
        Verb("rearm", "Re-arms the routers' breakers after an incident.",
             CommandKind.REARM, lambda view: view["revision"] > 0, asks=True),
        Verb("kill", "Stops all order flow at once, with or without a decider, until unkill.",
             None, lambda view: not view["killed"], asks=True, kills=True),
        Verb("unkill", "Ends the kill. A rollout that it halted stays halted.",
             None, lambda view: view["killed"], asks=True),
    )
}  # fmt: skip


def fitting(view: View) -> list[Verb]:
    """Return the verbs that can do anything now; the decider has the last word."""
    return [verb for verb in VERBS.values() if verb.fits(view)]


def named(strategy: str) -> str:
    """Return the strategy as a sentence names it."""
    return "all strategies" if strategy == EVERYWHERE else strategy


def perform(
    hands: Hands,
    verb: Verb,
    strategy: str,
    *,
    actor: str,
    reason: str,
    every: Iterable[str] = (),
) -> Answer:
    """Do it and wait for the answer; what fails is an answer too.

    `every`: the strategies that a command to all (`*`) goes to.
    """
    try:
        with hands() as operator:
            if verb.kind is None:
                return _switched(operator, verb, strategy, actor, reason)
            if strategy == EVERYWHERE:
                return _commanded_all(operator, verb.kind, sorted(every), actor, reason)
            return _commanded(operator, verb.kind, strategy, actor, reason)
    except Unavailable as away:
        return Answer(f"{verb.name} of {named(strategy)} may not be written: {away}", "silent")


def _commanded(
    operator: Operator, kind: CommandKind, strategy: str, actor: str, reason: str
) -> Answer:
    decision = operator.command(strategy, kind, actor=actor, reason=reason)
    if decision is None:
        text = (
            f"{kind.value} of {strategy} is written, but no decider answered within 10 s: it will "
            "be obeyed when one runs. To stop orders without a decider: kill"
        )
        return Answer(text, "silent")
    return Answer(f"{decision.kind.value} (decision {decision.number}): {decision.reason}",
                  "refused" if is_refusal(decision) else "done")  # fmt: skip


def _commanded_all(
    operator: Operator, kind: CommandKind, every: Iterable[str], actor: str, reason: str
) -> Answer:
    answers = operator.commands(every, kind, actor=actor, reason=reason)
    silent = sum(answer is None for answer in answers.values())
    refused = sum(answer is not None and is_refusal(answer) for answer in answers.values())
    done = len(answers) - silent - refused
    text = f"{kind.value} of {len(answers)} strategies: {done} done, {refused} refused"
    if silent:
        return Answer(f"{text}, {silent} not answered within 10 s", "silent")
    return Answer(text, "refused" if refused else "done")


def _switched(operator: Operator, verb: Verb, strategy: str, actor: str, reason: str) -> Answer:
    found = operator.switch(strategy, killed=verb.kills, actor=actor, reason=reason)
    text = f"{verb.name} of {named(strategy)} is written; {said_of(found)}"
    return Answer(text, "done" if found.is_obeyed else "silent")
