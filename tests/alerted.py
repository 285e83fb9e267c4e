"""Decisions, routes and a real HTTP receiver, for tests of alerting."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from typing_extensions import override

from tests.stories.teller import Teller
from tradecanary.processors.alerting.routes import Routes, read_routes
from tradecanary.processors.alerting.step import StrategyAlerts, step
from tradecanary.schemas.alerts import Alert
from tradecanary.schemas.decisions import (
    Check,
    Decision,
    DecisionKind,
    Evidence,
    RolloutStatus,
    Vector,
)
from tradecanary.schemas.routing import CellWeights, VariantWeight

T0_US = 1_790_000_000_000_000
STORIES = sorted((Path(__file__).parent / "stories").glob("*.story"))
WAIT_S = 20.0


def decision(
    number: int,
    kind: DecisionKind = DecisionKind.HOLD,
    *,
    strategy: str = "momentum",
    hold: str = "",
    status: RolloutStatus = RolloutStatus.ACTIVE,
    checks: tuple[Check, ...] = (),
    command_id: str = "",
    rollout: str = "r1",
    time_us: int = T0_US,
    reason: str = "because",
) -> Decision:
    """Return a decision as a decider might write it."""
    weights = (VariantWeight("stable", "m-1", 9500), VariantWeight("canary", "m-2", 500))
    vector = Vector(7, "salt", "m-1", (CellWeights("*", "*", weights),))
    evidence = Evidence(0, "Quick Test", 0, 0, (), (), checks, ())
    return Decision(
        strategy=strategy, number=number, rollout=rollout, time_us=time_us, kind=kind,
        status=status, before=vector, after=vector, reason=reason, evidence=evidence,
        partition=0, look=number, epoch=1, policy_hash="p", actor="decider",
        command_id=command_id, previous_hash="", hash="", hold=hold,
    )  # fmt: skip


LOSS = Check("loss_budget", 26_000.5, 25_000.0, "money", breached=True)


def rolled_back(number: int, **parts: Any) -> Decision:  # noqa: ANN401 - as `decision`
    """Return a roll-back by the loss budget."""
    given = {"status": RolloutStatus.ROLLED_BACK, "checks": (LOSS,), **parts}
    return decision(number, DecisionKind.ROLL_BACK, **given)


def told(path: Path) -> list[Decision]:
    """Return the decisions of a story."""
    teller = Teller()
    teller.tell(path.read_text(encoding="utf-8"))
    return teller.decisions


def alerts_of(*decisions: Decision) -> list[Alert]:
    """Return what is told of these decisions of one strategy."""
    state, found = StrategyAlerts(), list[Alert]()
    for one in decisions:
        state, alerts = step(state, one)
        found += alerts
    return found


def routes_to(**senders: str) -> Routes:
    """Return routes that tell these senders (given as YAML flow tables) everything."""
    lines = ["senders:", *(f"  {name}: {table}" for name, table in senders.items()), "routes:"]
    lines += [f"  - {{name: {name}, senders: {name}}}" for name in senders]
    return read_routes("\n".join(lines), "a test")


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came; `answered` is the status, 0 where it was left hanging."""

    path: str
    headers: dict[str, str]
    body: Any
    answered: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What the receiver says; status 0: nothing, and the connection is held open."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: str = "ok"


HANG = Answer(0)
DROP = Answer(0, body="")
"""The connection is closed without an answer."""


class Receiver:
    """A real HTTP server: gives the answers planned for it, then 200; keeps every request."""

    def __init__(self, port: int = 0) -> None:
        """Listen on 127.0.0.1; port 0: any that is free."""
        self.requests: list[Request] = []
        self.plan: list[Answer] = []
        self.on_request: Callable[[Any], None] = lambda _: None
        self._changed = threading.Condition()
        self._released = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            @override
            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                receiver._answer(self, json.loads(self.rfile.read(length)))

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True  # a test that fails must not hold the process
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def url(self, path: str = "/") -> str:
        """Return an address of it."""
        return f"http://127.0.0.1:{self.port}{path}"

    def taken(self) -> list[Any]:
        """Return the bodies that were answered with 200, in order."""
        with self._changed:
            return [one.body for one in self.requests if one.answered == 200]

    def until(
        self, ready: Callable[[Receiver], bool], what: str, timeout_s: float = WAIT_S
    ) -> None:
        """Wait until `ready(self)`; asked again at every request."""
        with self._changed:
            came = self._changed.wait_for(lambda: ready(self), timeout_s)
            assert came, f"waiting for {what}: {len(self.requests)} requests came"

    def close(self) -> None:
        """Let go whoever hangs, and refuse connections from now on."""
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, handler: BaseHTTPRequestHandler, body: object) -> None:
        self.on_request(body)
        with self._changed:
            answer = self.plan.pop(0) if self.plan else Answer()
            headers = dict(handler.headers.items())
            self.requests.append(Request(handler.path, headers, body, answer.status))
            self._changed.notify_all()
        if not answer.status:
            if answer is HANG:
                self._released.wait(WAIT_S)
            handler.close_connection = True
            return
        text = answer.body.encode()
        try:
            handler.send_response(answer.status)
            for name, value in answer.headers:
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(text)))
            handler.end_headers()
            handler.wfile.write(text)
        except (BrokenPipeError, ConnectionResetError):
            handler.close_connection = True  # it was killed, or has given up
