"""One alert over HTTP: secrets read when they are needed, retries with back-off, one deadline."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay
from tenacity.nap import sleep_using_event
from tenacity.stop import stop_when_event_set
from tenacity.wait import wait_base, wait_exponential
from typing_extensions import override

from tradecanary.processors.alerting.payloads import (
    pagerduty_payload,
    slack_payload,
    webhook_payload,
)
from tradecanary.processors.alerting.routes import PagerDuty, Sender, Slack, Webhook
from tradecanary.processors.runtime.hiding import hidden, parts_of_open_address
from tradecanary.processors.runtime.http_attempt import TooSlow, posted
from tradecanary.schemas.alerts import DeliveryOutcome, PendingDelivery

_OK = range(200, 300)
_TRIED_AGAIN = frozenset({401, 403, 404, 408, 425, 429})
"""Client errors that pass, or that a person repairs in the meantime; all others are final."""
_SERVER_ERRORS = range(500, 600)
_LONGEST_WAIT_S = 300.0
_ANSWER_CHARACTERS = 200


class SecretMissing(Exception):
    """A secret cannot be read; the text names its place, never the secret."""


class NotDelivered(Exception):
    """An attempt failed and another may succeed; `wait_s`: what the receiver asked for."""

    def __init__(self, problem: str, wait_s: float = 0.0) -> None:
        super().__init__(problem)
        self.wait_s = wait_s


class Refused(Exception):
    """The receiver will never take this."""


@dataclass(frozen=True, slots=True)
class Finished:
    """How a delivery ended, after how many attempts; `problem`: the last attempt's, or empty."""

    outcome: DeliveryOutcome
    attempts: int
    problem: str


