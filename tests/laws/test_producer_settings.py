"""What a trading service may tell the Kafka client, and what not."""

import pytest

from tradecanary.processors.runtime.kafka_clients import OWN_RULES as STAGES_RULES
from tradecanary.processors.runtime.settings import SettingsError, load_settings
from tradecanary.producers.kafka_settings import DELIVER, FOLLOW, OWN_RULES, SAY, client_settings


@pytest.mark.parametrize("name", sorted(OWN_RULES))
def test_a_rule_of_ours_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """In the environment with the words of the stages, and as an argument."""
    variable = f"KAFKA__{name.upper().replace('.', '_')}"
    with pytest.raises(ValueError, match=rf"kafka\['{name}'\] cannot be set"):
        client_settings("a:1", {name: "read_uncommitted"})
    with pytest.raises(SettingsError) as of_a_stage:
        load_settings({variable: "read_uncommitted"})
    monkeypatch.setenv(variable, "read_uncommitted")
    with pytest.raises(ValueError, match="cannot be set") as ours:
        client_settings("a:1")
    assert str(ours.value) == str(of_a_stage.value)


def test_the_rules_are_those_of_the_stages_that_concern_a_service() -> None:
    """A setting of ours that no stage lets be changed is not free in a service either."""
    used = FOLLOW.keys() | SAY.keys() | DELIVER.keys()
    assert STAGES_RULES & used == OWN_RULES - {"transactional.id"}
