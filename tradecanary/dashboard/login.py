"""The login page and its two actions; plain HTML, so that nothing else is served without one."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs, urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from tradecanary.dashboard.gate import LOGIN, SESSION, cookie
from tradecanary.dashboard.markup import Markup, tag
from tradecanary.dashboard.sessions import NotAllowed, Sessions
from tradecanary.dashboard.style import STYLE

_LONGEST_FORM = 4_096
_AFTER_WRONG_S = 0.5
"""So long waits the answer to a wrong token."""


def add_login(app: FastAPI, sessions: Sessions, place: str) -> None:
    """Add the login page to `app`; `place` says which Kafka it is about."""

    @app.get(LOGIN)
    async def ask(request: Request) -> Response:
        return _page(place, _inside(request.query_params.get("next", "/")))

    @app.post(LOGIN)
    async def log_in(request: Request) -> Response:
        length = request.headers.get("content-length", "")
        if not length.isdecimal() or int(length) > _LONGEST_FORM:
            return Response("The form was too long.", 413)
        form = parse_qs((await request.body()).decode("utf-8", "replace"))
        token, name, after = (form.get(key, [""])[0] for key in ("token", "name", "next"))
        try:
            identity = sessions.log_in(token, name)
        except NotAllowed as refused:
            await asyncio.sleep(_AFTER_WRONG_S)
            return _page(place, _inside(after), str(refused), 403)
        return _with_cookie(_inside(after), identity, request)

    @app.post("/logout")
    async def log_out(request: Request) -> Response:
        sessions.log_out(request.scope[SESSION])
        return _with_cookie(LOGIN, "", request)


def _with_cookie(to: str, identity: str, request: Request) -> Response:
    answer = RedirectResponse(to, 303)
    value = cookie(identity, secure=request.url.scheme == "https")
    answer.raw_headers.append((b"set-cookie", value))
    return answer


def _inside(path: str) -> str:
    """Return the path when it is one of ours, else the first page."""
    parts = urlsplit(path)
    ours = path.startswith("/") and not path.startswith(("//", "/\\")) and not parts.netloc
    return path if ours and path.isprintable() else "/"


def _page(place: str, after: str, problem: str = "", status: int = 200) -> HTMLResponse:
    form = tag(
        "form",
        tag("h1", "tradecanary"),
        tag("p", place, class_="sub"),
        tag("p", problem, class_="notice bad", role="alert") if problem else None,
        tag("label", "Your name", _field("name", "username", "text")),
        tag("label", "Token", _field("token", "current-password", "password")),
        tag("input", type="hidden", name="next", value=after),
        tag("button", "Log in", type="submit"),
        tag("p", "The name goes into every decision that you ask for.", class_="sub"),
        method="post",
        action=LOGIN,
        class_="login panel",
    )
    return HTMLResponse(
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>tradecanary: log in</title><style>{STYLE}</style></head>"
        f"<body>{form}</body></html>",
        status,
        {"cache-control": "no-store"},
    )


def _field(name: str, fills: str, kind: str) -> Markup:
    return tag("input", name=name, type=kind, autocomplete=fills, required="", maxlength="512")
