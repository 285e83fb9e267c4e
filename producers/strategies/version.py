"""StrategyVersion: which build it is, by content.

`NAME-VERSION-HASH8`, the hash over the content, so that a build that was changed without a new
number is another version. (A sum of characters would not do: `1.2` and `2.1` collide.)
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import total_ordering

_NUMBER = r"(?:0|[1-9][0-9]*)"
_TEXT = re.compile(
    rf"(?P<name>[A-Za-z0-9_]+(?:-[A-Za-z0-9_]+)*)"
    rf"-(?P<number>{_NUMBER}(?:\.{_NUMBER})*)-(?P<hash8>[0-9a-f]{{8}})"
)


@total_ordering
@dataclass(frozen=True, slots=True)
class StrategyVersion:
    """An immutable build id. Ordered by name, then number by number (1.10 follows 1.9).

    Raises ValueError when a part breaks the form.

    >>> version = StrategyVersion.of_content("momentum", "1.10.0", b"def signal(): ...")
    >>> str(version)
    'momentum-1.10.0-e0db2333'
    >>> version > StrategyVersion.parse("momentum-1.9.0-ffffffff")
    True
    """

    name: str
    number: str
    hash8: str

    def __post_init__(self) -> None:
        """Refuse parts that would not survive `parse(str(...))`."""
        found = _TEXT.fullmatch(str(self))
        if found is None or found.groups() != (self.name, self.number, self.hash8):
            message = (
                f"strategy version was '{self}'; it must be NAME-VERSION-HASH8, as in "
                f"momentum-1.0.0-9f2c41aa: letters, digits, _ and - in the name, numbers joined "
                f"by dots, eight hexadecimal digits"
            )
            raise ValueError(message)

    # typing.override is there from Python 3.12 on.
    def __str__(self) -> str:  # type: ignore[explicit-override]
        return f"{self.name}-{self.number}-{self.hash8}"

    def __lt__(self, other: StrategyVersion) -> bool:
        return self._key() < other._key()

    def _key(self) -> tuple[str, tuple[int, ...], str]:
        return self.name, tuple(int(part) for part in self.number.split(".")), self.hash8

    @classmethod
    def parse(cls, text: str) -> StrategyVersion:
        """Return the version that `text` names; the inverse of `str`. Raises ValueError."""
        name, _, rest = text.rpartition("-")
        name, _, number = name.rpartition("-")
        return cls(name, number, rest)

    @classmethod
    def of_content(cls, name: str, number: str, content: bytes) -> StrategyVersion:
        """Return the version of a build with this content: the source, or the artefact."""
        return cls(name, number, hashlib.sha256(content).hexdigest()[:8])
