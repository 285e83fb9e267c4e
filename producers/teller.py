"""The thread in which a router calls `on_withdrawn`.

Its own, because a service that cancels orders there may take long, most of all when the canary
hangs; meanwhile kills, vectors and the status go on, for this router and for the others.
"""

from __future__ import annotations

import threading

from tradecanary.producers.router import OrderRouter


class Teller:
    """Tells one router's service what was withdrawn, in order, until told to stop."""

    def __init__(self, router: OrderRouter) -> None:
        """From now on `router` leaves the telling to this thread; `start` begins."""
        self._tell = router.tell_withdrawn
        self._news = threading.Event()
        self._stop = False
        self._thread = threading.Thread(
            target=self._run, name=f"tradecanary-withdrawn-{router.strategy}", daemon=True
        )
        router.on_untold = self._news.set

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Tell what waits, for at most `timeout_s`; a callback that hangs is left behind."""
        self._stop = True
        self._news.set()
        if self._thread is not threading.current_thread():  # a service may close when withdrawn
            self._thread.join(timeout_s)

    def _run(self) -> None:
        stop = False
        while not stop:
            self._news.wait()
            self._news.clear()
            stop = self._stop  # asked before the telling: what came before the end is told
            self._tell()
