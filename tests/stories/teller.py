"""Tells a rollout to the decision stage from a text, and checks the decisions it is to make.

A story is a text file, one line a thing:

    start policy=aggressive          a START command (options: policy, unit, budget, guards.X=Y)
    run 70s canary.reject=5%         orders flow for 70 s of looks, one a second
    run 60s accounts=400 spread=1bp  by account: an order an account and second, accounts differ
    run 5s foreign=yes               the publisher numbers nothing
    run 5s astray=2                  two orders a second are not routed as their revision says
    run 5s coinless=2                two canary orders a second say that no coin decided them
    run 5s behind=600                another strategy's publisher has a clock that is 600 s behind
    run 5s fallback=yes              no coin decides: all orders go to stable, under revision 0
    closed 60s                       manifests, but no orders (closed market)
    quiet 20s                        no manifests at all
    halt | resume | abort | promote  commands of operator ana (`as bob` at the end: of bob)
    kill | unkill                    the kill switch
    flicker                          a kill and its unkill in one look
    start+abort                      commands of one look, in this order (START: with its options)
    again                            the last command comes once more
    renewed yes                      whether leases were renewed since this was last asked
    lose 50                          50 source numbers missing in the next manifest
    spoil 50                         50 records of the next manifest break the contract
    gap                              the next manifest leaves a hole
    unread yes                       commands lie unread from now on (`no`: all is read)
    router NAME key=value            a router says something else of itself (versions, breaker)
    -> ROLL_BACK error rate          the next decision: its kind, and words of its reason

Every decision must be told, HOLDs included. `status WATCHING` asserts the rollout's status.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tests.stories.flow import Flow
from tests.stories.router import Router
from tradecanary.processors.decision.model import LookEvent
from tradecanary.processors.decision.policy import preset
from tradecanary.processors.decision.step import initial, step
from tradecanary.processors.stage import Emit
from tradecanary.schemas.canonical import canonical_json
from tradecanary.schemas.decisions import Decision, RouterFact
from tradecanary.schemas.routing import Command, CommandKind, KillSwitch, RoutingWeights
from tradecanary.schemas.units import US_PER_S

STRATEGY = "momentum"
STABLE_BUILD, CANARY_BUILD = "momentum-1.0.0-aaaaaaaa", "momentum-2.0.0-bbbbbbbb"


@dataclass
class Teller:
    """The world of one story."""

    now_us: int = 1_000_000 * US_PER_S
    epoch: int = 1
    flow: Flow = field(default_factory=Flow)
    routers: dict[str, Router] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)
    weights: list[RoutingWeights] = field(default_factory=list)
    told: int = 0
    commands: int = 0
    renewals: int = 0
    unread: bool = False
    last: Command | None = None

    def __post_init__(self) -> None:
        """Begin with a decider that has just seen its first manifests."""
        self.state = initial(0)
        self.routers["g1"] = Router("g1", (STABLE_BUILD, CANARY_BUILD))

    def tell(self, text: str) -> None:
        """Run every line of the story; AssertionError names the line that does not hold."""
        for number, raw in enumerate(text.splitlines(), 1):
            line = raw.split("#")[0].strip()
            if not line:
                continue
            try:
                self._line(line)
            except AssertionError as wrong:
                raise AssertionError(f"line {number}: {line}\n{wrong}\n{self._trail()}") from wrong
        self._nothing_untold("the end")

    def _line(self, line: str) -> None:
        verb, *words = line.split()
        if verb == "->":
            self._expect(words[0], " ".join(words[1:]))
            return
        if verb == "status":
            rollout = self.state.strategies[STRATEGY].rollout
            assert rollout is not None
            assert rollout.status.value == words[0]
            return
        if verb == "renewed":
            new = len(self.weights) - self.renewals
            self.renewals = len(self.weights)
            assert (words[0] == "yes") == bool(new), f"{new} records of weights"
            return
        self._nothing_untold(line)
        if "+" in verb:
            self.look(0.2, commands=tuple(self._made(one, words) for one in verb.split("+")))
            return
        _VERBS[verb](self, words) if verb in _VERBS else self._command(verb, words)

    def _expect(self, kind: str, fragment: str) -> None:
        assert self.told < len(self.decisions), f"no decision where {kind} was to come"
        found = self.decisions[self.told]
        self.told += 1
        assert (kind, True) == (found.kind.value, fragment in found.reason), found.reason

    def _nothing_untold(self, where: str) -> None:
        rest = [f"{d.kind.value} {d.reason}" for d in self.decisions[self.told :]]
        assert not rest, f"before {where}: decisions that the story does not tell: {rest}"

    def _trail(self) -> str:
        return "\n".join(f"  {d.number} {d.kind.value} {d.reason}" for d in self.decisions)

    def look(self, seconds: float = 1.0, **parts: object) -> None:
        """One look after `seconds`: whatever is in `parts`, and the routers that speak."""
        self.now_us += round(seconds * US_PER_S)
        facts = tuple(
            RouterFact(router.status(self.now_us), self.now_us // 1000)
            for router in self.routers.values()
            if not router.silent
        )
        event = LookEvent(
            epoch=self.epoch,
            recorded_at_us=self.now_us,
            routers=facts,
            at_end=not self.unread,
        )
        self.state, effects = step(self.state, replace(event, **parts))  # type: ignore[arg-type]
        self._keep(effects)

    def _keep(self, effects: tuple[Emit, ...]) -> None:
        for effect in effects:
            if isinstance(effect.record, Decision):
                self.decisions.append(effect.record)
            if isinstance(effect.record, RoutingWeights):
                self.weights.append(effect.record)

    def _command(self, verb: str, words: list[str]) -> None:
        actor = words[-1] if "as" in words else "ana"
        arguments = {"gate": words[0]} if words and words[0] != "as" else {}
        self.send(self.command(CommandKind(verb), canonical_json(arguments), actor))

    def _made(self, verb: str, words: list[str]) -> Command:
        kind = CommandKind(verb)
        return self.command(kind, self._spec(words) if kind is CommandKind.START else "{}")

    def command(self, kind: CommandKind, arguments: str, actor: str = "ana") -> Command:
        """A new command, not sent yet."""
        self.commands += 1
        name = f"c{self.commands}"
        return Command(name, STRATEGY, actor, self.now_us, kind, arguments, "told so")

    def send(self, command: Command) -> None:
        """One command, in a look of its own."""
        self.last = command
        self.look(0.2, commands=(command,))

    def again(self, _: list[str]) -> None:
        """The last command, as a client sends it that heard no answer."""
        assert self.last is not None
        self.send(self.last)

    def start(self, words: list[str]) -> None:
        """Send START with the options in `words`."""
        self.send(self.command(CommandKind.START, self._spec(words)))

    def _spec(self, words: list[str]) -> str:
        options = dict(word.split("=", 1) for word in words)
        policy = preset(options.pop("policy", "aggressive")).model_dump(mode="json")
        policy["judge"] = {"kind": options.pop("judge", "thresholds")}
        spec = {
            "rollout": options.pop("rollout", "r1"),
            "strategy": STRATEGY,
            "stable": options.pop("stable", STABLE_BUILD),
            "canary": options.pop("canary", CANARY_BUILD),
            "unit": options.pop("unit", "order"),
            "expected_routers": int(options.pop("routers", "1")),
        }
        spec |= {name: options.pop(name) for name in ("budget", "owner") if name in options}
        for path, value in options.items():
            *parents, name = path.split(".")
            place = policy
            for parent in parents:
                place = place.setdefault(parent, {})
            place[name] = value.replace("_", " ").split(",") if name == "phases" else value
        return canonical_json(spec | {"policy": policy})

    def run(self, words: list[str]) -> None:
        """Orders flow, one look a second."""
        for _ in range(_seconds(words[0])):
            vector = self.state.strategies[STRATEGY].vector if self.state.strategies else None
            if "fallback=yes" in words:
                vector = None
            cohort_us = self.now_us - self.now_us % US_PER_S
            self.look(manifests=(self.flow.manifest(vector, cohort_us, words[1:]),))

    def closed(self, words: list[str]) -> None:
        """Manifests without orders."""
        for _ in range(_seconds(words[0])):
            self.look(manifests=(self.flow.manifest(None, -1, []),))

    def quiet(self, words: list[str]) -> None:
        """No manifests."""
        for _ in range(_seconds(words[0])):
            self.look()

    def kill(self, words: list[str]) -> None:
        """The kill switch of the strategy, or of all."""
        self._switch(words, killed=True)

    def unkill(self, words: list[str]) -> None:
        """The end of a kill."""
        self._switch(words, killed=False)

    def _switch(self, words: list[str], *, killed: bool) -> None:
        name = words[0] if words else STRATEGY
        kill = KillSwitch(name, killed, "ana", self.now_us, "told so")
        self.look(0.2, kills=(kill,))

    def flicker(self, _: list[str]) -> None:
        """A kill and its unkill, both read before one look."""
        kill = KillSwitch(STRATEGY, True, "ana", self.now_us, "told so")
        self.look(0.2, kills=(kill, replace(kill, killed=False)))

    def lose(self, words: list[str]) -> None:
        """Source numbers missing in the next manifest."""
        self.flow.missing = int(words[0])

    def spoil(self, words: list[str]) -> None:
        """Bad records in the next manifest."""
        self.flow.bad = int(words[0])

    def gap(self, _: list[str]) -> None:
        """The next manifest leaves a hole."""
        self.flow.offset += 7

    def leave_unread(self, words: list[str]) -> None:
        """From now on looks are not at the end of what there is to read, or are again."""
        self.unread = words[0] == "yes"

    def take_over(self, words: list[str]) -> None:
        """Another decider takes over, after being away for the time given."""
        self.epoch += 1
        self.now_us += _seconds(words[0]) * US_PER_S

    def router(self, words: list[str]) -> None:
        """A router says something else of itself."""
        name = words[0]
        old = self.routers.get(name, Router(name, (STABLE_BUILD, CANARY_BUILD)))
        self.routers[name] = old.told(words[1:])


def _seconds(word: str) -> int:
    assert word.endswith("s"), f"was {word}, a number of seconds such as 70s is needed"
    return int(word[:-1])


_VERBS: dict[str, Callable[[Teller, list[str]], None]] = {
    "start": Teller.start,
    "run": Teller.run,
    "closed": Teller.closed,
    "quiet": Teller.quiet,
    "kill": Teller.kill,
    "unkill": Teller.unkill,
    "flicker": Teller.flicker,
    "again": Teller.again,
    "lose": Teller.lose,
    "spoil": Teller.spoil,
    "gap": Teller.gap,
    "unread": Teller.leave_unread,
    "router": Teller.router,
    "take-over": Teller.take_over,
}
