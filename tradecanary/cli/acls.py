"""`tradecanary topics acls`: who may read and write what, to look at, to run, or to apply."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Annotated

import typer
from rich.table import Table

from tradecanary.cli.connection import Connection, reached, settings_of
from tradecanary.cli.output import Exit, err, fail, out, say_json, saying
from tradecanary.processors.runtime.access_admin import AccessRefused, give_access, principals_of
from tradecanary.processors.runtime.settings import Settings
from tradecanary.schemas.access import ROLES, Grant, Operation, Resource, grants

Named = Mapping[str, list[str]]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_KafkaAcls = Annotated[
    bool, typer.Option("--kafka-acls", help="Print the commands of kafka-acls.sh.")
]
_Apply = Annotated[
    bool, typer.Option("--apply", help="Give this access on Kafka; nothing is taken away.")
]


def acls(
    principal: Annotated[
        list[str] | None,
        typer.Option(help="ROLE=PRINCIPAL, as service=User:gateway-7; repeat it for more."),
    ] = None,
    json: _Json = False,  # noqa: FBT002
    kafka_acls: _KafkaAcls = False,  # noqa: FBT002
    apply: _Apply = False,  # noqa: FBT002
    bootstrap_servers: Connection = None,
) -> None:
    """Print who may read and write which topic, group and transactional id.

    A role is a principal of its name (User:decision) unless --principal says otherwise. Names have
    the prefix of TRADECANARY_TOPIC_PREFIX. See docs/security.md.
    """
    settings, named = settings_of(bootstrap_servers), _named(principal or [])
    if apply:
        _apply(settings, named)
    elif json:
        say_json([_plain(grant, named) for grant in grants(settings.topic_prefix)])
    elif kafka_acls:
        for line in commands(settings, named):
            typer.echo(line)
    else:
        out.print(_table(settings.topic_prefix))


def _named(pairs: list[str]) -> Named:
    named: dict[str, list[str]] = {}
    known = [role.name for role in ROLES]
    for pair in pairs:
        role, _, principal = pair.partition("=")
        if role not in known or not principal.partition(":")[2]:
            fail(
                f"--principal was {pair!r}: it is ROLE=PRINCIPAL, as service=User:gateway-7, with "
                f"a role of {', '.join(known)}",
                Exit.USAGE,
            )
        named.setdefault(role, []).append(principal)
    return named


def _apply(settings: Settings, named: Named) -> None:
    with reached(settings) as silent, saying("waiting for the access to be given"):
        try:
            count = give_access(silent, named)
        except AccessRefused as refused:
            fail(
                f"Kafka at {settings.bootstrap_servers} refused: {refused}. An administrator gives "
                "access, on a broker with an authorizer: docs/security.md.",
                Exit.REFUSED,
            )
    err.print(f"{count} entries are there")


def _plain(grant: Grant, named: Named) -> dict[str, object]:
    return {
        "role": grant.role,
        "principals": list(principals_of(grant.role, named)),
        "operation": grant.operation.value,
        "resource": grant.resource.value,
        "name": grant.name,
        "pattern": "prefixed" if grant.is_prefix else "literal",
    }


def commands(settings: Settings, named: Named) -> Iterator[str]:
    """Yield one command of kafka-acls.sh for each role, operation and kind of resource."""
    kinds: dict[tuple[str, Resource, Operation, bool], list[str]] = {}
    for grant in grants(settings.topic_prefix):
        kind = grant.role, grant.resource, grant.operation, grant.is_prefix
        kinds.setdefault(kind, []).append(grant.name)
    for (role, resource, operation, is_prefix), names in kinds.items():
        words = ["kafka-acls.sh", "--bootstrap-server", settings.bootstrap_servers]
        words += ["--command-config", "admin.properties", "--add"]
        for principal in principals_of(role, named):
            words += ["--allow-principal", principal]
        words += ["--operation", operation.value]
        words += [word for name in names for word in (f"--{resource.value}", name)]
        words += ["--resource-pattern-type", "prefixed"] if is_prefix else []
        yield shlex.join(words)


def _table(prefix: str) -> Table:
    table = Table(box=None)
    for column in ("role", "writes", "reads", "groups, transactional ids"):
        table.add_column(column)
    for role in ROLES:
        table.add_row(
            role.name,
            "\n".join(prefix + topic.name for topic in role.writes),
            "\n".join(prefix + topic.name for topic in role.reads),
            "\n".join(_others(role.name, prefix)),
        )
    return table


def _others(role: str, prefix: str) -> Iterator[str]:
    for grant in grants(prefix):
        if grant.role == role and grant.resource is not Resource.TOPIC:
            yield f"{grant.resource.value} {grant.name}{'*' if grant.is_prefix else ''}"