def read_secret(place: str, environment: Mapping[str, str] | None = None) -> str:
    """Return the secret at `env:NAME` or `file:/path`; raise SecretMissing.

    It is read at every attempt, so that a rotated one is used at once.
    """
    kind, _, name = place.partition(":")
    if kind == "env":
        value = (os.environ if environment is None else environment).get(name, "")
    else:
        try:
            value = Path(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as missing:
            why = missing.strerror if isinstance(missing, OSError) else "not text"
            raise SecretMissing(f"secret {place}: {why}") from None
    value = value.strip()
    if not value:
        raise SecretMissing(f"secret {place}: is empty, or not set")
    if not value.isprintable() or " " in value:
        raise SecretMissing(f"secret {place}: has blanks or line breaks inside")
    return value


@dataclass(frozen=True, slots=True)
class BackOff:
    """Waits between attempts: `first_s`, doubled up to `most_s`; a receiver may ask for more."""

    first_s: float = 1.0
    most_s: float = 30.0


class AlertHttp:
    """Delivers the alerts of one sender, one at a time."""

    def __init__(
        self,
        sender: Sender,
        *,
        stopping: threading.Event,
        failed: Callable[[str], None],
        back_off: BackOff = BackOff(),
    ) -> None:
        """`failed(problem)` hears of every attempt that failed."""
        self._sender = sender
        self._stopping = stopping
        self._failed = failed
        self._back_off = back_off
        self._trusted = httpx.create_ssl_context()  # reading all certificates takes a while

    def deliver(self, delivery: PendingDelivery, *, again: bool, now_us: int) -> Finished | None:
        """Return how it ended; None when it was stopped before that: it is still to be done.

        The deadline counts from when the alert was written down, but there is always an attempt.
        """
        age_s = max(now_us - delivery.since_us, 0) / 1e6
        left_s = max(self._sender.deadline_s - age_s, 0.0)
        until_s = time.monotonic() + left_s
        retrying = Retrying(
            retry=retry_if_exception_type(NotDelivered),
            stop=stop_after_delay(left_s) | stop_when_event_set(self._stopping),
            wait=_Waits(self._back_off, until_s),
            sleep=sleep_using_event(self._stopping),
            before_sleep=lambda state: self._failed(_problem(state)),
            reraise=True,
        )
        try:
            retrying(self._attempt, delivery, again=again)
        except NotDelivered as problem:
            self._failed(str(problem))
            if self._stopping.is_set() and time.monotonic() < until_s:
                return None
            return Finished(DeliveryOutcome.GIVEN_UP, _attempts(retrying), str(problem))
        except Refused as problem:
            self._failed(str(problem))
            return Finished(DeliveryOutcome.GIVEN_UP, _attempts(retrying), str(problem))
        return Finished(DeliveryOutcome.SENT, _attempts(retrying), "")

    def _attempt(self, delivery: PendingDelivery, *, again: bool) -> None:
        try:
            secrets, url, headers, payload = _request(self._sender, delivery, again=again)
        except SecretMissing as missing:
            raise NotDelivered(str(missing)) from None
        headers["Idempotency-Key"] = delivery.id.encode("ascii", "backslashreplace").decode()
        try:
            answer = posted(url, payload, headers, self._trusted, self._sender.timeout_s)
        except TooSlow as problem:
            raise NotDelivered(str(problem)) from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as problem:
            # from None: what the library kept may hold the address
            raise NotDelivered(hidden(_said(problem), secrets)) from None
        if answer.status in _OK:
            return
        text = hidden(answer.text, secrets)[:_ANSWER_CHARACTERS]
        problem_text = f"HTTP {answer.status}: {text}".rstrip(": ")
        if answer.status in _TRIED_AGAIN or answer.status in _SERVER_ERRORS:
            raise NotDelivered(problem_text, asked_wait_s(answer.headers.get("Retry-After", "")))
        raise Refused(problem_text)


def _request(
    sender: Sender, delivery: PendingDelivery, *, again: bool
) -> tuple[tuple[str, ...], str, dict[str, str], dict[str, Any]]:
    """Return secrets, address, headers and body of one attempt."""
    match sender:
        case Slack():
            url = read_secret(sender.url)
            return (url,), url, {}, slack_payload(delivery.alert, again=again)
        case PagerDuty():
            key = read_secret(sender.routing_key)
            secrets = (key, *parts_of_open_address(sender.url))
            return secrets, sender.url, {}, pagerduty_payload(delivery.alert, key)
        case Webhook():
            url = read_secret(sender.url) if sender.has_secret_url else sender.url
            token = read_secret(sender.token) if sender.token else ""
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            parts = (url,) if sender.has_secret_url else parts_of_open_address(url)
            secrets = (*parts, token) if token else parts
            return secrets, url, headers, webhook_payload(delivery.alert, again=again)


class _Waits(wait_base):
    """Exponential, at least what the receiver asked for, never past the deadline."""

    def __init__(self, back_off: BackOff, until_s: float) -> None:
        self._grows = wait_exponential(multiplier=back_off.first_s, max=back_off.most_s)
        self._until_s = until_s

    @override
    def __call__(self, retry_state: RetryCallState) -> float:
        problem = retry_state.outcome.exception() if retry_state.outcome else None
        asked_s = problem.wait_s if isinstance(problem, NotDelivered) else 0.0
        left_s = max(self._until_s - time.monotonic(), 0.0)
        return min(max(self._grows(retry_state), asked_s), left_s)


def asked_wait_s(asked: str) -> float:
    """Return the seconds of a Retry-After (a number or a date), 0 for any other text; at most 300.

    RFC 9110, 10.2.3. What a receiver writes there must not end the stage that tells all others.
    """
    try:
        seconds = float(asked)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(asked).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return 0.0
    return min(max(0.0, seconds), _LONGEST_WAIT_S)


def _said(problem: Exception) -> str:
    """Return the library's words, but not where they may be about the address itself."""
    name = type(problem).__name__
    spoken = isinstance(problem, httpx.NetworkError | httpx.TimeoutException)
    return f"{name}: {problem}".rstrip(": ") if spoken else name


def _problem(state: RetryCallState) -> str:
    problem = state.outcome.exception() if state.outcome else None
    return str(problem)


def _attempts(retrying: Retrying) -> int:
    return int(retrying.statistics["attempt_number"])
