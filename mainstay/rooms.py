"""``workflows`` and ``activities`` are names that other distributions use too: make sure they are ours.

Installing such a distribution beside Mainstay overwrites files without a word, and in an editable install
the foreign package wins the import (style guide, section 6).
"""

from __future__ import annotations

import importlib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOMS = ("workflows", "activities", "mainstay")


def check_rooms(beside: Path) -> None:
    """Every room must be the sibling of ``beside`` and claimed by no other distribution.

    Raises SystemExit with one line that names the culprit and what to do.
    """
    claimed = packages_distributions()
    for room in ROOMS:
        found = Path(importlib.import_module(room).__file__ or "").resolve().parent
        wanted = (beside.resolve().parent / room).resolve()
        if found != wanted:
            raise SystemExit(
                f"the package {room!r} was imported from {found}, not from {wanted}: uninstall the "
                "distribution that brings it, or run Mainstay in an environment of its own"
            )
        others = sorted({name for name in claimed.get(room, []) if name != "mainstay"})
        if others:
            raise SystemExit(
                f"the distribution {others[0]!r} also claims the package {room!r}: "
                f"pip uninstall {others[0]}, then reinstall mainstay"
            )
