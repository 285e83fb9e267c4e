"""What the laws of alerting share."""

import pytest

from tests.counting import Clock
from tests.unlucky import UnluckyLog


@pytest.fixture
def clock() -> Clock:
    """Give a clock that the test moves."""
    return Clock()


@pytest.fixture
def log(clock: Clock) -> UnluckyLog:
    """Give a log whose commits fail when told so."""
    return UnluckyLog(clock, control=2)


@pytest.fixture
def problems() -> list[str]:
    """Give the place for what goes wrong."""
    return []
