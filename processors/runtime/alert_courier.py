"""Threads that deliver alerts, one a sender: in order, each delivery once as long as this lives.

Order matters: a resolve must not overtake its trigger. Nobody waits for a receiver: what the
stage hands over is delivered behind its back, and it asks now and then what has ended.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from tradecanary.processors.alerting.routes import Routes
from tradecanary.processors.runtime.alert_http import AlertHttp, BackOff, Finished
from tradecanary.schemas.alerts import PendingDelivery


@dataclass(slots=True)
class _Desk:
    """One sender's queue, and the delivery that is under way."""

    queue: deque[tuple[PendingDelivery, bool]] = field(default_factory=deque)
    busy: str = ""


class Courier:
    """Delivers what is submitted; remembers how each delivery ended until that is forgotten.

    `failed(sender, problem)` hears of every attempt that failed, from the sender's thread.
    """

    def __init__(
        self,
        routes: Routes,
        now_us: Callable[[], int],
        failed: Callable[[str, str], None],
        back_off: BackOff = BackOff(),  # noqa: B008 - frozen
    ) -> None:
        """Start a thread for every sender of `routes`."""
        self._now_us = now_us
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._finished: dict[str, Finished] = {}
        self._broken: BaseException | None = None
        self._desks = {name: _Desk() for name in routes.senders}
        self._threads = [
            threading.Thread(
                target=self._work,
                args=(
                    self._desks[name],
                    AlertHttp(
                        sender,
                        stopping=self._stopping,
                        failed=lambda problem, name=name: failed(name, problem),  # type: ignore[misc]
                        back_off=back_off,
                    ),
                ),
                name=f"sender-{name}",
                daemon=True,  # a receiver that hangs must not hold the process
            )
            for name, sender in routes.senders.items()
        ]
        for thread in self._threads:
            thread.start()

    def knows(self, sender: str) -> bool:
        """Return whether there is such a sender."""
        return sender in self._desks

    def submit(self, deliveries: Iterable[PendingDelivery], *, again: bool = False) -> None:
        """Take deliveries over, in order, less those it has already or has no sender for.

        `again`: an earlier process may have sent them, and died before it was written down.
        """
        with self._changed:
            for delivery in deliveries:
                if self.knows(delivery.sender) and delivery.id not in self._ids():
                    self._desks[delivery.sender].queue.append((delivery, again))
            self._changed.notify_all()

    def finished(self) -> Mapping[str, Finished]:
        """Return how the deliveries ended that were not forgotten yet, by id.

        Raises what a sender's thread ended with: a bug of ours, which ends the process.
        """
        with self._changed:
            if self._broken is not None:
                raise self._broken
            return dict(self._finished)

    def keep(self, ids: frozenset[str]) -> frozenset[str]:
        """Drop what is queued and not among `ids`; return what is left, under way or ended."""
        with self._changed:
            for desk in self._desks.values():
                kept = [one for one in desk.queue if one[0].id in ids]
                desk.queue.clear()
                desk.queue.extend(kept)
            return frozenset(self._ids())

    def forget(self, ids: Iterable[str]) -> None:
        """Forget how these ended: it was written down."""
        with self._changed:
            for one in ids:
                self._finished.pop(one, None)

    def wait(self, timeout_s: float) -> bool:
        """Return whether nothing is left to do, waiting at most `timeout_s`."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not any(desk.queue or desk.busy for desk in self._desks.values()), timeout_s
            )

    def stop(self, timeout_s: float) -> bool:
        """Begin nothing new, and let what is under way end; return whether it did in time."""
        self._stopping.set()
        until_s = time.monotonic() + timeout_s
        with self._changed:
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(max(until_s - time.monotonic(), 0.0))
        return not any(thread.is_alive() for thread in self._threads)

    def _ids(self) -> set[str]:
        queued = {one.id for desk in self._desks.values() for one, _ in desk.queue}
        busy = {desk.busy for desk in self._desks.values() if desk.busy}
        return queued | busy | self._finished.keys()

    def _work(self, desk: _Desk, http: AlertHttp) -> None:
        try:
            self._deliver(desk, http)
        except BaseException as broken:  # noqa: BLE001 - raised in the thread that asks
            with self._changed:
                self._broken = broken
                self._changed.notify_all()

    def _deliver(self, desk: _Desk, http: AlertHttp) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: desk.queue or self._stopping.is_set())
                if self._stopping.is_set():
                    return
                delivery, again = desk.queue.popleft()
                desk.busy = delivery.id
            found = http.deliver(delivery, again=again, now_us=self._now_us())
            with self._changed:
                desk.busy = ""
                if found is not None:
                    self._finished[delivery.id] = found
                self._changed.notify_all()
