"""`start` and `wait`: limits are declared, the same SPEC comes again, exit codes say the end."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.laws.decision_input import LIMITS
from tests.simulation.command_line import spec_file, tradecanary, trading
from tests.simulation.worlds import STRATEGY
from tests.understood import told, understood
from tests.unlucky import FarLog
from tradecanary.cli import app
from tradecanary.cli.connection import working_on
from tradecanary.cli.output import Exit
from tradecanary.cli.waiting import Until, wait_for
from tradecanary.operator import Operator
from tradecanary.schemas.routing import CommandKind


def test_a_spec_without_limits_is_refused_and_names_the_field(tmp_path: Path) -> None:
    """Nothing is sent; one limit of the four missing is named, too; --no-limits is recorded."""
    world = trading()
    none = tradecanary(world, "start", spec_file(tmp_path, limits=None))
    without = {name: value for name, value in LIMITS.items() if name != "max_venues"}
    one = tradecanary(world, "start", spec_file(tmp_path, limits=without))
    assert not list(world.operator.decisions(STRATEGY))
    waived = tradecanary(world, "start", spec_file(tmp_path, limits=None), "--no-limits")

    assert Exit.REFUSED == none.exit_code == one.exit_code
    assert "limits: is missing" in none.stderr
    assert "--no-limits" in none.stderr
    assert "limits.max_venues: is missing" in one.stderr
    assert Exit.OK == waived.exit_code
    assert "its limits were waived" in waived.stdout


def test_a_scope_that_is_not_all_cells_is_refused_unless_agreed_to(tmp_path: Path) -> None:
    """A promotion makes the canary the baseline everywhere, also where it was never compared."""
    world = trading()
    one, both = {"region": "us", "venue": "XNYS"}, {"region": "*", "venue": "*"}
    asked = tradecanary(world, "start", spec_file(tmp_path, scope=[one]))
    assert not list(world.operator.decisions(STRATEGY))
    agreed = tradecanary(world, "start", spec_file(tmp_path, scope=[one]), "--promote-everywhere")
    whole = tradecanary(trading(), "start", spec_file(tmp_path, scope=[one, both]))

    assert Exit.REFUSED == asked.exit_code
    assert "scope: is not all cells" in asked.stderr
    assert "--promote-everywhere" in asked.stderr
    assert Exit.OK == agreed.exit_code == whole.exit_code


def test_limits_waived_in_the_file_alone_are_not_waived(tmp_path: Path) -> None:
    """Whoever starts it agrees, not whoever wrote the file."""
    world = trading()
    asked = tradecanary(world, "start", spec_file(tmp_path, limits=None, limits_waived=True))

    assert (Exit.REFUSED, True) == (asked.exit_code, "limits: is missing" in asked.stderr)


def test_waiting_for_a_healthy_canary_exits_0(tmp_path: Path) -> None:
    """Each decision is printed once, and the last line says how it ended."""
    world = trading()
    found = tradecanary(world, "start", spec_file(tmp_path), "--wait", "--wait-timeout", "120")
    lines = found.stdout.splitlines()
    kinds = [one.kind.value for one in world.operator.decisions(STRATEGY)]

    assert Exit.OK == found.exit_code, found.output
    assert kinds == [next(kind for kind in kinds if f" {kind}" in line) for line in lines[:-1]]
    assert lines[-1].startswith("PROMOTED after")
    again = tradecanary(world, "start", spec_file(tmp_path))
    waited = tradecanary(world, "start", spec_file(tmp_path), "--wait")
    assert (Exit.OK, True) == (
        again.exit_code,
        "was started before and is PROMOTED" in again.stdout,
    )
    assert Exit.OK == waited.exit_code
    assert lines[-1] == waited.stdout.splitlines()[-1]


def test_a_rollback_exits_5_however_often_it_is_asked_for(tmp_path: Path) -> None:
    """`start --wait` again, and `wait` for whatever: a rollback never exits 0."""
    world = trading("slow:3")
    spec = spec_file(tmp_path)
    first = tradecanary(world, "start", spec, "--wait")
    again = tradecanary(world, "start", spec, "--wait", "--json")
    plain = tradecanary(world, "start", spec)
    waits = [
        tradecanary(world, "wait", STRATEGY, "--until", until).exit_code
        for until in ("promoted", "rolled-back", "halted", "ended")
    ]

    assert Exit.ROLLED_BACK == first.exit_code == again.exit_code
    assert {"rollout": "r1", "status": "ROLLED_BACK", "exit": 5} == json.loads(
        again.stdout.splitlines()[-1]
    )
    assert Exit.OK == plain.exit_code
    assert [Exit.ROLLED_BACK] * 4 == waits


def test_another_spec_under_the_id_is_refused(tmp_path: Path) -> None:
    """Whatever differs, an owner alone."""
    world = trading()
    tradecanary(world, "start", spec_file(tmp_path))
    other = tradecanary(world, "start", spec_file(tmp_path, owner="another"), "--wait")

    assert Exit.REFUSED == other.exit_code
    assert "was started before with another spec" in other.stdout


def test_a_halt_and_the_end_of_patience_have_codes_of_their_own(tmp_path: Path) -> None:
    """Until promoted: a halt ends it. Until ended: it waits on, as long as it may."""
    world = trading()
    spec = spec_file(tmp_path)
    patient = tradecanary(world, "start", spec, "--wait", "--wait-timeout", "1")
    tradecanary(world, "halt", STRATEGY, "--reason", "look")
    halted = tradecanary(world, "start", spec, "--wait")
    until = tradecanary(world, "wait", STRATEGY, "--until", "halted")
    ended = tradecanary(world, "wait", STRATEGY, "--timeout", "2")

    assert Exit.TIMED_OUT == patient.exit_code
    assert "r1 is ACTIVE after 1 s; it goes on" in patient.stderr
    assert [Exit.HALTED] * 2 == [halted.exit_code, until.exit_code]
    assert "r1 is halted" in halted.stderr
    commands = told(halted.stderr, STRATEGY)
    assert ["status", "resume", "abort"] == [words[0] for words in commands]
    for words in commands:
        understood(words)
    assert Exit.TIMED_OUT == ended.exit_code


def test_a_wait_is_for_one_rollout(tmp_path: Path) -> None:
    """The strategy's newest, or the one that is named; none is refused in words."""
    world = trading()
    nothing = tradecanary(world, "wait", STRATEGY)
    tradecanary(world, "start", spec_file(tmp_path))
    world.operator.command(STRATEGY, CommandKind.ABORT, actor="ana", reason="enough")
    tradecanary(world, "start", spec_file(tmp_path, rollout="r2"))
    old = tradecanary(world, "wait", STRATEGY, "--rollout", "r1")
    new = tradecanary(world, "wait", STRATEGY, "--timeout", "1")

    assert Exit.REFUSED == nothing.exit_code
    assert f"no rollout of strategy '{STRATEGY}' was ever started" in nothing.stderr
    assert (Exit.ROLLED_BACK, True) == (old.exit_code, "abort by ana: enough" in old.stdout)
    assert (Exit.TIMED_OUT, True) == (new.exit_code, "r2 is ACTIVE" in new.stderr)


