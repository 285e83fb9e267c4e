"""Whatever a command says, it is answered: nothing in it can end the decider, or outgrow a record.

A command stays in its topic: one that ended the decider would end every decider after it.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.laws.decision_input import BUILDS, spec
from tradecanary.processors.decision.model import LookEvent, PartitionState
from tradecanary.processors.decision.snapshot import restore, snapshot
from tradecanary.processors.decision.spec import RolloutSpec
from tradecanary.processors.decision.step import initial, step
from tradecanary.processors.decision.texts import LONGEST_TEXT, kept
from tradecanary.schemas.canonical import canonical_json
from tradecanary.schemas.codec import decode, encode
from tradecanary.schemas.decisions import Decision
from tradecanary.schemas.routing import Command, CommandKind
from tradecanary.schemas.units import US_PER_S

_RECORD_BYTES = 512 << 10
_LONG = st.sampled_from(["x" * 300_000, "é" * 300_000])
_HALF = "\\ud83d"  # as JSON and YAML write half a character
_TAGS = st.sampled_from(
    ["!!int", "!!float", "!!bool", "!!timestamp", "!!binary", "!!set", "!!omap", "!!python/name:os"]
)
_NUMBERS = ("1:" + "0:" * 200 + "1.5", "0x" + "f" * 9_000, "9" * 5_000, ".inf", "9999-99-99")
_HALVES = (f'"{_HALF}"', f'"{_HALF * 9_000}"')
_ODD = st.sampled_from(
    ["", '""', "maybe", "x", "&a [*a]", "[" * 900, "{[1]: 2}", "!", "%", *_NUMBERS, *_HALVES]
)
_FIELDS = st.sampled_from([*RolloutSpec.model_fields, "gate", _HALF])
_VALUES = st.one_of(_ODD, st.builds("{} {}".format, _TAGS, _ODD), st.text(max_size=20))
_WHOLE = spec("r1", "momentum", BUILDS, 2)


def _replaced(field: str, value: str) -> str:
    """A SPEC that would start, but for one field."""
    rest = {name: one for name, one in _WHOLE.items() if name != field}
    return f"{canonical_json(rest)[:-1]}, {field}: {value}}}"


_ARGUMENTS = st.one_of(
    st.text(),
    _LONG,
    st.builds("{}: {}".format, _FIELDS, _VALUES),
    st.builds(_replaced, _FIELDS, _VALUES),
    st.builds('{{"{}": {}}}'.format, st.sampled_from(["gate", "owner"]), _VALUES),
    st.just(canonical_json(_WHOLE)),
)
_SAID = st.one_of(st.text(max_size=20), _LONG)
_COMMANDS = st.builds(
    Command,
    id=st.uuids().map(str),
    strategy=st.just("momentum"),
    actor=_SAID,
    time_us=st.just(0),
    kind=st.sampled_from([*CommandKind, CommandKind.START, CommandKind.FREEZE]),
    arguments=_ARGUMENTS,
    reason=_SAID,
)


def _look(state: PartitionState, *commands: Command) -> tuple[PartitionState, list[Decision]]:
    """Return state and decisions; assert that all of it can be written, and read again."""
    now_us = state.recorded_at_us + US_PER_S
    state, effects = step(state, LookEvent(epoch=1, recorded_at_us=now_us, commands=commands))
    sizes = [len(encode(effect.record)) for effect in effects]
    made = snapshot(state, {})
    sizes += [len(encode(part)) for part in made.changed]
    assert max(sizes) < _RECORD_BYTES
    found = restore(made.changed)
    assert found is not None
    assert state == found[0]
    return state, [one.record for one in effects if isinstance(one.record, Decision)]


@given(st.lists(_COMMANDS, min_size=1, max_size=4), st.booleans())
def test_any_text_is_answered(commands: list[Command], runs: bool) -> None:
    """In any field of any command: step, snapshot and encode go on, and no record is large."""
    state = initial(0)
    if runs:
        start = Command("c0", "momentum", "ana", 0, CommandKind.START, canonical_json(_WHOLE), "go")
        state, _ = _look(state, start)
    read = [decode(Command, encode(command)) for command in commands]
    _, decisions = _look(state, *read)

    assert {one.command_id for one in decisions if one.command_id} == {one.id for one in read}


@pytest.mark.parametrize(
    "arguments",
    [
        'a: !!int ""',
        'a: !!float ""',
        "a: !!bool maybe",
        "a: !!timestamp x",
        "a: 1:" + "0:" * 200 + "1.5",
        "expected_routers: 0x" + "f" * 9_000,
    ],
)
def test_yaml_that_breaks_its_reader_is_refused(arguments: str) -> None:
    """The reader raises IndexError, KeyError, AttributeError, OverflowError: the SPEC is bad."""
    start = Command("c1", "momentum", "ana", 0, CommandKind.START, arguments, "go")
    _, (decision,) = _look(initial(0), start)

    assert decision.reason.startswith("start by ana: go; refused: spec of command c1: not YAML: ")


def test_half_a_character_is_written_out() -> None:
    """JSON can say half a character; nobody can write one."""
    owner = json.dumps({"owner": "\ud83d"})
    freeze = Command("c1", "momentum", "ana", 0, CommandKind.FREEZE, owner, "storm")
    state, _ = _look(initial(0), freeze)

    assert r"frozen by ana for \ud83d: storm" == state.strategies["momentum"].frozen


@given(st.text(max_size=LONGEST_TEXT))
def test_ordinary_texts_are_kept_as_they_are(text: str) -> None:
    """Not a byte of the decisions of before is another."""
    assert text == kept(text)


def test_a_policy_names_at_most_as_many_gates_as_a_ramp_has_phases() -> None:
    """Names repeated by reference would make a refusal of any length."""
    text = "policy: {approvals: {phases: [&a " + "x" * 200 + ", *a" * 60_000 + "]}}"
    start = Command("c1", "momentum", "ana", 0, CommandKind.START, text, "go")
    _, (decision,) = _look(initial(0), start)

    assert "policy.approvals.phases: was " in decision.reason
    assert len(decision.reason) < 10 * LONGEST_TEXT
