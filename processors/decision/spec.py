"""What `start` asks for: which build replaces which, under which policy, within which limits.

The limits are declared before any order flows (RTS 6 article 8). Some of them the decider itself
holds the canary to, as guards: `budget`, `limits.max_orders`, `limits.max_notional`; and `scope`
may not name more venues than `limits.max_venues`. The others bind the trading services, whose
pre-trade controls enforce them: here they are recorded with the command, and the hash of the spec
in the answering decision.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from tradecanary.processors.decision.policy import (
    Guards,
    Policy,
    preset,
    validated,
)
from tradecanary.processors.decision.settings_model import MOST, Frozen, Name, Positive
from tradecanary.schemas.canonical import canonical_json
from tradecanary.schemas.routing import EVERYWHERE

_AtLeastOne = Annotated[int, Field(ge=1, le=MOST)]


class Cell(Frozen):
    """A cell's region and venue; `*` stands for all."""

    region: Name = EVERYWHERE
    venue: Name = EVERYWHERE


class Limits(Frozen):
    """The four predefined limits of RTS 6 article 8. Money in the reporting currency.

    Instruments: `max_instruments` traded. Orders: `price_collar_pct` from the arrival mid,
    `max_order_value` of one order, `max_orders` and `max_notional` of the canary in the whole
    rollout. Positions: `max_position`, absolute. Venues: `max_venues` traded at.
    """

    max_instruments: _AtLeastOne
    price_collar_pct: Positive
    max_order_value: Positive
    max_orders: _AtLeastOne
    max_notional: Positive | None = None
    max_position: Positive
    max_venues: _AtLeastOne


class RolloutSpec(Frozen):
    """One rollout, as declared.

    `unit`: what the coin is tossed for, orders or accounts, and so what is compared. `owner`: who
    answers for it. `budget`: the loss, in money, at which the canary is taken back; the stricter of
    it and `policy.guards.loss_budget` acts. `limits_waived`: that there are none was agreed to.
    """

    rollout: Name
    strategy: Name
    stable: Name
    canary: Name
    policy: Policy
    unit: Literal["order", "account"] = "order"
    scope: tuple[Cell, ...] = Field(default=(Cell(),), min_length=1, max_length=1000)
    expected_routers: int = Field(default=1, ge=1, le=MOST)
    owner: str = Field(default="", max_length=200)
    budget: Positive | None = None
    limits: Limits | None = None
    limits_waived: bool = False

    @field_validator("policy", mode="before")
    @classmethod
    def _preset(cls, value: object) -> object:
        return preset(value) if isinstance(value, str) else value

    @field_validator("canary")
    @classmethod
    def _differs(cls, canary: str, info: Any) -> str:  # noqa: ANN401 - pydantic's own type
        if canary == info.data.get("stable"):
            raise ValueError("must differ from stable: the same build cannot replace itself")
        return canary

    @model_validator(mode="after")
    def _within_venues(self) -> RolloutSpec:
        venues = {cell.venue for cell in self.scope} - {EVERYWHERE}
        if self.limits is not None and len(venues) > self.limits.max_venues:
            most = self.limits.max_venues
            raise ValueError(f"scope names {len(venues)} venues; limits.max_venues allows {most}")
        return self

    @cached_property
    def guards(self) -> Guards:
        """The policy's guards, each money and order limit the stricter of policy and spec."""
        guards = self.policy.guards
        declared: dict[str, float | None] = {"loss_budget": self.budget}
        if self.limits is not None:
            declared["max_orders"] = self.limits.max_orders
            declared["max_notional"] = self.limits.max_notional
        stricter = {name: _stricter(getattr(guards, name), one) for name, one in declared.items()}
        return guards.model_copy(update=stricter)

    @property
    def hash(self) -> str:
        """Return the SHA-256 (hex) of the spec's canonical JSON, which a START command carries."""
        return hash_of_arguments(canonical_json(self.model_dump(mode="json")))

    @property
    def is_declared(self) -> bool:
        """Return whether anything was declared that binds the canary beside its policy."""
        return bool(self.owner or self.budget or self.limits or self.limits_waived)


def read_spec(text: str, origin: str) -> RolloutSpec:
    """Return the rollout spec in YAML (or JSON) `text`; raise PolicyProblem."""
    spec: RolloutSpec = validated(RolloutSpec, text, origin)
    return spec


def hash_of_arguments(arguments: str) -> str:
    """Return the SHA-256 (hex) of a START command's arguments, as they lie in `commands`."""
    return hashlib.sha256(arguments.encode()).hexdigest()


def _stricter(*limits: float | None) -> float | None:
    return min((limit for limit in limits if limit is not None), default=None)
