"""Policies: ramp, criteria, judge, guards and approvals of a rollout, validated by pydantic.

A policy is a YAML file (or a preset by name). Its hash goes into every decision.
"""

from __future__ import annotations

import hashlib
import reprlib
from itertools import pairwise
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from typing_extensions import override

from tradecanary.processors.decision.judge_settings import JudgeSettings, Sequential
from tradecanary.processors.decision.ramps import RAMPS
from tradecanary.processors.decision.settings_model import (
    MOST,
    Count,
    Frozen,
    Name,
    NotNegative,
    Positive,
)
from tradecanary.schemas.canonical import canonical_json
from tradecanary.schemas.units import FULL_WEIGHT_BP


class PolicyProblem(ValueError):
    """A policy or spec that cannot be used; the text names field, value and what is allowed."""


class Criteria(Frozen):
    """Absolute limits of a phase, weighed only after its minimum time and orders."""

    max_error_rate_pct: NotNegative | None = None
    max_p99_latency_ms: Positive | None = None
    min_orders_per_s: Positive | None = None


class Phase(Frozen):
    """One rung of the ramp."""

    name: Name
    weight_bp: int = Field(ge=1, le=FULL_WEIGHT_BP)
    min_duration_s: NotNegative = 0
    min_orders: Count = 0
    criteria: Criteria = Criteria()


class Guards(Frozen):
    """Hard limits that need no statistics. Money in the reporting currency; null = no limit."""

    loss_budget: Positive | None = None
    drawdown: Positive | None = None
    excess_loss: Positive | None = None
    max_orders: Annotated[int, Field(gt=0, le=MOST)] | None = None
    max_notional: Positive | None = None
    error_burst: int = Field(default=5, ge=2, le=MOST)
    vanished_orders: int = Field(default=5, ge=1, le=MOST)
    vanished_pct: NotNegative = 1.0
    silent_orders: int = Field(default=20, ge=5, le=MOST)


class DataLimits(Frozen):
    """How old or incomplete the data may be."""

    stale_hold_s: Positive = 5
    stale_roll_back_s: Positive = 60
    missing_hold_pct: NotNegative = 0.1
    missing_roll_back_pct: NotNegative = 1.0
    bad_hold_pct: NotNegative = 1.0


class Approvals(Frozen):
    """Where another person than the starter must approve; always the last gate."""

    start: bool = False
    phases: tuple[Name, ...] = Field(default=(), max_length=100)
    promotion: bool = False


class Policy(Frozen):
    """All rules of a rollout."""

    name: Name
    ramp: tuple[Phase, ...] = Field(max_length=100)
    judge: JudgeSettings = Sequential()
    guards: Guards = Guards()
    data: DataLimits = DataLimits()
    approvals: Approvals = Approvals()
    criteria: Literal["default", "hold", "roll_back"] = "default"
    watch_s: NotNegative = 600
    max_duration_s: Positive = 24 * 3600
    max_pending_s: Positive = 3600

    @field_validator("ramp", mode="before")
    @classmethod
    def _named_ramp(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if value not in RAMPS:
            raise ValueError(f"no such ramp; allowed: {', '.join(RAMPS)}, or a list of phases")
        return RAMPS[value]

    @field_validator("ramp")
    @classmethod
    def _rising(cls, ramp: tuple[Phase, ...]) -> tuple[Phase, ...]:
        weights = [phase.weight_bp for phase in ramp]
        if not weights or weights[-1] != FULL_WEIGHT_BP:
            raise ValueError("the last phase must have weight_bp 10000: that step is the promotion")
        if any(low >= high for low, high in pairwise(weights)):
            raise ValueError("weight_bp must rise from phase to phase")
        names = [phase.name for phase in ramp]
        if len(set(names)) != len(names):
            raise ValueError("names of phases must differ")
        if len(ramp) == 1:
            raise ValueError("at least one phase below 10000 is needed: there the canary is judged")
        return ramp

    @model_validator(mode="after")
    def _known_gates(self) -> Policy:
        names = [phase.name for phase in self.ramp]
        unknown = [name for name in self.approvals.phases if name not in names[1:-1]]
        if unknown:
            allowed = ", ".join(names[1:-1]) or "none"
            raise ValueError(f"approvals.phases was {unknown}; allowed: {allowed}")
        return self

    @property
    def hash(self) -> str:
        """Return the SHA-256 (hex) of the policy's canonical JSON."""
        return hashlib.sha256(canonical_json(self.model_dump(mode="json")).encode()).hexdigest()


def preset(name: str) -> Policy:
    """Return the policy of the ramp called `name` with all other defaults."""
    if name not in RAMPS:
        raise ValueError(f"no such policy preset; allowed: {', '.join(RAMPS)}, or a policy")
    return Policy.model_validate({"name": name, "ramp": name})


def read_policy(text: str, origin: str) -> Policy:
    """Return the policy in YAML `text`; raise PolicyProblem naming field, value and rule."""
    policy: Policy = validated(Policy, text, origin)
    return policy


def validated(model: type[Any], text: str, origin: str) -> Any:  # noqa: ANN401 - a `model`
    """Return the `model` that YAML `text` describes; raise PolicyProblem, a line a field."""
    try:
        data = yaml.load(text, _Loader)  # noqa: S506 - it is a SafeLoader
    except Exception as broken:  # bad tags raise IndexError, KeyError, AttributeError and others
        raise PolicyProblem(f"{origin}: not YAML: {_short(str(broken))}") from broken
    if not isinstance(data, dict):
        raise PolicyProblem(f"{origin}: was {type(data).__name__}, a table of fields is needed")
    try:
        return model.model_validate(data)
    except ValidationError as invalid:
        lines = [_line(model, error) for error in invalid.errors()[:_MOST_LINES]]
        raise PolicyProblem(f"{origin} cannot be used:\n" + "\n".join(lines)) from invalid


class _Loader(yaml.SafeLoader):
    """Plain YAML, but for integers that Python refuses to write out in an error."""

    @override
    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        value: int = super().construct_yaml_int(node)
        if value.bit_length() > _MOST_BITS:
            raise ValueError(f"an integer of {value.bit_length()} bits")
        return value


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_MOST_BITS = 4096
_MOST_LINES = 20
_LONGEST_TEXT = 500


def _line(model: type[BaseModel], error: ErrorDetails) -> str:
    """One problem: the field, the value that was there, and what is allowed."""
    field = ".".join(str(part) for part in error["loc"]) or "(whole)"
    if error["type"] == "extra_forbidden":
        names = ", ".join(_table_at(model, error["loc"][:-1]).model_fields)
        return f"  {_short(field)}: no such field; allowed: {names}"
    if error["type"] == "missing":
        return f"  {_short(field)}: is missing"
    allowed = error["msg"].removeprefix("Value error, ")
    return f"  {_short(field)}: was {reprlib.repr(error['input'])}; {_short(allowed)}"


def _table_at(model: type[BaseModel], path: tuple[int | str, ...]) -> type[BaseModel]:
    """The table of fields that `path` leads to."""
    for part in path:
        if part in model.model_fields:
            known = model.model_fields[str(part)].annotation
            model = next(
                kind
                for kind in (known, *get_args(known))
                if isinstance(kind, type) and issubclass(kind, BaseModel)
            )
    return model


def _short(text: str) -> str:
    """Text that always can be written and read: not endless, no half characters."""
    cut = text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."
    return cut.encode("utf-8", "backslashreplace").decode()
