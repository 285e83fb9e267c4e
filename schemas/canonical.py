"""JSON of which the same value gives the same text: for hashes, and for arguments of commands."""

from __future__ import annotations

import json


def canonical_json(value: object) -> str:
    """Return JSON with sorted names and no spaces: the same value gives the same text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
