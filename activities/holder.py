"""The worker's current configuration: read at start, and again whenever its files change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from mainstay.config import Config

_log = logging.getLogger(__name__)

Snapshot = frozenset[tuple[str, int, int]]


class ConfigHolder:
    """``current`` is always a whole, valid configuration: an edit with a mistake in it changes nothing.

    Running incidents live by the slice that was pinned when they began; addresses, channels and secrets are
    always the current ones.
    """

    def __init__(self, folder: Path, load: Callable[[Path], Config]) -> None:
        """``load`` reads the folder; what it raises at the start is raised here."""
        self._folder = folder
        self._load = load
        self._seen = _snapshot(folder)
        self._current = load(folder)

    @property
    def current(self) -> Config:
        return self._current

    def refresh(self) -> bool:
        """Read the files again if they changed; True if there is a new configuration now.

        Mistakes are logged, each with its place, once per edit, and the former configuration stays.
        """
        found = _snapshot(self._folder)
        if found == self._seen:
            return False
        self._seen = found
        try:
            self._current = self._load(self._folder)
        except Exception as error:  # whatever is wrong with an edit, the former configuration stays
            for problem in getattr(error, "problems", (error,)):
                _log.error("the changed configuration is not used: %s", problem)
            return False
        _log.info("configuration reloaded, digest %s", self._current.digest)
        return True

    async def watch(self, every: timedelta = timedelta(seconds=2)) -> None:
        """Keep it current until cancelled. Reading happens in a thread: a page must not wait for it."""
        while True:
            await asyncio.sleep(every.total_seconds())
            try:
                await asyncio.to_thread(self.refresh)
            except OSError as error:
                _log.error("the configuration folder cannot be read: %s", error.strerror)


def _snapshot(folder: Path) -> Snapshot:
    """What tells one state of the folder from another: names, sizes and times of change."""
    found = set()
    for path in folder.rglob("*"):
        if path.suffix in (".yaml", ".yml", ".j2"):
            stat = path.stat()
            found.add((str(path.relative_to(folder)), stat.st_mtime_ns, stat.st_size))
    return frozenset(found)
