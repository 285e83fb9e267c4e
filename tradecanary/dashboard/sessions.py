"""Who is logged in: one token opens a session under a declared name; nothing of it is on disk."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

SESSION_S = 12 * 3600
SHORTEST_TOKEN = 16
_MOST_SESSIONS = 1_000
_LONGEST_NAME = 64


class NotAllowed(Exception):
    """A login that is refused; the text is for the person and names no secret."""


@dataclass(frozen=True, slots=True)
class Session:
    """A person's session: the declared name, and until when it lasts."""

    actor: str
    until_s: float


class Sessions:
    """The sessions of one server; they end with it."""

    def __init__(
        self, token: str, *, now_s: Callable[[], float], new_id: Callable[[], str]
    ) -> None:
        """`token` opens a session; `new_id` gives identities that nobody can guess."""
        self._token = _digest(token)
        self._now_s = now_s
        self._new_id = new_id
        self._open: dict[str, Session] = {}

    def log_in(self, token: str, name: str) -> str:
        """Return the identity of a new session; raise NotAllowed."""
        right = hmac.compare_digest(_digest(token), self._token)
        actor = name.strip()
        if not right:
            raise NotAllowed("The token is wrong.")
        if not 0 < len(actor) <= _LONGEST_NAME or not actor.isprintable():
            raise NotAllowed(f"A name of 1 to {_LONGEST_NAME} letters goes into every decision.")
        self._forget()
        identity = self._new_id()
        self._open[identity] = Session(actor, self._now_s() + SESSION_S)
        return identity

    def actor_of(self, identity: str) -> str | None:
        """Return the name behind a session, None when there is none or it is over."""
        session = self._open.get(identity)
        return session.actor if session is not None and session.until_s > self._now_s() else None

    def log_out(self, identity: str) -> None:
        """End a session."""
        self._open.pop(identity, None)

    def _forget(self) -> None:
        """Drop what is over, and the oldest when there are too many."""
        now_s = self._now_s()
        for identity in [key for key, one in self._open.items() if one.until_s <= now_s]:
            del self._open[identity]
        while len(self._open) >= _MOST_SESSIONS:
            del self._open[next(iter(self._open))]


def _digest(token: str) -> bytes:
    """Return a digest of fixed length: comparing it tells nothing of the token's length."""
    return hashlib.sha256(token.encode()).digest()
