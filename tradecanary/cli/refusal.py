"""Why Kafka did not do what was asked: away, unwilling, or not told how. Each has its remedy."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

_ASK_S = 1.5


def why(servers: str, text: str, reach: Mapping[str, Any]) -> str:
    """Return a sentence on a failure that the client calls `text`, and what to do."""
    if "authorization" in text.lower():
        return f"Kafka at {servers} refused: {text}. Who may do what: docs/security.md."
    if "tradecanary topics create" in text:  # a broker that knows no topic did answer
        return f"Kafka at {servers} lacks a topic: {text}."
    refused = _login_refused(reach)
    if refused:
        return (
            f"Kafka at {servers} refused the login: {refused}. "
            "Set KAFKA__SASL_USERNAME and the like: docs/security.md."
        )
    return (
        f"Kafka at {servers} did not answer: {text}. Is it running? "
        "Set KAFKA_BOOTSTRAP_SERVERS or --bootstrap-servers."
    )


def is_setting_refused(failure: Exception) -> bool:
    """Return whether the client itself refused a setting, so that no broker was ever asked."""
    cause = failure.__cause__ if failure.__cause__ is not None else failure
    error = cause.args[0] if cause.args else None
    code = KafkaError._INVALID_ARG  # noqa: SLF001 - the client's name for it
    return isinstance(error, KafkaError) and error.code() == code


def wrong_setting(text: str) -> str:
    """Return a sentence on a setting of which the client says `text`, and what to do."""
    return (
        f"Kafka's client refuses its settings: {text}. They come from KAFKA__... variables: "
        "docs/security.md."
    )


def _login_refused(reach: Mapping[str, Any]) -> str:
    """Return what the broker says of the login: the client itself tells only of a connection."""
    errors: list[KafkaError] = []
    told: dict[str, Any] = {**reach, "log_level": 0, "error_cb": errors.append}
    with suppress(KafkaException):
        admin = AdminClient(told)
        with suppress(KafkaException):
            admin.list_topics(timeout=_ASK_S)
        admin.poll(0)
    code = KafkaError._AUTHENTICATION  # noqa: SLF001 - the client's name for it
    return next((error.str() for error in errors if error.code() == code), "")
