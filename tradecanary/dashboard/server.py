"""The server: one process, one reader thread, one event loop for all browsers."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI
from nicegui import ui
from typing_extensions import override

from tradecanary.dashboard.frame import Site
from tradecanary.dashboard.gate import Gate
from tradecanary.dashboard.login import add_login
from tradecanary.dashboard.pages import add_pages

_ICON = (
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'>"
    "<path d='M8 1l7 7-7 7-7-7z' fill='#2563c9'/></svg>"
)
_GRACE_S = 2
_RECONNECT_S = 15
"""A browser is given up after so long; a busy machine may stand still for a while."""


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((host, port))
    return made


def serve(site: Site, listening: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM; `ready` is called once, when requests are answered.

    Requests are not logged, so no cookie and no address gets into a log. Leaves with 1 when the
    reader breaks: a restart is the recovery.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    add_login(app, site.sessions, site.place)
    add_pages(site)
    ui.run_with(
        app,
        title="tradecanary",
        dark=None,  # as the browser prefers
        favicon=_ICON,
        tailwind=False,
        reconnect_timeout=_RECONNECT_S,
        message_history_length=0,  # a browser that comes back is told all anew
        show_welcome_message=False,
        binding_refresh_interval=None,
    )
    stopping = threading.Event()
    broken: list[BaseException] = []
    server = _Server(
        uvicorn.Config(
            Gate(app, site.sessions),
            access_log=False,
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=_GRACE_S,
            ws_per_message_deflate=False,
        ),
        ready,
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, server.handle_exit)  # uvicorn raises it again in the end: code 0

    def read() -> None:
        try:
            site.board.run(stopping)
        except BaseException as ours:
            broken.append(ours)
            server.should_exit = True  # rather no page than one that stands still
            raise

    threading.Thread(target=read, name="board", daemon=True).start()
    try:
        server.run(sockets=[listening])
    finally:
        stopping.set()
        site.lanes.close()
    if broken:
        raise SystemExit(1)


class _Server(uvicorn.Server):
    """Says when it answers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()
