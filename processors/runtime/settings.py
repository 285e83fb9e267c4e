"""Settings of a process: from the environment, or from a file of the same lines. Checked once.

`KAFKA_BOOTSTRAP_SERVERS` and `KAFKA__ANY_SETTING` go to librdkafka (`KAFKA__SECURITY_PROTOCOL` is
`security.protocol`); `TRADECANARY_...` are the fields below in capitals.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from typing_extensions import override

from tradecanary.processors.runtime.kafka_clients import OWN_RULES
from tradecanary.schemas.topics import Sizing

OURS = "TRADECANARY_"
SERVERS = "KAFKA_BOOTSTRAP_SERVERS"
_CLIENT = "KAFKA__"
_FILE = f"{OURS}SETTINGS"
_OTHERS = frozenset({_FILE, f"{OURS}ACTOR"})
"""Ours, but not settings of a process: where those are, and who gives a command."""
_HIDDEN = "***"
_SECRET = re.compile(
    r"password|secret|token|key\.pem|ssl\.key|^sasl\.(?!mechanisms?$)|certificate\.pem"
)
_NAME = r"^[A-Za-z0-9._-]*$"

Count = Annotated[int, Field(ge=1, le=10_000)]


class SettingsError(ValueError):
    """A setting is wrong; `str()` names it, its value and what is allowed."""


class Settings(BaseModel):
    """All settings of a process. `repr` and `str` hide what is secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bootstrap_servers: Annotated[str, Field(min_length=1)] = "localhost:9092"
    """Where Kafka is; from KAFKA_BOOTSTRAP_SERVERS."""
    kafka: Mapping[str, str] = Field(default_factory=dict)
    """What else librdkafka is told; from KAFKA__..."""
    topic_prefix: Annotated[str, Field(pattern=_NAME, max_length=100)] = ""
    """Goes before the names of topics, groups and transactional ids."""
    executions_partitions: Count = 4
    control_partitions: Count = 1
    replication_factor: Annotated[int, Field(ge=1, le=9)] = 1
    slot: Annotated[str, Field(pattern=_NAME, min_length=1, max_length=100)] = "0"
    """This process among those of its stage; a restart keeps it."""
    aggregation_commit_interval_ms: Annotated[int, Field(ge=10, le=1000)] = 200
    decision_commit_interval_ms: Annotated[int, Field(ge=10, le=1000)] = 50
    poll_records: Annotated[int, Field(ge=1, le=100_000)] = 2000
    poll_linger_ms: Annotated[int, Field(ge=0, le=1000)] = 5
    """How long a poll collects further records once there are some."""
    metrics_port: Annotated[int, Field(ge=0, le=65_535)] = 0
    """Port of the Prometheus endpoint; 0: none."""
    metrics_address: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """Where the Prometheus endpoint listens; 0.0.0.0: everywhere, without a login."""

    def connection(self) -> dict[str, str | int | float | bool]:
        """Return what librdkafka needs to reach the brokers, secrets included."""
        return {"bootstrap.servers": self.bootstrap_servers, **self.kafka}

    def partitions(self) -> dict[Sizing, int]:
        """Return the partition counts of the table of topics."""
        return {
            Sizing.EXECUTIONS: self.executions_partitions,
            Sizing.CONTROL: self.control_partitions,
            Sizing.SINGLE: 1,
        }

    def shown(self) -> dict[str, Any]:
        """Return all settings as they may be printed."""
        kafka = {name: _HIDDEN if _is_secret(name) else v for name, v in self.kafka.items()}
        return {**{name: getattr(self, name) for name in type(self).model_fields}, "kafka": kafka}

    @override
    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        yield from self.shown().items()


def load_settings(environment: Mapping[str, str], file: Path | None = None) -> Settings:
    """Return the settings; raise SettingsError. The environment wins over the file.

    The file (or TRADECANARY_SETTINGS=path) has lines `NAME=value`; `#` begins a comment line.
    """
    if file is None and _FILE in environment:
        file = Path(environment[_FILE])
    given = {**(_lines(file) if file else {}), **environment}
    values: dict[str, Any] = {"kafka": _client_settings(given)}
    if SERVERS in given:
        values["bootstrap_servers"] = given[SERVERS]
    ours = {name for name in Settings.model_fields if name not in ("kafka", "bootstrap_servers")}
    for variable, value in given.items():
        if not variable.startswith(OURS) or variable in _OTHERS:
            continue
        name = variable.removeprefix(OURS).lower()
        if name not in ours:
            known = ", ".join(sorted(OURS + each.upper() for each in ours))
            raise SettingsError(f"{variable} is not a setting; known are {known}")
        values[name] = value
    try:
        return Settings.model_validate(values)
    except ValidationError as wrong:
        raise SettingsError("; ".join(_problems(wrong))) from None


def _problems(wrong: ValidationError) -> Iterator[str]:
    for error in wrong.errors():
        name = str(error["loc"][0])
        variable = SERVERS if name == "bootstrap_servers" else OURS + name.upper()
        yield f"{variable} was {error['input']!r}: {error['msg']}"


def _client_settings(given: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for variable, value in given.items():
        if not variable.startswith(_CLIENT):
            continue
        name = variable.removeprefix(_CLIENT).lower().replace("_", ".")
        if name == "bootstrap.servers":
            raise SettingsError(f"{variable} is not a setting; set {SERVERS}")
        if name in OWN_RULES:
            raise SettingsError(f"{variable} cannot be set: exactly-once rests on our {name}")
        found[name] = value
    return found


def _lines(file: Path) -> dict[str, str]:
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as failure:
        raise SettingsError(f"reading the settings file {file}: {failure.strerror}") from failure
    except UnicodeDecodeError as failure:
        raise SettingsError(f"reading the settings file {file}: it is not text") from failure
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        name = name.strip()
        if not equals or not (name == SERVERS or name.startswith((_CLIENT, OURS))):
            raise SettingsError(
                f"{file}, line {number}: the name was {name!r}; lines are NAME=value, with "
                f"{SERVERS}, {_CLIENT}... or {OURS}..."
            )
        found[name] = value.strip()
    return found


def _is_secret(name: str) -> bool:
    return _SECRET.search(name) is not None
