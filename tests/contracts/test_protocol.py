"""docs/protocol.md says what the code does: fingerprints, vectors, files."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tradecanary.schemas.codec import CONTRACTS, contract_json, contract_name, decode, encode
from tradecanary.schemas.codec import header_of as header

ROOT = Path(__file__).parents[2]
_DOC = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
_BY_NAME = {contract_name(contract): contract for contract in CONTRACTS}
_WIRE = json.loads((ROOT / "tests/contracts/wire_vectors.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", _WIRE["cases"])
def test_wire_vectors_hold(case: dict[str, Any]) -> None:
    """The bytes decode to the fields, and encode to the same bytes again."""
    value = bytes.fromhex(case["hex"])
    record = decode(_BY_NAME[case["record"]], value)

    assert case["fields"] == json.loads(json.dumps(asdict(record)))
    assert value == encode(record)


def test_printed_fingerprints_are_those_of_the_contracts() -> None:
    """Each row of the table of records has the first ten bytes of its contract."""
    rows = re.findall(r"\| `(\w+)` \| [^|]+ \| `((?:[0-9A-F]{2} ?){10})` \|", _DOC)

    assert {"execution_event", "router_status", "routing_weights", "kill_switch"} == {
        name for name, _ in rows
    }
    for name, printed in rows:
        assert header(contract_json(_BY_NAME[name])).hex(" ").upper() == printed


def test_named_vector_files_are_there() -> None:
    """Every file of vectors that the page names exists."""
    named = set(re.findall(r"tests/contracts/\w+\.json", _DOC))

    assert len(named) == 3
    assert all((ROOT / name).is_file() for name in named)
