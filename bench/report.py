"""What a benchmark answers: figures, their ratio to the bare floor of the same run, and the machine."""

from __future__ import annotations

import math
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: a value that was really measured. Raises ValueError for none."""
    if not values:
        raise ValueError("nothing was measured")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Count, p50, p90, p99 and the largest, rounded to microseconds when the values are milliseconds."""
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    return {"n": len(values), **{name: round(percentile(values, share), 3) for name, share in shares.items()}}


@dataclass(frozen=True)
class Goal:
    """One promise of the architecture (section 11) and what came out."""

    what: str
    value: float
    limit: float
    at_least: bool = False

    def shown(self) -> dict[str, Any]:
        met = self.value >= self.limit if self.at_least else self.value <= self.limit
        bound = f"{'>=' if self.at_least else '<='} {self.limit:g}"
        return {"what": self.what, "value": round(self.value, 3), "goal": bound, "met": met}


@dataclass
class Outcome:
    """What one benchmark found. ``results`` and ``floor`` name their units."""

    sizes: Mapping[str, Any]
    results: dict[str, Any]
    floor: dict[str, Any]
    ratios: dict[str, float]
    goals: list[Goal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    settings: Mapping[str, Any] = field(default_factory=dict)


def document(name: str, outcome: Outcome, load: Sequence[float], seconds: float) -> dict[str, Any]:
    """The JSON document of one benchmark. ``load`` is the machine's load before it began."""
    return {
        "benchmark": name,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": machine(),
        "load_before": [round(each, 2) for each in load],
        "seconds": round(seconds, 1),
        "sizes": dict(outcome.sizes),
        "settings": dict(outcome.settings),
        "results": outcome.results,
        "floor": outcome.floor,
        "ratios": {what: round(value, 3) for what, value in outcome.ratios.items()},
        "goals": [goal.shown() for goal in outcome.goals],
        "notes": outcome.notes,
    }


def machine() -> dict[str, Any]:
    """Cores and memory that this process may use."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cores": cores,
        "memory_gib": round(memory / 2**30, 1),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def commit() -> str:
    """The commit that was measured; ``+changes`` when the tree is not clean, ``unknown`` without git."""
    try:
        head = _git("rev-parse", "--short=12", "HEAD")
        return head + ("+changes" if _git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.strip()
