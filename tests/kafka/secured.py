"""A broker that lets nobody in without a password, and nobody do what no access list allows."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import pytest

from tests.kafka.jars import java_version, maven
from tests.kafka.java import Access, JavaBroker

ADMIN = "admin"
_MECHANISM = "SCRAM-SHA-256"
_LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule"
# The controller's own listener has no login: nobody else reaches it here.
_PROPERTIES = """\
sasl.enabled.mechanisms={mechanism}
sasl.mechanism.inter.broker.protocol={mechanism}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:{admin};User:ANONYMOUS
allow.everyone.if.no.acl.found=false
listener.name.sasl.{name}.sasl.jaas.config={login} required \\
  username="{admin}" password="{password}";
"""


def password_of(user: str) -> str:
    """Return the user's password: nothing that a log would hold by chance."""
    return f"pw-{user}-5e11c0de"


def client_of(user: str, password: str = "") -> dict[str, str]:
    """Return what the client of a user is told."""
    return {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": _MECHANISM,
        "sasl.username": user,
        "sasl.password": password or password_of(user),
    }


def environment_of(user: str, password: str = "") -> dict[str, str]:
    """Return the environment of a process that logs in as the user."""
    client = client_of(user, password).items()
    return {f"KAFKA__{name.upper().replace('.', '_')}": value for name, value in client}


def _access(users: Iterable[str]) -> Access:
    scram = tuple(
        f"{_MECHANISM}=[name={user},password={password_of(user)}]" for user in (ADMIN, *users)
    )
    return Access(
        listener="SASL",
        protocol="SASL_PLAINTEXT",
        properties=_PROPERTIES.format(
            mechanism=_MECHANISM,
            name=_MECHANISM.lower(),
            login=_LOGIN,
            admin=ADMIN,
            password=password_of(ADMIN),
        ),
        format_arguments=tuple(word for user in scram for word in ("--add-scram", user)),
        client=client_of(ADMIN),
    )


@contextmanager
def secured_kafka(users: Iterable[str], say: Callable[[str], None]) -> Iterator[JavaBroker]:
    """Give a broker that knows these users; skips where Java or Maven is missing."""
    java, mvn = java_version(), maven()
    if not (java.usable and mvn.usable):
        pytest.skip(
            f"a broker with users is started from Maven's jars only: found {java.found}, "
            f"{mvn.found}"
        )
    broker = JavaBroker(java.found, say, _access(users))
    try:
        broker.start()
        yield broker
    finally:
        broker.remove()
