"""Who comes through the dashboard's gate: a session, its own pages, and nobody else."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable

import pytest

from tradecanary.dashboard.gate import COOKIE, SESSION, Gate, Message, Receive, Scope, Send, cookie
from tradecanary.dashboard.sessions import SESSION_S, NotAllowed, Sessions

TOKEN = "correct-horse-battery-staple"
HOST = (b"host", b"canary.test:8080")
OWN = (b"origin", b"http://canary.test:8080")
OTHER = (b"origin", b"http://evil.test")


class World:
    """Sessions on a clock, an application that answers everything, and its gate."""

    def __init__(self) -> None:
        self.now_s = 0.0
        ids = itertools.count(1)
        self.sessions = Sessions(TOKEN, now_s=lambda: self.now_s, new_id=lambda: f"id-{next(ids)}")
        self.reached: list[Scope] = []
        self.gate = Gate(self.application, self.sessions)

    async def application(self, scope: Scope, _: Receive, send: Send) -> None:
        """Note that it was reached."""
        self.reached.append(scope)
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})

    def ask(
        self, path: str, *headers: tuple[bytes, bytes], kind: str = "http", method: str = "GET"
    ) -> Message:
        """Return the first message of the answer, empty when a socket was let through."""
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": f"{kind}.connect"}

        scope = {"type": kind, "path": path, "method": method, "headers": [HOST, *headers]}
        asyncio.run(self.gate(scope, receive, send))
        return sent[0] if sent else {}


def _with(identity: str) -> tuple[bytes, bytes]:
    return b"cookie", f"other=1; {COOKIE}={identity}".encode()


def _values(message: Message, name: bytes) -> Iterable[bytes]:
    return [value for key, value in message["headers"] if key == name]


def test_without_a_session_there_is_only_the_login() -> None:
    """Pages lead to it and remember where one wanted to go; sockets and posts are refused."""
    world = World()

    away = world.ask("/rollout/a b")
    assert (303, [b"/login?next=%2Frollout%2Fa%2520b"]) == (
        away["status"], list(_values(away, b"location")),
    )  # fmt: skip
    assert 403 == world.ask("/logout", OWN, method="POST")["status"]
    assert "websocket.close" == world.ask("/_nicegui_ws/x", OWN, kind="websocket")["type"]
    assert [] == world.reached
    assert 200 == world.ask("/login")["status"]
    assert 200 == world.ask("/login", OWN, method="POST")["status"]


def test_a_session_opens_everything_to_its_own_pages_alone() -> None:
    """Another origin gets nothing, and a socket that names none neither."""
    world = World()
    identity = world.sessions.log_in(TOKEN, "bob")
    known = _with(identity)

    assert 200 == world.ask("/", known)["status"]
    assert {} == world.ask("/_nicegui_ws/x", known, OWN, kind="websocket")
    assert [identity] * 2 == [scope[SESSION] for scope in world.reached]
    for kind, method, headers in (
        ("http", "POST", (known, OTHER)),
        ("http", "POST", (known,)),
        ("http", "GET", (known, OTHER)),
    ):
        assert 403 == world.ask("/", *headers, kind=kind, method=method)["status"]
    for headers in ((known, OTHER), (known,)):
        assert "websocket.close" == world.ask("/", *headers, kind="websocket")["type"]
    assert 403 == world.ask("/login", OTHER, method="POST")["status"]
    assert 2 == len(world.reached)


def test_every_answer_tells_the_browser_to_ask_no_other_host() -> None:
    """Let through or not."""
    world = World()
    known = _with(world.sessions.log_in(TOKEN, "bob"))
    for answer in (world.ask("/"), world.ask("/", known), world.ask("/login")):
        (policy,) = _values(answer, b"content-security-policy")
        assert b"default-src 'self'" in policy
        assert b"frame-ancestors 'none'" in policy
        assert b"http" not in policy


def test_a_session_ends_by_itself_and_by_logging_out() -> None:
    """After its time, or at once."""
    world = World()
    early, late = (world.sessions.log_in(TOKEN, name) for name in ("early", "late"))
    world.sessions.log_out(early)
    assert (None, "late") == (world.sessions.actor_of(early), world.sessions.actor_of(late))
    world.now_s = SESSION_S
    assert world.sessions.actor_of(late) is None
    assert 303 == world.ask("/", _with(late))["status"]


@pytest.mark.parametrize("token", ["", "x", TOKEN[:-1], TOKEN + " ", TOKEN.upper(), "ü" * 20])
def test_a_wrong_token_opens_nothing(token: str) -> None:
    """Nor is it told what the right one looks like."""
    with pytest.raises(NotAllowed) as refused:
        World().sessions.log_in(token, "bob")
    assert "The token is wrong." == str(refused.value)


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 65])
def test_a_name_is_needed(name: str) -> None:
    """It goes into decisions: one line, not endless."""
    with pytest.raises(NotAllowed, match="name"):
        World().sessions.log_in(TOKEN, name)


def test_sessions_are_bounded() -> None:
    """The oldest gives way."""
    world = World()
    identities = [world.sessions.log_in(TOKEN, "bob") for _ in range(1_001)]

    assert world.sessions.actor_of(identities[0]) is None
    assert world.sessions.actor_of(identities[-1]) == "bob"


def test_the_cookie_is_for_the_server_alone() -> None:
    """No script reads it, no other site sends it; over TLS it stays there."""
    plain, guarded = cookie("abc", secure=False).decode(), cookie("abc", secure=True).decode()

    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(plain.split("; "))
    assert "Secure" not in plain.split("; ")
    assert "Secure" in guarded.split("; ")
    assert "Max-Age=0" in cookie("", secure=False).decode()


@pytest.mark.parametrize("header", [b"\xff=\xff;", b"=;=", f"{COOKIE}=".encode()])
def test_a_broken_cookie_is_none(header: bytes) -> None:
    """Nothing that a client sends is an error of ours."""
    assert 303 == World().ask("/", (b"cookie", header))["status"]
