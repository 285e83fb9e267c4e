"""Routes: who is told of which strategy, from which severity on, and through which sender.

A routes file is YAML. Secrets never stand in it: it names where they are, `env:NAME` or
`file:/path`, and no message of ours repeats what stands in such a field.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Annotated, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from tradecanary.schemas.alerts import RANKS, Alert, AlertAction, Severity, Until

PLACE = r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:/.+)$"
_PLACE_RULE = (
    "write env:NAME or file:/path, the place of the secret: it does not belong in this file"
)
_SHOWN_OF_SENDERS = {"timeout_s", "deadline_s"}
_SHOWN_OF_ROUTES = {"name", "strategies", "minimum", "senders"}
_LONGEST = 300

Secret = Annotated[str, StringConstraints(pattern=PLACE)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,100}$")]


class RoutesProblem(ValueError):
    """A routes file that cannot be used; the text names the field and what is allowed."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class _Sender(_Frozen):
    timeout_s: Annotated[float, Field(gt=0, le=6)] = 5
    """How long one attempt waits; a stop in good order waits for it, so it is short."""
    deadline_s: Annotated[float, Field(ge=0, le=86_400)] = 900
    """How long a delivery is tried before it is given up and goes to dead letters."""


class Slack(_Sender):
    """A Slack incoming webhook. Its address is the secret."""

    kind: Literal["slack"]
    url: Secret

    def secrets(self) -> tuple[str, ...]:
        """Return the places of its secrets."""
        return (self.url,)


class PagerDuty(_Sender):
    """PagerDuty Events API v2. `url` for its EU region, or a relay."""

    kind: Literal["pagerduty"]
    routing_key: Secret
    url: Annotated[str, StringConstraints(pattern=r"^https?://")] = (
        "https://events.pagerduty.com/v2/enqueue"
    )

    def secrets(self) -> tuple[str, ...]:
        """Return the places of its secrets."""
        return (self.routing_key,)


class Webhook(_Sender):
    """Any HTTP address: the alert as JSON. `token` is sent as a bearer token."""

    kind: Literal["webhook"]
    url: Annotated[str, StringConstraints(pattern=r"^(https?://|env:|file:/)")]
    token: Secret | None = None

    def secrets(self) -> tuple[str, ...]:
        """Return the places of its secrets."""
        places = (self.url if self.has_secret_url else None, self.token)
        return tuple(place for place in places if place is not None)

    @property
    def has_secret_url(self) -> bool:
        """Whether the address is a secret too."""
        return not self.url.startswith(("http://", "https://"))


Sender = Slack | PagerDuty | Webhook


