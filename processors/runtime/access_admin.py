"""Gives the access of the table on a broker; what is there already stays as it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined] # exported without __all__
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from tradecanary.processors.runtime.kafka_clients import error_of, unavailable
from tradecanary.processors.runtime.log import Unavailable
from tradecanary.processors.runtime.settings import Settings
from tradecanary.schemas.access import Grant, Operation, Resource, grants

_TIMEOUT_S = 20.0
_TYPES = {
    Resource.TOPIC: ResourceType.TOPIC,
    Resource.GROUP: ResourceType.GROUP,
    Resource.TRANSACTIONAL_ID: ResourceType.TRANSACTIONAL_ID,
}
_OPERATIONS = {Operation.READ: AclOperation.READ, Operation.WRITE: AclOperation.WRITE}
_REFUSALS = frozenset(
    {
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.SECURITY_DISABLED,
        KafkaError.POLICY_VIOLATION,
        KafkaError.INVALID_REQUEST,
    }
)


class AccessRefused(Unavailable):
    """The broker answered and refused: who asks is no administrator, or it has no authorizer."""


def principals_of(role: str, named: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Return who has the role: those named for it, or `User:` and the role's own name."""
    return tuple(named.get(role, ())) or (f"User:{role}",)


def give_access(settings: Settings, named: Mapping[str, Iterable[str]]) -> int:
    """Give every role of the table its access; return how many entries there are.

    `named`: principals by role. Raises Unavailable when the broker does not answer, and
    AccessRefused when it refuses.
    """
    bindings = [
        _binding(grant, principal)
        for grant in grants(settings.topic_prefix)
        for principal in principals_of(grant.role, named)
    ]
    admin = AdminClient(settings.connection())  # it must outlive the answers
    for binding, future in admin.create_acls(bindings).items():
        try:
            future.result(timeout=_TIMEOUT_S)
        except KafkaException as failure:
            what, error = f"giving {binding.principal} access to {binding.name}", error_of(failure)
            said = unavailable(what, error)
            raise AccessRefused(said) if error.code() in _REFUSALS else said from failure
        except TimeoutError:
            raise Unavailable(f"the broker did not answer within {_TIMEOUT_S:.0f} s") from None
    return len(bindings)


def _binding(grant: Grant, principal: str) -> AclBinding:
    pattern = ResourcePatternType.PREFIXED if grant.is_prefix else ResourcePatternType.LITERAL
    return AclBinding(
        _TYPES[grant.resource],
        grant.name,
        pattern,
        principal,
        "*",
        _OPERATIONS[grant.operation],
        AclPermissionType.ALLOW,
    )
