"""The reference decisions, read from the files committed beside this module."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any


def cases(name: str) -> list[dict[str, Any]]:
    """Return all cases of `NAME_cases.jsonl.gz`."""
    with gzip.open(Path(__file__).parent / f"{name}_cases.jsonl.gz", "rt", encoding="utf-8") as f:
        return [json.loads(line) for line in f]
