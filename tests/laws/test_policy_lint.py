"""`tradecanary policy lint` says what is allowed and yet cannot work."""

from __future__ import annotations

from typing import Any

import pytest
import typer

from tradecanary.cli.output import Exit
from tradecanary.cli.policy import account_warnings, one_error
from tradecanary.processors.decision.policy import Policy, preset
from tradecanary.processors.decision.ramps import RAMPS


@pytest.mark.parametrize(
    ("accounts", "phases"),
    [
        pytest.param(10_000, [], id="enough everywhere"),
        pytest.param(100, ["Canary"], id="one canary of 100 accounts"),
    ],
)
def test_phases_without_enough_accounts_are_named(accounts: int, phases: list[str]) -> None:
    """Each phase below 10000 for itself; the promotion has no control to compare with."""
    found = account_warnings(preset("trading-standard"), accounts)

    assert phases == [text.removeprefix("phase ").split(":")[0] for text in found]
    assert all(f"{accounts} accounts at" in text and "only guards" in text for text in found)


def test_too_few_accounts_for_the_last_comparison_are_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Where nothing can be shown before the promotion, nobody would ever be promoted."""
    with pytest.raises(typer.Exit) as refused:
        account_warnings(preset("trading-standard"), 19)

    assert Exit.REFUSED == refused.value.exit_code
    assert "phase Majority: 19 accounts at 50 %" in " ".join(capsys.readouterr().err.split())


def test_thresholds_do_not_know_accounts() -> None:
    """They count orders: by account that is said, whatever the number."""
    judge: dict[str, Any] = {"kind": "thresholds"}
    policy = Policy.model_validate({"name": "p", "ramp": "steps", "judge": judge})

    assert ["judge: thresholds"] == [text[:17] for text in account_warnings(policy, 10_000)]


@pytest.mark.parametrize("name", [*RAMPS])
def test_no_preset_rolls_back_for_one_rejected_order(name: str) -> None:
    """A venue rejects an order now and then, of every build."""
    assert [] == list(one_error(preset(name)))


@pytest.mark.parametrize(
    ("limit", "min_orders", "least"), [(10, 9, "10"), (10, 10, ""), (0, 9, ""), (0.3, 100, "334")]
)
def test_a_limit_that_one_order_breaks_is_named(limit: float, min_orders: int, least: str) -> None:
    """With the number of orders that bears one; a limit of 0 means what it says."""
    criteria = {"max_error_rate_pct": limit}
    phase = {"name": "Tenth", "weight_bp": 1_000, "min_duration_s": 9, "min_orders": min_orders}
    ramp = [phase | {"criteria": criteria}, {"name": "Full", "weight_bp": 10_000}]
    found = list(one_error(Policy.model_validate({"name": "p", "ramp": ramp})))

    assert bool(least) == bool(found)
    for text in found:
        assert f"was {limit:g} in Tenth, weighed from canary order {min_orders} on" in text
        assert text.endswith(f"min_orders of {least}")