def test_an_outage_is_waited_out(tmp_path: Path) -> None:
    """The rollout goes on without us, so a job that waits does not fail; it is said once."""
    world, turns = trading(), 0
    tradecanary(world, "start", spec_file(tmp_path))

    def wait(seconds: float) -> None:
        nonlocal turns
        turns += 1
        world.run_for(seconds)

    log = FarLog(world.log, lambda: turns in {2, 3, 4, 9})
    operator = Operator(log, lambda *_: None, now_us=world.now_us, wait=wait, new_id=lambda: "none")
    with working_on(operator):
        answer = CliRunner().invoke(app, ["wait", STRATEGY, "--timeout", "120"])

    assert (Exit.OK, 2) == (answer.exit_code, answer.stderr.count("waiting on: no answer in 5 s"))


def test_reading_a_long_past_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A partition's whole topic `decisions` may take a while: it is said what is waited for."""
    world = trading()
    tradecanary(world, "start", spec_file(tmp_path))
    said, deadline_s = "", time.monotonic() + 30

    def far() -> bool:
        nonlocal said
        while "\n" not in said and time.monotonic() < deadline_s:
            said += capsys.readouterr().err
        return False

    operator = Operator(
        FarLog(world.log, far), lambda *_: None, now_us=world.now_us,
        wait=world.run_for, new_id=lambda: "none",
    )  # fmt: skip
    wait_for(operator, STRATEGY, "", Until.ENDED, 0.1, as_json=False)

    assert "reading decisions ..." in said


@pytest.mark.parametrize("text", ["rollout: [", "{rollout: r1}", "just words"])
def test_an_unusable_spec_is_refused(tmp_path: Path, text: str) -> None:
    """Nothing is sent, and no traceback is shown."""
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    answer = tradecanary(trading(), "start", str(path))

    assert (Exit.REFUSED, True) == (answer.exit_code, str(path) in answer.stderr)