class Route(_Frozen):
    """Alerts of the strategies that match, from `minimum` on, go to `senders`."""

    name: Name
    strategies: tuple[Annotated[str, StringConstraints(min_length=1, max_length=200)], ...] = ("*",)
    minimum: Severity = Severity.INFO
    senders: tuple[Name, ...] = Field(min_length=1)

    @field_validator("strategies", "senders", mode="before")
    @classmethod
    def _one(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    def takes(self, alert: Alert) -> bool:
        """Return whether the alert goes this way."""
        loud = RANKS[alert.severity] >= RANKS[self.minimum]
        return loud and any(fnmatchcase(alert.strategy, one) for one in self.strategies)


class Routes(_Frozen):
    """A whole routes file."""

    senders: dict[Name, Annotated[Sender, Field(discriminator="kind")]]
    routes: tuple[Route, ...]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [route.name for route in self.routes]
        if len(set(names)) != len(names):
            raise ValueError("names of routes must differ")
        for route in self.routes:
            unknown = [name for name in route.senders if name not in self.senders]
            if unknown:
                known = ", ".join(self.senders) or "none"
                raise ValueError(
                    f"route {route.name}: senders was {unknown}; senders of this file: {known}"
                )
        idle = set(self.senders) - {name for route in self.routes for name in route.senders}
        if idle:
            raise ValueError(f"senders {sorted(idle)} stand in no route: nothing would reach them")
        return self

    def route(self, name: str) -> Route | None:
        """Return the route of that name."""
        return next((route for route in self.routes if route.name == name), None)


def deliveries(routes: Routes, alerts: tuple[Alert, ...]) -> Iterator[tuple[str, Alert]]:
    """Yield who is to be told what of one decision: (sender, alert), each sender once an alert.

    PagerDuty hears of incidents only. Slack hears no acknowledgement (that is a person's doing),
    and of an incident's end in a message of its own only when the decision that ended it says
    nothing to the same sender.
    """
    told = [(sender, alert) for alert in alerts for sender in _takers(routes, alert)]
    triggered = {sender for sender, alert in told if alert.action is AlertAction.TRIGGER}
    for sender, alert in told:
        if _hears(routes.senders[sender], alert, in_words=sender in triggered):
            yield sender, alert


def _hears(sender: Sender, alert: Alert, *, in_words: bool) -> bool:
    """Return whether such a sender is told; `in_words`: it is told of the decision itself."""
    if isinstance(sender, PagerDuty):
        return alert.until is not Until.NOTHING
    if isinstance(sender, Slack):
        over = alert.action is AlertAction.RESOLVE and not in_words
        return alert.action is AlertAction.TRIGGER or over
    return True


def _takers(routes: Routes, alert: Alert) -> dict[str, None]:
    """The senders of all routes that take the alert, each once, in the file's order."""
    return {name: None for route in routes.routes if route.takes(alert) for name in route.senders}


def read_routes(text: str, origin: str) -> Routes:
    """Return the routes in YAML `text`; raise RoutesProblem naming field, value and rule.

    What stands in a field for secrets, or in one that we do not know, is never repeated.
    """
    try:
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as broken:
        line = broken.problem_mark.line + 1 if broken.problem_mark else 0
        raise RoutesProblem(f"{origin}, line {line}: not YAML: {broken.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise RoutesProblem(f"{origin}: not YAML") from None
    if not isinstance(data, dict):
        found = type(data).__name__
        raise RoutesProblem(f"{origin}: was {found}, a table with `senders` and `routes` is needed")
    try:
        return Routes.model_validate(data)
    except ValidationError as invalid:
        lines = [_line(error) for error in invalid.errors(include_url=False)[:20]]
    raise RoutesProblem(f"{origin} cannot be used:\n" + "\n".join(lines))


def _line(error: ErrorDetails) -> str:
    """One problem: the field, the value where it cannot be a secret, and what is allowed."""
    path = list(error["loc"])
    kind = _KINDS.get(path.pop(_KIND_AT)) if _is_of_sender(path) else None
    field = ".".join(str(part) for part in path) or "(whole)"
    if error["type"] == "missing":
        return f"  {field}: is missing"
    if error["type"] == "extra_forbidden":
        table = kind or (Route if len(path) > 1 else Routes)
        return f"  {field}: no such field; allowed: {', '.join(table.model_fields)}"
    allowed = error["msg"].removeprefix("Value error, ")
    if error["type"] == "string_pattern_mismatch" and kind is not None:
        allowed = _PLACE_RULE
    value: object = error["input"]
    if _is_shown(path) and isinstance(value, str | int | float):
        return f"  {field}: was {reprlib.repr(value)}; {allowed}"[:_LONGEST]
    return f"  {field}: {allowed}"[:_LONGEST]


_KIND_AT = 2
_KINDS: dict[int | str, type[_Sender]] = {
    "slack": Slack,
    "pagerduty": PagerDuty,
    "webhook": Webhook,
}


def _is_of_sender(path: list[int | str]) -> bool:
    """Whether pydantic put the sender's kind between its name and its field."""
    return path[:1] == ["senders"] and len(path) > _KIND_AT


def _is_shown(path: list[int | str]) -> bool:
    if len(path) <= _KIND_AT:
        return False
    shown = _SHOWN_OF_SENDERS if path[0] == "senders" else _SHOWN_OF_ROUTES
    return path[_KIND_AT] in shown
