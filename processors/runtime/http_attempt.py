"""One HTTP request that ends in time, whatever the receiver does.

The library's timeouts are of one read each: an answer that drips would hold its reader for ever. So
the whole of it runs in a thread of its own, and whoever waits cuts the connection when it is late.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx

_TEXT_BYTES = 4 << 10
_SPARE_S = 1.0
"""How much later than ours the library's own limits are, which say less."""
_CONNECTED = frozenset({"connection.connect_tcp.complete", "connection.start_tls.complete"})


class TooSlow(Exception):
    """There was no whole answer in time; what had come of it is not known."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the receiver answered; `text`: at most 4 KiB of its body, empty for 2xx."""

    status: int
    headers: httpx.Headers
    text: str


def posted(
    url: str,
    payload: Mapping[str, Any],
    headers: Mapping[str, str],
    trusted: ssl.SSLContext,
    limit_s: float,
) -> Answer:
    """Return the answer to `payload` as JSON; raise TooSlow after `limit_s`, and httpx's errors."""
    outcome: Future[Answer] = Future()
    line = _Line()

    def post() -> None:
        try:
            with httpx.Client(timeout=limit_s + _SPARE_S, verify=trusted) as client:
                outcome.set_result(_answer(client, url, payload, headers, line))
        except BaseException as failure:  # noqa: BLE001 - raised again where it was asked
            outcome.set_exception(failure)

    threading.Thread(target=post, name="http attempt", daemon=True).start()
    try:
        return outcome.result(limit_s)
    except FutureTimeout:
        if outcome.done():
            return outcome.result()
        line.cut()
        raise TooSlow(f"no whole answer within {limit_s:g} s") from None


class _Line:
    """The connection of an attempt: whoever waits may cut it, whoever reads closes it."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None

    def note(self, event: str, info: Mapping[str, Any]) -> None:
        """Hear of a connection as it is made (the library's trace extension)."""
        if event in _CONNECTED:
            self._socket = info["return_value"].get_extra_info("socket")

    def cut(self) -> None:
        """Let the reader find the connection at its end; closed here, it might read another's."""
        if self._socket is not None:
            with suppress(OSError):  # it has ended already
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _answer(
    client: httpx.Client,
    url: str,
    payload: Mapping[str, Any],
    headers: Mapping[str, str],
    line: _Line,
) -> Answer:
    sent = {**headers, "Accept-Encoding": "identity"}  # a small body stays small
    trace = {"trace": line.note}
    body = b""
    with client.stream("POST", url, json=payload, headers=sent, extensions=trace) as answer:
        if not answer.is_success:
            for piece in answer.iter_raw(_TEXT_BYTES):
                body += piece
                if len(body) >= _TEXT_BYTES:
                    break
    text = body[:_TEXT_BYTES].decode("utf-8", "replace")
    return Answer(answer.status_code, answer.headers, text)
