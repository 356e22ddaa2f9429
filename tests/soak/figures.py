"""What a soak test leaves behind: docs/soak/NAME.json, written only when all of its promises held."""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.report import machine

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "docs" / "soak"
SCALE = float(os.environ.get("MAINSTAY_SOAK_SCALE", "1.0"))
"""Share of the full numbers; results say which."""
SEED = int(os.environ.get("MAINSTAY_SOAK_SEED", "20260302"))


def scaled(count: int, least: int = 1) -> int:
    """``count`` at this run's scale."""
    return max(least, math.ceil(count * SCALE))


@dataclass
class Figures:
    """``counts`` are how many of what were tried and seen, ``figures`` are measured, with their units."""

    name: str
    promise: str
    seed: int = SEED
    counts: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)

    def write(self) -> None:
        """Called once everything has been asserted."""
        memory = machine()
        found = {
            "soak": self.name,
            "promise": self.promise,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": commit(),
            "seed": self.seed,
            "scale": SCALE,
            "counts": self.counts,
            "figures": self.figures,
            "seconds": round(time.monotonic() - self._began, 1),
            "machine": {"cores": memory["cores"], "memory_gib": memory["memory_gib"]},
            "python": platform.python_version(),
            "command": "make soak" if SCALE == 1 else f"MAINSTAY_SOAK_SCALE={SCALE:g} make soak",
        }
        RESULTS.mkdir(parents=True, exist_ok=True)
        path = RESULTS / f"{self.name}.json"
        path.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"\n{path.relative_to(ROOT)}: {json.dumps(self.counts)} {json.dumps(self.figures)}")


@contextmanager
def recorded(name: str, promise: str) -> Iterator[Figures]:
    """Writes the figures at its end, and nothing when a promise did not hold."""
    figures = Figures(name, promise)
    print(f"\n{name}: scale {SCALE:g}, seed {figures.seed}")
    yield figures
    figures.write()


def commit() -> str:
    """The commit that was tested, and ``dirty`` when the tree has changes beside it."""
    try:
        head = _git("rev-parse", "HEAD")
        return f"{head} dirty" if _git("status", "--porcelain") else head
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", "--no-optional-locks", *arguments], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()
