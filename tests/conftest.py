"""What tests of all kinds share.

Properties are the same on every machine, unless asked: HYPOTHESIS_PROFILE=long draws anew.
"""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.alerted import Receiver

# A machine that stands still for a moment is no property of the code.
_CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", _CALM, derandomize=True, print_blob=True)
settings.register_profile("long", _CALM, max_examples=2_000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Give a server that is closed in the end."""
    made = Receiver()
    yield made
    made.close()
