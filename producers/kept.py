"""What a gateway knows at its next start when Kafka is away: a small file beside the spool.

How many partitions `executions` has, so that events can be numbered and spooled. It is replaced
as a whole and forced to the disk, so a crash leaves the old or the new one.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

log = logging.getLogger("tradecanary.producers")

_SUFFIX = ".kept"


class Kept:
    """The file beside `spool`; without a spool nothing is kept."""

    def __init__(self, spool: Path | None) -> None:
        """Read what an earlier process left; a file that cannot be read is logged and replaced."""
        self._path = None if spool is None else spool.with_name(spool.name + _SUFFIX)
        self.partitions = 0
        """Of `executions`, as Kafka said it last; 0: never."""
        if self._path is not None and self._path.exists():
            self._read(self._path)
        self._saved = self._state()

    def save(self) -> None:
        """Write what changed, if anything did; for the delivery's thread, which waits for disks."""
        state = self._state()
        if self._path is None or state == self._saved:
            return
        self._saved = state  # also when it fails: the next change tries again
        try:
            self._write(self._path)
        except OSError as failed:
            log.error("keeping %s for a start without Kafka: %s", self._path, failed)  # noqa: TRY400 -- the errno says all

    def _state(self) -> int:
        return self.partitions

    def _write(self, path: Path) -> None:
        new = path.with_name(path.name + ".new")
        with new.open("w", encoding="ascii") as file:
            json.dump({"partitions": self.partitions}, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _read(self, path: Path) -> None:
        try:
            found = json.loads(path.read_text(encoding="ascii"))
            self.partitions = int(found["partitions"])
        except (OSError, ValueError, TypeError, KeyError) as broken:
            log.error("reading %s: %s; going on without what was kept in it", path, broken)  # noqa: TRY400 -- it says all
