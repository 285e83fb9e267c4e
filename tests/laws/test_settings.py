"""Settings are checked once, name what is wrong, and keep secrets."""

from pathlib import Path

import pytest

from tradecanary.processors.runtime.settings import Settings, SettingsError, load_settings
from tradecanary.schemas.topics import Sizing


def test_defaults_need_nothing() -> None:
    """Without any variable a local broker with the default counts is meant."""
    settings = load_settings({"PATH": "/bin", "KAFKA_HEAP_OPTS": "of others"})

    assert Settings() == settings
    assert {"bootstrap.servers": "localhost:9092"} == settings.connection()
    assert {Sizing.EXECUTIONS: 4, Sizing.CONTROL: 1, Sizing.SINGLE: 1} == settings.partitions()


def test_any_client_setting_passes_through() -> None:
    """KAFKA__ANY_THING is `any.thing` for librdkafka."""
    settings = load_settings(
        {"KAFKA_BOOTSTRAP_SERVERS": "a:1,b:2", "KAFKA__SECURITY_PROTOCOL": "SASL_SSL"}
    )

    assert {"bootstrap.servers": "a:1,b:2", "security.protocol": "SASL_SSL"} == (
        settings.connection()
    )


def test_environment_wins_over_the_file(tmp_path: Path) -> None:
    """The file has the same lines; what the environment says outranks it."""
    file = tmp_path / "settings"
    file.write_text(
        "# production\n\nTRADECANARY_SLOT = b\nTRADECANARY_METRICS_PORT=9100\n"
        "KAFKA__SASL_PASSWORD=a=b=c\n"
    )
    settings = load_settings({"TRADECANARY_SETTINGS": str(file), "TRADECANARY_SLOT": "c"})

    assert ("c", 9100) == (settings.slot, settings.metrics_port)
    assert "a=b=c" == settings.connection()["sasl.password"]


@pytest.mark.parametrize(
    "name",
    [
        "KAFKA__SASL_PASSWORD",
        "KAFKA__SASL_USERNAME",
        "KAFKA__SASL_OAUTHBEARER_CLIENT_SECRET",
        "KAFKA__SSL_KEY_PASSWORD",
        "KAFKA__SSL_KEY_PEM",
        "KAFKA__SSL_KEYSTORE_PASSWORD",
    ],
)
def test_secrets_are_never_printed(name: str) -> None:
    """Neither repr nor str shows a secret, but the client gets it."""
    settings = load_settings({name: "hunter2", "KAFKA__SASL_MECHANISM": "SCRAM-SHA-256"})

    assert "hunter2" in settings.connection().values()
    for text in (repr(settings), str(settings), f"{settings}", str(settings.shown())):
        assert "hunter2" not in text
        assert "SCRAM-SHA-256" in text


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"TRADECANARY_SLOTS": "1"}, "TRADECANARY_SLOTS is not a setting; known are .*_SLOT"),
        ({"TRADECANARY_KAFKA": "1"}, "TRADECANARY_KAFKA is not a setting"),
        (
            {"TRADECANARY_EXECUTIONS_PARTITIONS": "0"},
            "TRADECANARY_EXECUTIONS_PARTITIONS was '0': .*greater than or equal to 1",
        ),
        ({"TRADECANARY_METRICS_PORT": "http"}, "TRADECANARY_METRICS_PORT was 'http'"),
        ({"TRADECANARY_TOPIC_PREFIX": "a b"}, "TRADECANARY_TOPIC_PREFIX was 'a b'"),
        ({"KAFKA_BOOTSTRAP_SERVERS": ""}, "KAFKA_BOOTSTRAP_SERVERS was ''"),
        ({"KAFKA__BOOTSTRAP_SERVERS": "a:1"}, "set KAFKA_BOOTSTRAP_SERVERS"),
        ({"KAFKA__ISOLATION_LEVEL": "read_uncommitted"}, "rests on our isolation.level"),
        ({"KAFKA__TRANSACTIONAL_ID": "mine"}, "rests on our transactional.id"),
        ({"TRADECANARY_SETTINGS": "/nowhere/at-all"}, "/nowhere/at-all: No such file"),
    ],
)
def test_what_is_wrong_is_named(environment: dict[str, str], message: str) -> None:
    """The error has the variable, its value and what is allowed."""
    with pytest.raises(SettingsError, match=message):
        load_settings(environment)


def test_a_line_of_something_else_is_refused(tmp_path: Path) -> None:
    """A typing error in a file must not pass as a default."""
    file = tmp_path / "settings"
    file.write_text("TRADECANARY_SLOT=b\nTRADECANRY_METRICS_PORT=9100\n")

    with pytest.raises(SettingsError, match="line 2: the name was 'TRADECANRY_METRICS_PORT'"):
        load_settings({}, file)


def test_who_gives_a_command_is_no_setting() -> None:
    """TRADECANARY_ACTOR is read by the verbs; no process stumbles over it."""
    assert load_settings({}) == load_settings({"TRADECANARY_ACTOR": "ana"})
