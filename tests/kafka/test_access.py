"""The table of access on a broker with users and an authorizer: neither too wide nor too narrow."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined] # exported without __all__
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from tests.executions import event
from tests.kafka.pipeline import Pipeline
from tests.kafka.secured import ADMIN, client_of, environment_of
from tests.kafka.waiting import pause, wait_until
from tradecanary.cli.output import Exit
from tradecanary.processors.runtime.stage_process import FAILED
from tradecanary.processors.stage import TopicPartition as Place
from tradecanary.producers.kafka_transport import connect
from tradecanary.producers.publisher import ExecutionPublisher
from tradecanary.producers.router import OrderRouter
from tradecanary.schemas.access import ROLES, Role
from tradecanary.schemas.topics import EXECUTIONS, TOPICS

STAGES = [role for role in ROLES if role.stage]
NAMES = {topic.name for topic in TOPICS}
_CALL_S = 10.0
_every_role = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)


def _client(secured: Pipeline, role: Role, **settings: str | int) -> dict[str, str | int]:
    return {"bootstrap.servers": secured.servers, **client_of(role.name), **settings}


@_every_role
def test_a_role_writes_what_the_table_says(secured: Pipeline, role: Role) -> None:
    """Every topic is tried: those of the table take a record, all others refuse it."""
    refused: dict[str, KafkaError] = {}

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            refused[(message.topic() or "").removeprefix(secured.prefix)] = error

    producer = Producer(_client(secured, role))
    for name in NAMES:
        producer.produce(f"{secured.prefix}{name}", b"", b"no strategy", 0, delivered)

    assert 0 == producer.flush(_CALL_S)
    assert NAMES - {topic.name for topic in role.writes} == set(refused)
    assert all(
        KafkaError.TOPIC_AUTHORIZATION_FAILED == error.code() for error in refused.values()
    ), refused


@_every_role
def test_a_role_reads_what_the_table_says(secured: Pipeline, role: Role) -> None:
    """Every topic is tried: those of the table are read to their end, all others refuse it."""
    told = {"group.id": role.reader_group(secured.prefix), "enable.partition.eof": "true"}
    with closing(Consumer(_client(secured, role, **told))) as consumer:
        found = _first_errors(consumer, secured.prefix)

    readable = {topic.name for topic in role.reads}
    end, refused = KafkaError._PARTITION_EOF, KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert {name: end if name in readable else refused for name in NAMES} == found


def _first_errors(consumer: Consumer, prefix: str) -> dict[str, int]:
    """Return the code of the first error of every topic: the end of the partition is one."""
    found = {}
    for name in NAMES:
        unseen = consumer.list_topics(prefix + name, timeout=_CALL_S).topics[prefix + name].error
        if unseen is not None:  # the client would wait for the topic, and say nothing
            found[name] = unseen.code()
    seen = sorted(NAMES - found.keys())
    consumer.assign([TopicPartition(prefix + name, 0, OFFSET_BEGINNING) for name in seen])

    def poll() -> None:
        message = consumer.poll(0.5)
        error = message.error() if message is not None else None
        if message is not None and error is not None and message.topic() is not None:
            found.setdefault(str(message.topic()).removeprefix(prefix), error.code())

    wait_until(
        lambda: found.keys() == NAMES,
        "an answer for each topic",
        step=poll,
        said=lambda: str(found),
    )
    return found


@_every_role
def test_a_role_takes_no_slot_of_another(secured: Pipeline, role: Role) -> None:
    """Transactional ids and groups are those of the stage alone: nobody else can fence it."""
    admin = AdminClient({**_client(secured, role)})
    for stage in STAGES:
        slot = f"{secured.prefix}{stage.stage}-9"
        producer = Producer(_client(secured, role, **{"transactional.id": slot}))
        no_id = _code(lambda: producer.init_transactions(_CALL_S))  # noqa: B023 - called at once
        group = secured.prefix + stage.stage
        described = admin.describe_consumer_groups([group], request_timeout=_CALL_S)[group]
        no_group = _code(described.result)

        if stage == role:
            assert no_id is None
            assert KafkaError.GROUP_AUTHORIZATION_FAILED != no_group
        else:
            assert KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED == no_id
            assert KafkaError.GROUP_AUTHORIZATION_FAILED == no_group


def _code(call: Callable[[], object]) -> int | None:
    """Return the code of the error that the client raises, None when it raises none."""
    try:
        call()
    except KafkaException as refused:
        code: int = refused.args[0].code()
        return code
    return None


def test_a_router_without_its_role_says_nothing(
    secured: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    """The real router and publisher as the dashboard: no status, no execution is taken."""
    router = OrderRouter("momentum", {"a": None}, "a")
    publisher = ExecutionPublisher("impostor")
    before = secured.log.end_offset(Place(EXECUTIONS.name, 0))
    with connect(
        router, publisher, bootstrap_servers=secured.servers, kafka=client_of("dashboard"),
        topic_prefix=secured.prefix,
    ):  # fmt: skip
        route = router.route("o1", "a1", "us", "XNAS", 1.0, "BUY", 1.0, "X")
        publisher.publish(route.outcome("FILLED", filled_qty=1.0, avg_price=1.0))
    records = secured.records(EXECUTIONS.name)

    assert before == secured.log.end_offset(Place(EXECUTIONS.name, 0))
    assert [] == [record for record in records if b"impostor" in (record.value or b"")]
    assert "authorization" in caplog.text.lower()


def test_a_client_that_ends_for_good_is_replaced(
    secured: Pipeline, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Who may write nothing gets a fatal error; events are kept, and sent once it may."""
    service = OrderRouter("momentum", {"a": None}, "a")
    publisher = ExecutionPublisher("newcomer", spool=tmp_path / "spool")
    grant = AclBinding(
        ResourceType.TOPIC, secured.prefix + EXECUTIONS.name, ResourcePatternType.LITERAL,
        "User:auditor", "*", AclOperation.WRITE, AclPermissionType.ALLOW,
    )  # fmt: skip
    admin = AdminClient({"bootstrap.servers": secured.servers, **client_of(ADMIN)})

    def publish() -> None:
        publisher.publish(replace(event(), unit="newcomer"))
        pause()

    with connect(
        service, publisher, bootstrap_servers=secured.servers, kafka=client_of("auditor"),
        topic_prefix=secured.prefix,
    ):  # fmt: skip
        wait_until(lambda: publisher.counters().spooled > 20, "events in the spool", step=publish)
        admin.create_acls([grant])[grant].result(_CALL_S)
        try:
            wait_until(lambda: _sent(publisher), "the spool is drained", step=publish)
        finally:
            rule = AclBindingFilter(
                grant.restype, grant.name, grant.resource_pattern_type, grant.principal,
                grant.host, grant.operation, grant.permission_type,
            )  # fmt: skip
            admin.delete_acls([rule])[rule].result(_CALL_S)
    assert publisher.counters().dropped == 0
    assert "has ended, another follows" in caplog.text


def _sent(publisher: ExecutionPublisher) -> bool:
    return publisher.counters().spooled == 0


def test_a_service_gives_no_commands(secured: Pipeline) -> None:
    """The command line says who refused what, and where to read on."""
    halt = ("halt", "momentum", "--reason", "a test")
    answer = secured.cli(*halt, environment=environment_of("service"))

    assert Exit.UNREACHABLE == answer.returncode
    assert "refused" in answer.stderr
    assert "Topic authorization failed" in answer.stderr
    assert "docs/security.md" in answer.stderr


def test_who_is_unknown_gets_nowhere(secured: Pipeline) -> None:
    """An unknown user and a wrong password: the command line and a stage say so, and end."""
    logins = [environment_of("mallory"), environment_of("operator", "pw-guessed")]
    stages = [secured.stage("decision", f"{slot}", **login) for slot, login in enumerate(logins, 8)]

    def status(login: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return secured.cli("status", "momentum", environment=login)

    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(status, logins))
    for answer in answers:
        assert Exit.UNREACHABLE == answer.returncode
        assert "refused the login" in answer.stderr
    for stage in stages:
        assert FAILED == stage.wait(40)
        assert "Authentication failed" in stage.said()
