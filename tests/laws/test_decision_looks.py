"""Whatever a decider is shown, every look keeps the laws, and can be taken again to the byte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from typing_extensions import override

from tests.laws.decision_input import (
    BEGINS,
    BUILDS,
    COMMANDS,
    KILLS,
    KINDS,
    MANIFESTS,
    ROUTERS,
    STRATEGIES,
    Ask,
    Shipment,
    spec,
)
from tests.laws.decision_laws import check
from tests.stories.flow import Flow
from tests.stories.router import Router
from tradecanary.processors.decision.model import LookEvent
from tradecanary.processors.decision.replay import fold, name_of
from tradecanary.processors.decision.snapshot import restore, snapshot
from tradecanary.processors.decision.step import initial, step
from tradecanary.processors.decision.transitions import ENDED
from tradecanary.processors.stage import Emit
from tradecanary.schemas.canonical import canonical_json
from tradecanary.schemas.codec import decode, encode
from tradecanary.schemas.decisions import DecisionSnapshot, Look, RouterFact
from tradecanary.schemas.metrics import MetricsBatch
from tradecanary.schemas.routing import Command, CommandKind, KillSwitch
from tradecanary.schemas.units import US_PER_S

_FIRST = STRATEGIES[0]


class DecisionMachine(RuleBasedStateMachine):
    """A decider of two strategies, in a world that sends it anything."""

    def __init__(self) -> None:
        super().__init__()
        self.state = initial(0)
        self.now_us = 1_000_000 * US_PER_S
        self.epoch = 1
        self.flow = Flow()
        self.routers = {name: Router("g1", BUILDS) for name in STRATEGIES}
        self.manifests: dict[tuple[str, int, int], MetricsBatch] = {}
        self.commands: dict[str, Command] = {}
        self.effects: list[tuple[Emit, ...]] = []

    @rule(
        seconds=st.sampled_from([0.0, 0.2, 1.0, 1.0, 4.0, 6.0, 61.0, -10.0, 7200.0]),
        manifests=st.lists(MANIFESTS, max_size=2),
        asks=st.lists(COMMANDS, max_size=3),
        routers=st.lists(ROUTERS, max_size=2),
        kills=st.lists(KILLS, max_size=2),
        at_end=st.sampled_from([True, True, True, False]),
    )
    def anything(
        self,
        seconds: float,
        manifests: Sequence[Shipment],
        asks: Sequence[Ask],
        routers: Sequence[dict[str, object]],
        kills: Sequence[KillSwitch],
        *,
        at_end: bool,
    ) -> None:
        """One look at any of everything."""
        self.now_us += round(seconds * US_PER_S)
        facts = [self._fact(name, **changes) for changes in routers for name in STRATEGIES]
        self._look(
            manifests=tuple(self._shipped(one) for one in manifests),
            commands=tuple(self._asked(ask) for ask in asks),
            routers=tuple(facts),
            kills=tuple(kills),
            at_end=at_end,
        )

    @rule(
        seconds=st.integers(1, 8),
        words=st.sampled_from([(), ("canary.pnl=-40",)]),
        how=st.sampled_from(["next", "lagging"]),
        begins=BEGINS,
    )
    def trade(
        self, seconds: int, words: tuple[str, ...], how: str, *, begins: int | None = None
    ) -> None:
        """Some seconds of an ordinary market, which the aggregation may lag behind."""
        self._run(begins)
        for _ in range(seconds):
            self.now_us += US_PER_S
            facts = tuple(self._fact(name) for name in STRATEGIES)
            shipped = self._shipped(Shipment(how, words, ()))
            self._look(manifests=(shipped,), routers=facts)

    @rule(
        kinds=KINDS,
        actor=st.sampled_from(["ana", "bob"]),
        kills=st.sampled_from([(), (), (True,), (False,), (True, False)]),
        quiet_s=st.sampled_from([0, 0, 0, 3, 12]),
        begins=BEGINS,
    )
    def order(
        self,
        kinds: Sequence[CommandKind],
        actor: str,
        kills: Sequence[bool],
        quiet_s: int,
        *,
        begins: int | None,
    ) -> None:
        """People act on a running market, perhaps on old data."""
        self._run(begins)
        self.now_us += (1 + quiet_s) * US_PER_S
        self._look(
            manifests=() if quiet_s else (self._next([]),),
            commands=tuple(
                self._asked(Ask(kind, _FIRST, actor, "", 0, again=False)) for kind in kinds
            ),
            routers=tuple(self._fact(name) for name in STRATEGIES),
            kills=tuple(KillSwitch(_FIRST, killed, actor, 0, "") for killed in kills),
        )

    @rule(policy=st.integers(0, 6), resumes=st.booleans())
    def begin(self, policy: int, *, resumes: bool) -> None:
        """Put an end to what holds, and start a rollout that the routers can carry."""
        self.routers[_FIRST] = Router("g1", BUILDS)
        kills = tuple(
            KillSwitch(name, killed=False, actor="ana", time_us=0, reason="all is well")
            for name in ("*", _FIRST)
        )
        kinds = [CommandKind.UNFREEZE, CommandKind.RESUME if resumes else CommandKind.START]
        asks = [Ask(kind, _FIRST, "ana", "", policy, again=False) for kind in kinds]
        self._look(kills=kills, commands=tuple(self._asked(ask) for ask in asks))
        self.trade(2, (), "next")

    @rule(away_s=st.sampled_from([0, 3, 100]))
    def take_over(self, away_s: int) -> None:
        """The next look is another decider's."""
        self.epoch += 1
        self.now_us += away_s * US_PER_S

    @rule()
    def restart(self) -> None:
        """A snapshot is the whole state: nobody sees a restart."""
        parts = snapshot(self.state, {"commands": self.state.look}).changed
        found = restore(decode(DecisionSnapshot, encode(part)) for part in parts)
        assert (self.state, {"commands": self.state.look}) == found
        assert found is not None
        self.state = found[0]

    @override
    def teardown(self) -> None:
        """The recorded looks, folded from the beginning, give the same effects to the byte."""
        looks = [effect.record for sent in self.effects for effect in sent]
        recorded = [decode(Look, encode(look)) for look in looks if isinstance(look, Look)]
        folded, again = initial(0), []
        for folded, effects in fold(initial(0), recorded, self.manifests, self.commands):  # noqa: B007
            again.append(effects)
        assert [_bytes(sent) for sent in self.effects] == [_bytes(sent) for sent in again]
        assert self.state == folded

    def _run(self, policy: int | None) -> None:
        """Begin a rollout under `policy` when none runs, and there is one."""
        known = self.state.strategies.get(_FIRST)
        running = known is not None and known.rollout and known.rollout.status not in ENDED
        if policy is not None and not running:
            self.begin(policy, resumes=False)

    def _look(self, **parts: object) -> None:
        event = LookEvent(epoch=self.epoch, recorded_at_us=self.now_us, **parts)  # type: ignore[arg-type]
        before = self.state
        self.state, effects = step(before, event)
        self.effects.append(effects)
        check((before, self.state), event, effects)

    def _fact(self, strategy: str, **changes: object) -> RouterFact:
        router = self.routers[strategy] = replace(self.routers[strategy], **changes)  # type: ignore[arg-type]
        status = replace(router.status(self.now_us), strategy=strategy)
        return RouterFact(status, self.now_us // 1000)

    def _next(self, words: list[str]) -> MetricsBatch:
        known = self.state.strategies.get(_FIRST)
        cohort_us = self.now_us - self.now_us % US_PER_S
        return self._kept(self.flow.manifest(known.vector if known else None, cohort_us, words))

    def _kept(self, manifest: MetricsBatch) -> MetricsBatch:
        self.manifests[name_of(manifest)] = manifest
        return manifest

    def _shipped(self, shipment: Shipment) -> MetricsBatch:
        if shipment.how == "behind" and self.manifests:
            return next(iter(self.manifests.values()))
        self.flow.offset += 7 if shipment.how == "gap" else 0
        self.flow.missing = 9 if shipment.how == "missing" else 0
        manifest = self._next(list(shipment.words))
        ranges = tuple(replace(one, caught_up=shipment.how != "lagging") for one in manifest.ranges)
        more = tuple(
            replace(partial, cohort_us=max(0, self.now_us + partial.cohort_us))
            for partial in shipment.partials
        )
        return self._kept(replace(manifest, ranges=ranges, partials=manifest.partials + more))

    def _asked(self, ask: Ask) -> Command:
        if ask.again and self.commands:
            # perhaps to another strategy: looks know it by its id alone
            return replace(next(reversed(self.commands.values())), strategy=ask.strategy)
        number = len(self.commands)
        arguments = ask.arguments
        if arguments == "same":
            arguments = self._last_start(ask.strategy)
        if ask.kind is CommandKind.START and not arguments:
            known = self.state.strategies.get(ask.strategy)
            vector = known.vector if known else None
            stable = vector.baseline if vector else BUILDS[0]
            canary = next(build for build in BUILDS if build != stable)
            made = spec(f"r{number}", ask.strategy, (stable, canary), ask.policy)
            arguments = canonical_json(made)
        command = Command(
            f"c{number}", ask.strategy, ask.actor, self.now_us, ask.kind, arguments, "as it came"
        )
        self.commands[command.id] = command
        return command

    def _last_start(self, strategy: str) -> str:
        starts = (
            command.arguments
            for command in reversed(self.commands.values())
            if (command.kind, command.strategy) == (CommandKind.START, strategy)
        )
        return next(starts, "")


def _bytes(effects: tuple[Emit, ...]) -> list[tuple[str, bytes, bytes]]:
    return [(effect.topic, effect.key, encode(effect.record)) for effect in effects]


TestDecisionMachine = DecisionMachine.TestCase
TestDecisionMachine.settings = settings(max_examples=90, stateful_step_count=30)
