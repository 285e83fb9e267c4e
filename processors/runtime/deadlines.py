"""A limit for calls into the client, which does not always keep its own.

`send_offsets_to_transaction` waits for ever when the connection to the group's coordinator was
given up while the brokers restarted (librdkafka issues 5456 and 5511, open in 2.16). A call in C
cannot be interrupted; it can be left behind in a thread of its own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from tradecanary.processors.runtime.log import Hung, Unavailable

MOST_LEFT_BEHIND = 8
"""Each keeps a client with its threads and connections: a new process is cheaper than more."""
TICK_S = 0.25
_NAME = "client: "

Result = TypeVar("Result")


class Overdue(Unavailable):
    """The call did not come back in time; whatever it uses must not be used again."""


def within(
    limit_s: float,
    call: Callable[[], Result],
    what: str,
    clock: Callable[[], float] = time.monotonic,
) -> Result:
    """Return what `call` returns, or raise what it raises, in a thread of its own.

    Raises Overdue when it is not back after `limit_s`, and Hung when too many never came back. Time
    in which the whole process was stopped does not count: the call was stopped with it.
    """
    outcome: Future[Result] = Future()

    def run() -> None:
        try:
            outcome.set_result(call())
        except BaseException as failure:  # noqa: BLE001 - raised again where it was called
            outcome.set_exception(failure)

    threading.Thread(target=run, name=_NAME + what, daemon=True).start()
    left_s, now_s = limit_s, clock()
    while left_s > 0:
        try:
            return outcome.result(min(left_s, TICK_S))
        except TimeoutError:
            if outcome.done():
                return outcome.result()
        before_s, now_s = now_s, clock()
        left_s -= min(now_s - before_s, 2 * TICK_S)
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith(_NAME)]
    if len(left) > MOST_LEFT_BEHIND:
        raise Hung(f"calls that never came back: {', '.join(left)}")
    raise Overdue(f"{what}: no answer within {limit_s:g} s, the call was left behind")
