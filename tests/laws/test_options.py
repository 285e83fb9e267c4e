"""What commands share: who acts, and texts that must say something."""

from __future__ import annotations

import os
import pwd

import pytest

from tradecanary.cli.options import login


def test_a_user_without_a_name_acts_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container whose user id is in no passwd file, every command works all the same."""

    def nobody(number: int) -> pwd.struct_passwd:
        raise KeyError(f"getpwuid(): uid not found: {number}")

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)

    assert f"uid-{os.getuid()}" == login()
