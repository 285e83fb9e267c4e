"""Who may do what is told once: the table of access, that of topics, docs and the command line."""

import itertools
import json
import re
import shlex

import pytest
from typer.testing import CliRunner

from tests.house.tracked import ROOT
from tradecanary.cli import app
from tradecanary.processors.runtime.kafka_clients import Names
from tradecanary.schemas.access import ROLES, Grant, Resource, Role, grants
from tradecanary.schemas.topics import TOPICS, Topic

DOC = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
STAGES = tuple(role.name for role in ROLES if role.stage)
# The names that the table of topics uses for people and processes.
ROLES_OF = {
    "services": ("service",),
    "routers": ("service",),
    "cli": ("operator",),
    "ci": ("operator",),
    "auditing": ("auditor",),
    "backtest": ("auditor",),
    "people": ("auditor",),
    "any stage": STAGES,
}
_every_topic = pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)


def _roles(who: tuple[str, ...]) -> set[str]:
    return {role for one in who for role in ROLES_OF.get(one, (one,))}


@_every_topic
def test_writers_are_those_of_the_table_of_topics(topic: Topic) -> None:
    """No topic has a writer that the table of topics does not name, nor the other way round."""
    assert _roles(topic.writers) == {role.name for role in ROLES if topic in role.writes}


@_every_topic
def test_readers_may_read(topic: Topic) -> None:
    """Whoever the table of topics calls a reader may read it."""
    assert _roles(topic.readers) <= {role.name for role in ROLES if topic in role.reads}


def _cells(role: Role) -> list[str]:
    def names(resource: Resource) -> str:
        return ", ".join(
            f"`{one.name}{'*' if one.is_prefix else ''}`"
            for one in grants()
            if (one.role, one.resource) == (role.name, resource)
        )

    topics = [", ".join(f"`{t.name}`" for t in side) for side in (role.writes, role.reads)]
    others = [names(Resource.GROUP), names(Resource.TRANSACTIONAL_ID)]
    return [f"`{role.name}`", role.text, *topics, *others]


def test_the_docs_have_the_table() -> None:
    """Row by row, in its order."""
    rows = re.findall(r"^\| (`\w+` \|.*) \|$", DOC, re.MULTILINE)

    assert [" | ".join(_cells(role)).split(" | ") for role in ROLES] == [
        row.split(" | ") for row in rows
    ]


def _said(*arguments: str, prefix: str = "") -> str:
    environment = {"TRADECANARY_TOPIC_PREFIX": prefix}
    answer = CliRunner().invoke(app, ["topics", "acls", *arguments], env=environment)
    assert 0 == answer.exit_code, answer.output
    return answer.stdout


def test_json_is_the_table() -> None:
    """With the prefix before every name but the router's group; principals as they are named."""
    told = json.loads(_said("--json", "--principal", "service=User:gateway-7", prefix="desk."))
    expected = {(one.role, one.name, one.operation.value) for one in grants("desk.")}
    principals = {one["role"]: one["principals"] for one in told}

    assert expected == {(one["role"], one["name"], one["operation"]) for one in told}
    assert ["User:gateway-7"] == principals["service"]
    assert ["User:decision"] == principals["decision"]
    assert {"tradecanary-router"} == {
        one["name"] for one in told if not one["name"].startswith("desk.")
    }


def test_commands_give_the_same() -> None:
    """What kafka-acls.sh is told, read back, is the table."""
    options = {f"--{resource.value}": resource for resource in Resource}
    found = set()
    for line in _said("--kafka-acls").splitlines():
        words = shlex.split(line)
        pairs = list(itertools.pairwise(words))
        given = dict(pairs)
        role = given["--allow-principal"].removeprefix("User:")
        is_prefix = given.get("--resource-pattern-type") == "prefixed"
        found |= {
            (role, options[option], name, given["--operation"], is_prefix)
            for option, name in pairs
            if option in options
        }

    assert found == {
        (one.role, one.resource, one.name, one.operation.value, one.is_prefix) for one in grants()
    }


@pytest.mark.parametrize("wrong", ["gateway=User:a", "service", "service=", "service=gateway"])
def test_a_principal_that_is_none_is_refused(wrong: str) -> None:
    """With what was given and what is allowed."""
    answer = CliRunner().invoke(app, ["topics", "acls", "--principal", wrong])

    assert 2 == answer.exit_code
    assert wrong in answer.output
    assert "ROLE=PRINCIPAL" in answer.output


def test_a_stage_takes_the_ids_it_may_take() -> None:
    """The runner's group and transactional id are the task's name, as the table has them."""
    names = Names("desk.")
    allowed: list[Grant] = [one for one in grants("desk.") if one.is_prefix]

    assert [names.outside(f"{stage}-") for stage in STAGES] == [one.name for one in allowed]
