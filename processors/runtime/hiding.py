"""A secret taken out of a text that somebody else wrote, in every shape in which it may come back.

A receiver seldom repeats the whole address: Express says `Cannot POST /services/...`, Apache `The
requested URL /services/... was not found`, a proxy the query alone, encoded, decoded or escaped.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import SplitResult, quote, quote_plus, unquote, unquote_plus, urlsplit

HIDDEN = "***"
_TELLING = 8
"""A segment of a path that is shorter says nothing alone; another short piece may be a word's part,
so that it is hidden only where it stands for itself."""


def hidden(text: str, secrets: Iterable[str]) -> str:
    """Return `text` with `***` in place of the secrets, of their parts, and of how they are sent.

    Of an address the path, each longer segment of it, the query, its values and the login are
    parts; the host is none.
    """
    shapes = {shape for secret in secrets for part in _parts(secret) for shape in _shapes(part)}
    if not shapes:
        return text
    longest_first = sorted(shapes, key=lambda shape: (-len(shape), shape))
    pattern = "|".join(_pattern(shape) for shape in longest_first)
    return re.sub(pattern, HIDDEN, text, flags=re.IGNORECASE)  # %2f is %2F


def parts_of_open_address(address: str) -> tuple[str, ...]:
    """Return what is secret in an address that is none itself: its login, and what it asks with."""
    split = _split(address)
    return (*_login(split), *_query(split)) if split else ()


def _parts(secret: str) -> Iterator[str]:
    yield secret
    split = _split(secret)
    if split is None:
        return
    yield from _login(split)
    yield from _query(split)
    if len(split.path) > 1:
        yield split.path
        yield f"{split.path}?{split.query}" if split.query else split.path
    yield from (one for one in unquote(split.path).split("/") if len(one) >= _TELLING)
    yield from (one for one in split.path.split("/") if len(one) >= _TELLING)


def _split(address: str) -> SplitResult | None:
    try:
        return urlsplit(address) if "://" in address else None
    except ValueError:  # no address after all: nobody can be asked there
        return None


def _login(split: SplitResult) -> Iterator[str]:
    """The login of an address, which is sent as a header: `Basic` and the two in base64."""
    login, at, _ = split.netloc.rpartition("@")
    if not at:
        return
    name, _, password = login.partition(":")
    yield from (one for one in (login, name, password) if one)
    sent = f"{unquote(name)}:{unquote(password)}".encode()
    yield base64.b64encode(sent).decode("ascii")


def _query(split: SplitResult) -> Iterator[str]:
    if split.query:
        yield split.query
    for pair in split.query.split("&"):
        name, equals, value = pair.partition("=")
        if value or (name and not equals):
            yield value or name


def _shapes(part: str) -> set[str]:
    """Return the part as it is, percent-encoded, decoded, and each as JSON and HTML have it."""
    encoded = {quote(part), quote(part, safe=""), quote_plus(part)}
    plain = {part, unquote(part), unquote_plus(part), *encoded}
    return {
        shape
        for one in plain
        for shape in (one, html.escape(one), json.dumps(one)[1:-1], one.replace("/", "\\/"))
    }


def _pattern(shape: str) -> str:
    escaped = re.escape(shape)
    if len(shape) >= _TELLING:
        return escaped
    before = r"(?<![^\W_])" if shape[0].isalnum() else ""
    after = r"(?![^\W_])" if shape[-1].isalnum() else ""
    return f"{before}{escaped}{after}"
