"""What a secret never gets into: problems that are told, whatever a receiver repeats of it."""

from __future__ import annotations

import base64
import html
from urllib.parse import quote

import pytest

from tests.alerted import Answer, Receiver, routes_to
from tests.alerting_lives import GIVEN_UP, delivered
from tradecanary.processors.runtime.alert_http import Finished, SecretMissing, read_secret

TOKEN = "s3cret-token"
LOGIN = "canary:pa%2Fss"
BASIC = base64.b64encode(b"canary:pa/ss").decode()
PATH = f"/services/T0000/B0000/{TOKEN}"
QUERY = f"v=1&key={TOKEN}%2Fx&s3cret"


@pytest.mark.parametrize("status", [500, 400])
@pytest.mark.parametrize(
    "says",
    [
        "no such address: {url}",
        f"Cannot POST {PATH}",
        f"The requested URL {PATH}?{QUERY} was not found on this server",
        f"<pre>Cannot POST {PATH}?{html.escape(QUERY)}</pre>",
        f"no rule for {quote(PATH, safe='')} or {quote(PATH, safe='').lower()}",
        f'{{"path": "{PATH.replace("/", chr(92) + "/")}"}}',
        f"unknown service {TOKEN}, {TOKEN.upper()}",
        f"wrong query {QUERY}",
        f"wrong key {TOKEN}/x or {TOKEN}%2Fx or {TOKEN}%2fx",
        "wrong key s3cret",
        f"refused: Basic {BASIC}",
        "no such user: canary, pa/ss (pa%2Fss)",
    ],
)
def test_no_part_of_a_secret_address_is_told(
    receiver: Receiver,
    problems: list[str],
    monkeypatch: pytest.MonkeyPatch,
    says: str,
    status: int,
) -> None:
    """Receivers and proxies repeat what suits them: path, segment, query, login, in any shape."""
    url = receiver.url(f"{PATH}?{QUERY}").replace("//", f"//{LOGIN}@", 1)
    receiver.plan = [Answer(status, body=says.replace("{url}", url))] * 1000
    monkeypatch.setenv("DESK", url)
    found = delivered(routes_to(desk="{kind: slack, url: env:DESK, deadline_s: 0.1}"), problems)

    assert found is not None
    told = (found.problem + "".join(problems)).lower()
    assert [] == [one for one in ("s3cret", "canary", "pa/", "pa%", BASIC.lower()) if one in told]
    assert "***" in told
    assert f"Basic {BASIC}" == receiver.requests[0].headers["Authorization"]


@pytest.mark.parametrize("says", [f"bad token {TOKEN}", f"Bearer {TOKEN}", "bad pass: pa/ss, k1"])
def test_an_open_address_hides_its_login_its_query_and_the_token(
    receiver: Receiver, problems: list[str], monkeypatch: pytest.MonkeyPatch, says: str
) -> None:
    """Its path is no secret, and helps whoever reads the problem."""
    monkeypatch.setenv("RISK_TOKEN", TOKEN)
    url = receiver.url("/hook-of-risk?key=k1").replace("//", f"//{LOGIN}@", 1)
    receiver.plan = [Answer(400, body=f"Cannot POST /hook-of-risk: {says}")]
    sender = f"{{kind: webhook, url: '{url}', token: env:RISK_TOKEN}}"
    found = delivered(routes_to(risk=sender), problems)

    assert found is not None
    assert found.problem.startswith("HTTP 400: Cannot POST /hook-of-risk: ")
    assert [] == [one for one in (TOKEN, "pa/ss", "k1") if one in found.problem]
    assert "***" in found.problem


def test_what_is_no_secret_is_told(receiver: Receiver, problems: list[str]) -> None:
    """A short piece is hidden where it stands for itself, not inside of words."""
    url = receiver.url("/a?v=in")
    receiver.plan = [Answer(400, body="invalid version in 1 line")]
    found = delivered(routes_to(risk=f"{{kind: webhook, url: '{url}'}}"), problems)

    assert Finished(GIVEN_UP, 1, "HTTP 400: invalid version *** 1 line") == found


@pytest.mark.parametrize("value", [f"http://{TOKEN}:port/", f"ftp://{TOKEN}", TOKEN, "http://"])
def test_an_address_that_is_none_is_not_told(
    problems: list[str], monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """The library's words may be about the address itself; ours are not."""
    monkeypatch.setenv("DESK", value)
    found = delivered(routes_to(desk="{kind: slack, url: env:DESK, deadline_s: 0}"), problems)

    assert found is not None
    assert GIVEN_UP == found.outcome
    assert problems
    assert TOKEN not in found.problem + "".join(problems)


@pytest.mark.parametrize("value", ["", " \n", f"{TOKEN}\n{TOKEN}", f"{TOKEN} x", f"{TOKEN}\x00"])
def test_a_secret_that_cannot_be_one_is_refused_without_being_told(value: str) -> None:
    """Empty, or two lines: the message names its place."""
    with pytest.raises(SecretMissing) as missing:
        read_secret("env:KEY", {"KEY": value})

    assert "secret env:KEY: " in str(missing.value)
    assert TOKEN not in str(missing.value)
