"""What an operator does and sees: list, freeze of all, verbs that ask first, completion."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.simulation.command_line import spec_file, tradecanary, trading
from tests.simulation.worlds import STRATEGY
from tradecanary.cli import completion
from tradecanary.cli.output import Exit, saying
from tradecanary.processors.stage import TopicPartition
from tradecanary.schemas.topics import COMMANDS, KILL_SWITCH
from tradecanary.states import states

_ASKING = ("increase", "promote", "abort", "rearm", "unfreeze", "kill", "unkill")


def test_list_has_a_line_a_rollout(tmp_path: Path) -> None:
    """Nothing at first; then strategy, status, phase, weights, routers: for people and scripts."""
    world = trading(None, STRATEGY, "reversal")
    empty = tradecanary(world, "list")
    tradecanary(world, "start", spec_file(tmp_path))
    world.run_for(4)
    shown, lines = tradecanary(world, "list"), tradecanary(world, "list", "--json")
    head, line = shown.stdout.splitlines()
    (facts,) = map(json.loads, lines.stdout.splitlines())

    assert "tradecanary start SPEC" in empty.stdout
    assert ["STRATEGY", "ROLLOUT", "STATUS", "PHASE", "SET", "ACTUAL"] == head.split()[:6]
    assert all(word in line for word in (STRATEGY, "r1", "◌ ACTIVE", "1/3 One", "10 %", "1/1"))
    assert ("ACTIVE", 1000, 1) == (
        facts["status"],
        facts["set_weight_bp"],
        facts["routers_following"],
    )
    assert "\x1b" not in shown.stdout


def test_freeze_of_all_reaches_every_known_strategy(tmp_path: Path) -> None:
    """Each answers; one frozen by name before anybody heard of it is frozen, too."""
    world = trading(None, STRATEGY, "reversal")
    unheard = tradecanary(world, "freeze", "unheard-of", "--reason", "not yet")
    every = tradecanary(
        world, "freeze", "--all", "--reason", "rebalance", "--owner", "risk-desk", "--actor", "ana"
    )
    started = tradecanary(world, "start", spec_file(tmp_path))
    world.run_for(2)
    held = tradecanary(world, "list")
    no_word = tradecanary(world, "unfreeze", "--all", "--reason", "over")
    over = tradecanary(world, "unfreeze", "*", "--reason", "over", "--yes", "--json")

    assert Exit.OK == unheard.exit_code == every.exit_code == started.exit_code
    names = [STRATEGY, "reversal", "unheard-of"]
    assert names == [line.split(":")[0] for line in every.stdout.splitlines()]
    assert "frozen by ana: rebalance (for risk-desk)" in held.stdout
    told = [one.reason for one in world.operator.decisions(STRATEGY)]
    assert "freeze by ana: rebalance (for risk-desk)" == told[0], "the owner is in the decision"
    assert Exit.USAGE == no_word.exit_code
    assert names == [json.loads(line)["strategy"] for line in over.stdout.splitlines()]
    assert not any(one.frozen for state in states(world.log) for one in state.strategies.values())


def test_freeze_says_what_it_needs() -> None:
    """A reason, and a strategy or all: exit code USAGE."""
    world = trading()
    for arguments in (("momentum",), ("--reason", "x"), ("momentum", "--all", "--reason", "x")):
        assert Exit.USAGE == tradecanary(world, "freeze", *arguments).exit_code
    refused = tradecanary(world, "unfreeze", STRATEGY, "--reason", "x", "--yes")
    assert (Exit.REFUSED, True) == (refused.exit_code, "not frozen" in refused.stdout)


@pytest.mark.parametrize("blank", ["", "  \t"])
@pytest.mark.parametrize("verb", [*_ASKING, "halt", "resume", "approve", "freeze"])
def test_a_reason_and_a_name_say_something(verb: str, blank: str) -> None:
    """Blank ones are wrong usage, whoever confirmed it, and nothing is sent."""
    world = trading()
    yes = ["--yes"] if verb in _ASKING else []
    mute = tradecanary(world, verb, STRATEGY, "--reason", blank, *yes)
    nameless = tradecanary(world, verb, blank, "--reason", "a test", *yes)

    assert (Exit.USAGE, True) == (mute.exit_code, "--reason is empty" in mute.stderr)
    assert (Exit.USAGE, True) == (nameless.exit_code, "name is empty" in nameless.stderr)
    assert [] == [
        *world.log.read(TopicPartition(COMMANDS.name, 0)),
        *world.log.read(TopicPartition(KILL_SWITCH.name, 0)),
    ]


def test_a_reason_is_kept_without_the_blanks_around_it() -> None:
    """What people paste ends in a newline; a decision is one line."""
    world = trading()
    tradecanary(world, "halt", STRATEGY, "--reason", "  odd fills\n", "--actor", "ana")

    assert "halt by ana: odd fills; refused: there is no canary to act on" == (
        next(iter(world.operator.decisions(STRATEGY))).reason
    )


@pytest.mark.parametrize("verb", ["halt", "resume", "approve", *_ASKING])
def test_a_name_that_nobody_knows_is_said(verb: str) -> None:
    """Beside the answer, however often: a refused command does not make a name known."""
    world = trading()
    yes = ["--yes"] if verb in _ASKING else []
    words = (verb, "momentun", "--reason", "a test", *yes)
    for answer in (tradecanary(world, *words), tradecanary(world, *words)):
        assert answer.exit_code in {Exit.REFUSED, Exit.NO_ANSWER}
        assert "nobody has heard of strategy 'momentun'" in answer.stderr
        assert f"did you mean {STRATEGY}?" in answer.stderr
    switches = list(world.log.read(TopicPartition(KILL_SWITCH.name, 0)))

    assert len(switches) == (2 if verb in {"kill", "unkill"} else 0), "written all the same"


def test_a_name_that_somebody_knows_is_not_doubted(tmp_path: Path) -> None:
    """By a router, a freeze or a rollout; what may come first is not doubted at all."""
    world = trading()
    told = [
        tradecanary(world, "halt", STRATEGY, "--reason", "no rollout"),
        tradecanary(world, "freeze", "to-come", "--reason", "first"),
        tradecanary(world, "halt", "to-come", "--reason", "frozen"),
        tradecanary(world, "start", spec_file(tmp_path, strategy="new", stable="a"), "--reason",
                    "first"),
        tradecanary(world, "kill", "*", "--reason", "drill", "--yes"),
    ]  # fmt: skip

    assert [] == [answer.stderr for answer in told if "nobody has heard" in answer.stderr]


@pytest.mark.parametrize("verb", _ASKING)
def test_where_nobody_can_be_asked_yes_is_needed(verb: str) -> None:
    """Not a terminal, no --yes: wrong usage, what to add, and nothing is sent."""
    world = trading()
    answer = tradecanary(world, verb, STRATEGY, "--reason", "a test")

    assert Exit.USAGE == answer.exit_code
    assert "add --yes" in answer.stderr
    assert not list(world.operator.decisions(STRATEGY))
    assert Exit.USAGE == tradecanary(world, verb, STRATEGY, "--yes").exit_code, "a reason is needed"


@pytest.mark.parametrize(("word", "code"), [("n", Exit.REFUSED), ("y", Exit.UNREACHABLE)])
def test_on_a_terminal_it_asks(word: str, code: Exit) -> None:
    """The answer no sends nothing; yes goes on, here to a cluster that is not there."""
    person, terminal = pty.openpty()
    script = "from tradecanary.cli import app; app()"
    with subprocess.Popen(
        [sys.executable, "-c", script, "abort", "momentum", "--reason", "a test"],
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"},
    ) as process:
        os.write(person, f"{word}\n".encode())
        _, said = process.communicate(timeout=60)
    os.close(person)
    os.close(terminal)

    assert code == process.returncode, said
    assert "all orders go back to stable" in said
    assert "Go on? [y/N]" in said


def test_a_slow_answer_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    """What a command waits for is said on stderr when it takes long, and only then."""
    with saying("waiting for nothing", after_s=60):
        pass
    said, deadline_s = "", time.monotonic() + 30
    with saying("waiting for Kafka", after_s=0.01):
        while "\n" not in said and time.monotonic() < deadline_s:
            said += capsys.readouterr().err

    assert "waiting for Kafka ...\n" == said


def test_completion_prints_a_script_and_knows_its_shells() -> None:
    """The script names the program's own variable; an unknown shell is refused with the known."""
    world = trading()
    bash = tradecanary(world, "completion", "bash")
    unknown = tradecanary(world, "completion", "tcsh")

    assert (Exit.OK, True) == (bash.exit_code, "_TRADECANARY_COMPLETE=complete_bash" in bash.stdout)
    assert (Exit.USAGE, True) == (unknown.exit_code, "bash, zsh, fish" in unknown.stderr)


def test_a_cluster_that_is_away_completes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No names, no error, no wait to speak of."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")

    assert [] == completion.strategies("mom")
