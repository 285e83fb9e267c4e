"""A chain that older releases began and ours goes on with: read, followed, verified, shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from tests.simulation.command_line import tradecanary
from tests.simulation.worlds import QUICK, STRATEGY, Rollout
from tests.tape import Tape, audited, offsets
from tradecanary.auditing.report import export
from tradecanary.processors.decision.model import LookEvent
from tradecanary.processors.runtime import decision_task, runner
from tradecanary.processors.runtime.decision_following import Following
from tradecanary.processors.runtime.decision_recovery import parts_from, recover
from tradecanary.processors.runtime.decision_task import DecisionTask
from tradecanary.processors.runtime.runner import Runner
from tradecanary.schemas.codec import (
    HEADER_BYTES,
    encode,
    encode_as,
    header_of,
    older_header,
    released,
)
from tradecanary.schemas.decisions import Decision, DecisionKind
from tradecanary.schemas.routing import CommandKind
from tradecanary.schemas.topics import DECISION_INPUTS, DECISIONS

_V1, _V2, _V3 = (header_of(released(Decision)[release]) for release in ("v1", "v2", "v3"))
_POLICY = QUICK | {
    "ramp": [
        {"name": "One", "weight_bp": 2_000, "min_duration_s": 3},
        {"name": "Two", "weight_bp": 5_000, "min_duration_s": 600},
        {"name": "Full", "weight_bp": 10_000},
    ],
    "judge": {"kind": "sequential"},
    "guards": {},
}


@contextmanager
def _release(header: bytes) -> Iterator[None]:
    """Let the decider be of the release whose decisions have this header."""

    def written(record: object) -> bytes:
        return encode_as(record, header) if isinstance(record, Decision) else encode(record)

    with pytest.MonkeyPatch.context() as older:
        older.setattr(decision_task, "LookEvent", partial(LookEvent, decision_header=header))
        # nor did their snapshots say where `decisions` goes on
        older.setattr(decision_task, "DECISIONS", DECISION_INPUTS)
        older.setattr(runner, "encode", written)
        yield


@dataclass
class Upgraded:
    """A rollout under three releases, and who followed it with ours from its first look on."""

    rollout: Rollout
    following: Following
    recovered: list[bool]

    def until(self, kind: DecisionKind) -> None:
        """Run until a decision of this kind, then replace the decider at once."""
        world, known = self.rollout.world, self.rollout.decisions

        def decided() -> bool:
            known.extend(world.new_decisions())
            return bool(known) and known[-1].kind is kind

        assert world.run_until(decided, 60), [one.reason for one in known]
        # the look that decided is folded again: no snapshot has seen it
        assert known[-1].look > max(part.look for part in parts_from(world.log, 0).values())
        self.recovered.append(world.decision.states()[0] == recover(world.log, 0).state)
        world.runners[1].close()
        world.decision = DecisionTask()
        world.runners[1] = Runner(world.decision, world.log, world.now_us)


@pytest.fixture(scope="module")
def upgraded() -> Upgraded:
    """Give a START of the first release, an INCREASE of the second, and our own end."""
    with _release(_V1):
        rollout = Rollout.begin(policy=_POLICY)
        made = Upgraded(rollout, Following(rollout.world.log, 0), [])
        made.until(DecisionKind.START)
    with _release(_V2):
        made.until(DecisionKind.INCREASE)
    world = rollout.world
    world.run_for(3)
    world.operator.command(STRATEGY, CommandKind.ABORT, actor="ana", reason="enough")
    world.run_for(3)
    rollout.decisions += world.new_decisions()
    return made


def test_three_releases_wrote_it(upgraded: Upgraded) -> None:
    """What the others hold against: the chain is what it is taken for."""
    tape = Tape(upgraded.rollout.world.log)
    written = [
        (record.value or b"")[:HEADER_BYTES] for record, _ in tape.every(DECISIONS.name, Decision)
    ]
    by_kind = {
        one.kind: header for one, header in zip(upgraded.rollout.decisions, written, strict=True)
    }

    assert [_V1, _V2, _V3] == list(dict.fromkeys(written))
    assert (_V1, _V2) == (by_kind[DecisionKind.START], by_kind[DecisionKind.INCREASE])
    assert DecisionKind.ROLL_BACK is upgraded.rollout.decisions[-1].kind


def test_it_verifies_clean(upgraded: Upgraded) -> None:
    """One chain, every decision made again, every coin tossed with the salt that was issued."""
    found, told = audited(upgraded.rollout.world.log)

    assert ([], []) == (told, found.notes)
    assert found.decisions == found.recomputed == len(upgraded.rollout.decisions)


def test_recovery_goes_on_from_it(upgraded: Upgraded) -> None:
    """Each successor took over the state as it was, by the newest snapshot and from the start."""
    log = upgraded.rollout.world.log
    state = upgraded.rollout.world.decision.states()[0]
    upgraded.following.refresh()

    assert [True, True] == upgraded.recovered
    assert state == recover(log, 0, from_start=True).state
    assert state == upgraded.following.state
    assert state.strategies[STRATEGY].last_hash == upgraded.rollout.decisions[-1].hash


@pytest.mark.parametrize("header", [_V1, _V2], ids=["v1", "v2"])
def test_a_changed_old_decision_is_found(upgraded: Upgraded, header: bytes) -> None:
    """Other words in an old record, or the same in a new one: its hash is made of its bytes."""
    tape = Tape(upgraded.rollout.world.log)
    record, decision = next(
        (at, one)
        for at, one in tape.every(DECISIONS.name, Decision)
        if older_header(Decision, at.value) == header
    )
    place = (DECISIONS.name, 0, record.offset)
    tape.put(record, encode_as(replace(decision, reason="all was well"), header))
    _, told = audited(tape.log(), executions=False)
    tape.put(record, decision)
    _, rewritten = audited(tape.log(), executions=False)

    assert [("CHANGED", *place), ("UNSUPPORTED", *place)] == offsets(told)
    assert ("CHANGED", *place) == offsets(rewritten)[0]


def test_it_is_shown(upgraded: Upgraded, tmp_path: Path) -> None:
    """History, explain and report know the decisions of every release."""
    world, decisions = upgraded.rollout.world, upgraded.rollout.decisions
    history = tradecanary(world, "history", STRATEGY, "--json").output
    explained = tradecanary(world, "explain", f"{STRATEGY}/1").output
    exported = export(world.log, 0, 1 << 62, tmp_path, made_at_us=world.now_us())

    assert all(one.hash in history for one in decisions)
    assert decisions[0].hash in explained
    lines = (tmp_path / "decisions.jsonl").read_text(encoding="utf-8")
    assert all(one.hash in lines for one in decisions)
    assert not exported.findings
