"""The gate before every request: a session or the login page, the same origin, and no other host.

Plain ASGI, so that web sockets pass through it too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import quote, urlsplit

from tradecanary.dashboard.sessions import SESSION_S, Sessions

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "tradecanary_session"
SESSION = "tradecanary.session"
"""Where a request's scope holds the identity of its session."""
LOGIN = "/login"
_RULES = (
    "default-src 'self'",
    "script-src 'self' 'unsafe-inline' 'unsafe-eval'",  # NiceGUI compiles its page in place
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self' data:",
    "object-src 'none'",
    "base-uri 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
)
"""Browsers then ask no other host, whatever a page says."""
_HEADERS = (
    (b"content-security-policy", "; ".join(_RULES).encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),  # without one, our own forms would name no origin
)
_FORBIDDEN = 4403


class Gate:
    """Lets through what has a session; sends the rest to the login page, or away."""

    def __init__(self, app: App, sessions: Sessions) -> None:
        """Stand before `app`."""
        self.app = app
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        identity = cookie_of(scope)
        known = self._sessions.actor_of(identity) is not None
        allowed = _same_origin(scope) and (known or scope["path"] == LOGIN)
        if scope["type"] == "websocket":
            if known and allowed:
                await self.app({**scope, SESSION: identity}, receive, send)
            else:
                await receive()  # the client's connect comes first
                await send({"type": "websocket.close", "code": _FORBIDDEN})
            return
        if allowed:
            await self.app({**scope, SESSION: identity}, receive, _with_headers(send))
        elif known or scope["method"] != "GET":
            await _answer(send, 403, "Refused: log in, and from this page.")
        else:
            query = scope.get("query_string", b"").decode("latin-1")
            wanted = quote(scope["path"]) + (f"?{query}" if query else "")
            after = "" if wanted == "/" else f"?next={quote(wanted, safe='')}"
            await _answer(send, 303, "Log in first.", ((b"location", f"{LOGIN}{after}".encode()),))


def cookie_of(scope: Scope) -> str:
    """Return the session's identity that a request carries, empty without one."""
    try:
        found = SimpleCookie(_header(scope, b"cookie")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


def cookie(identity: str, *, secure: bool) -> bytes:
    """Return the header's value that gives a browser its session; an empty one ends it."""
    seconds = SESSION_S if identity else 0
    parts = [f"{COOKIE}={identity}", "Path=/", "HttpOnly", "SameSite=Strict", f"Max-Age={seconds}"]
    return "; ".join([*parts, *(["Secure"] if secure else [])]).encode()


def _same_origin(scope: Scope) -> bool:
    """Whether a request that names its origin comes from our own pages; sockets must name it."""
    origin = _header(scope, b"origin")
    if not origin:
        return scope["type"] == "http" and scope["method"] in {"GET", "HEAD"}
    return urlsplit(origin).netloc == _header(scope, b"host")


def _header(scope: Scope, name: bytes) -> str:
    found = [value for key, value in scope["headers"] if key == name]
    return found[0].decode("latin-1") if found else ""


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *_HEADERS]}
        await send(message)

    return sending


async def _answer(
    send: Send, status: int, text: str, headers: Iterable[tuple[bytes, bytes]] = ()
) -> None:
    plain = (b"content-type", b"text/plain; charset=utf-8")
    await send(
        {"type": "http.response.start", "status": status, "headers": [plain, *_HEADERS, *headers]}
    )
    await send({"type": "http.response.body", "body": text.encode()})
