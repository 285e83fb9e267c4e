"""Properties are the same on every machine, unless asked: HYPOTHESIS_PROFILE=long draws anew."""

import os

from hypothesis import HealthCheck, settings

# A machine that stands still for a moment is no property of the code.
_CALM = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("ci", derandomize=True, print_blob=True, **_CALM)
settings.register_profile("long", max_examples=2_000, print_blob=True, **_CALM)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
