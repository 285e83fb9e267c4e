"""`tradecanary dashboard`: the rollouts in a browser, with the verbs of the command line."""

from __future__ import annotations

import ipaddress
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from tradecanary.cli.connection import Connection, accepted, log_on, operator_on, settings_of
from tradecanary.cli.output import Exit, err, fail, out

TOKEN = "DASHBOARD_TOKEN"  # noqa: S105 - the variable's name
_TOKEN_FILE = "DASHBOARD_TOKEN_FILE"  # noqa: S105 - as above
_PORT = 8080


def dashboard(
    host: Annotated[
        str, typer.Option("--host", help="Address to bind; elsewhere than here needs a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help="0: a free one.")] = _PORT,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            envvar=_TOKEN_FILE,
            help=f"File with the login token; without one {TOKEN}, else one is made and printed.",
        ),
    ] = None,
    bootstrap_servers: Connection = None,
) -> None:
    """Show all rollouts live in a browser; step in behind a login.

    Reads topics, writes only `commands` and `kill-switch`. Needs the
    extra `dashboard`. For more than this machine put a reverse proxy
    with TLS before it (docs/dashboard.md).

    Example: DASHBOARD_TOKEN=$(openssl rand -hex 16) tradecanary dashboard
    """
    settings = settings_of(bootstrap_servers)
    if find_spec("nicegui") is None:
        fail("the dashboard needs nicegui: pip install 'tradecanary[dashboard]'", Exit.USAGE)
    # before the slow imports: a refusal comes at once
    accepted(settings)
    token = _token(token_file, host)
    from tradecanary.dashboard.board import Board
    from tradecanary.dashboard.frame import Site
    from tradecanary.dashboard.server import listen, serve
    from tradecanary.dashboard.sessions import Sessions
    from tradecanary.live import Live
    from tradecanary.operator import Operator

    @contextmanager
    def hands() -> Iterator[Operator]:
        log = log_on(settings)  # each verb has its own: one that waits holds up no other
        try:
            yield operator_on(settings, log)
        finally:
            log.close()

    try:
        listening = listen(host, port)
    except OSError as busy:
        fail(f"cannot listen on {host} port {port}: {busy.strerror}; try --port", Exit.USAGE)
    address = f"http://{_shown(host)}:{listening.getsockname()[1]}"
    prefix = f" · topics {settings.topic_prefix}*" if settings.topic_prefix else ""
    site = Site(
        Board(lambda: Live(log_on(settings)), lambda: time.time_ns() // 1000),
        Sessions(token, now_s=time.monotonic, new_id=lambda: secrets.token_urlsafe(32)),
        hands,
        f"Kafka {settings.bootstrap_servers}{prefix}",
    )
    serve(site, listening, lambda: out.print(f"dashboard at {address}"))


def _token(file: Path | None, host: str) -> str:
    """Return the login token: from a file, from the environment, or made for this run."""
    from tradecanary.dashboard.sessions import SHORTEST_TOKEN

    if file is not None:
        try:
            token, origin = file.read_text(encoding="utf-8").strip(), str(file)
        except OSError as failure:
            fail(f"reading the token file {file}: {failure.strerror}", Exit.USAGE)
        except UnicodeDecodeError:
            fail(f"reading the token file {file}: it is not text", Exit.USAGE)
    else:
        token, origin = os.environ.get(TOKEN, "").strip(), TOKEN
    if not token and file is None:
        if not _is_loopback(host):
            fail(
                f"{host} can be reached from other machines, so a login token is needed: set "
                f"{TOKEN} or --token-file (openssl rand -hex 16 makes one)",
                Exit.USAGE,
            )
        token = secrets.token_urlsafe(18)
        err.print(f"login token of this run (set {TOKEN} to keep one): {token}")
    if len(token) < SHORTEST_TOKEN:
        fail(
            f"the login token in {origin} has {len(token)} letters, at least {SHORTEST_TOKEN} are "
            "needed (openssl rand -hex 16 makes one)",
            Exit.USAGE,
        )
    return token


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
