"""What a gateway knows at its next start when Kafka is away: a small file beside the spool.

The kills in force, because a kill outlives restarts; and how many partitions `executions` has, so
that events can be numbered and spooled. The file is replaced as a whole and forced to the disk, so
a crash leaves the old or the new one.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

from tradecanary.schemas.codec import ContractViolation, decode, encode
from tradecanary.schemas.routing import KillSwitch

log = logging.getLogger("tradecanary.producers")

_SUFFIX = ".kept"


class Kept:
    """The file beside `spool`; without a spool nothing is kept."""

    def __init__(self, spool: Path | None) -> None:
        """Read what an earlier process left; a file that cannot be read is logged and replaced."""
        self._path = None if spool is None else spool.with_name(spool.name + _SUFFIX)
        self.partitions = 0
        """Of `executions`, as Kafka said it last; 0: never."""
        self.kills: tuple[KillSwitch, ...] = ()
        """Those in force, one a key; replaced by the control thread."""
        if self._path is not None and self._path.exists():
            self._read(self._path)
        self._saved = self._state()

    def save(self) -> None:
        """Write what changed, if anything did; for the delivery's thread, which waits for disks."""
        state = self._state()
        if self._path is None or state == self._saved:
            return
        self._saved = state  # also when it fails: the next change tries again
        partitions, kills = state
        text = json.dumps({"partitions": partitions, "kills": [encode(k).hex() for k in kills]})
        try:
            _replace(self._path, text)
        except OSError as failed:
            log.error("keeping %s for a start without Kafka: %s", self._path, failed)  # noqa: TRY400 -- the errno says all

    def _state(self) -> tuple[int, tuple[KillSwitch, ...]]:
        return self.partitions, self.kills

    def _read(self, path: Path) -> None:
        try:
            found = json.loads(path.read_text(encoding="ascii"))
            self.partitions = int(found["partitions"])
            self.kills = tuple(decode(KillSwitch, bytes.fromhex(k)) for k in found["kills"])
        except (OSError, ValueError, TypeError, KeyError, ContractViolation) as broken:
            log.error("reading %s: %s; going on without what was kept in it", path, broken)  # noqa: TRY400 -- it says all


def _replace(path: Path, text: str) -> None:
    new = path.with_name(path.name + ".new")
    with new.open("w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
