"""`tradecanary policy lint` says what is allowed and yet cannot work."""

from __future__ import annotations

from typing import Any

import pytest
import typer

from tradecanary.cli.output import Exit
from tradecanary.cli.policy import account_warnings
from tradecanary.processors.decision.policy import Policy, preset


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
