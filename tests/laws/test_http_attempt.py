"""An attempt over HTTP ends in time and costs little, whatever the receiver does."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest

from tests.alerted import WAIT_S, Answer, Receiver
from tradecanary.processors.runtime.http_attempt import TooSlow, posted

_TRUSTED = httpx.create_ssl_context()


@contextmanager
def _dripping(beginning: bytes) -> Iterator[tuple[str, threading.Event]]:
    """Give the address of who answers without end, and what is set when it was cut off."""
    cut = threading.Event()

    def drip(server: socket.socket) -> None:
        taken, _ = server.accept()
        with taken, suppress(OSError):
            taken.sendall(beginning)
            while not cut.wait(0.05):
                taken.sendall(b"X-More: a\r\n")
        cut.set()

    with socket.create_server(("127.0.0.1", 0)) as server:
        dripping = threading.Thread(target=drip, args=(server,), daemon=True)
        dripping.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/", cut
        dripping.join(WAIT_S)


@pytest.mark.parametrize(
    "beginning",
    [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 500 Broken\r\nContent-Length: 1000000\r\n\r\n"],
)
def test_an_answer_that_drips_holds_nobody(beginning: bytes) -> None:
    """Each line of it is in time, its end never comes: the connection is cut, and closed."""
    with _dripping(beginning) as (url, cut):
        with pytest.raises(TooSlow, match=r"no whole answer within 0\.3 s"):
            posted(url, {}, {}, _TRUSTED, 0.3)
        assert cut.wait(WAIT_S)


@pytest.mark.parametrize("status", [200, 400])
def test_of_a_long_answer_the_beginning_is_read(status: int) -> None:
    """Nothing where it was taken, elsewhere what a person may read."""
    receiver = Receiver()
    receiver.plan = [Answer(status, body="no " * 1_000_000)]
    answer = posted(receiver.url(), {}, {}, _TRUSTED, WAIT_S)
    receiver.close()

    text = "" if status == 200 else ("no " * 4_096)[:4_096]
    assert (status, text) == (answer.status, answer.text)
