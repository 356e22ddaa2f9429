"""``python -m bench [name …] [--quick] [--soak] [--json FILE]``: one JSON document per benchmark."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from bench import accept, burst, drain, oncall, page, parked, probes, rollback, step, storm
from bench.hands import cluster_of
from bench.report import Outcome, document
from bench.rig import rig, say

Measure = Callable[[str, str], Awaitable[Outcome]]
SIZES = ("quick", "usual", "soak")


def _sized(size: str, quick: int, usual: int, soak: int | None = None) -> int:
    return dict(zip(SIZES, (quick, usual, soak or usual), strict=True))[size]


async def _page(size: str, synchronous: str) -> Outcome:
    async with rig(synchronous=synchronous) as it:
        return await page.measure(it, _sized(size, 20, 100, 300))


async def _accept(size: str, synchronous: str) -> Outcome:
    async with rig(synchronous=synchronous) as it:
        return await accept.measure(it, _sized(size, 50, 300), connections=16)


async def _step(size: str, synchronous: str) -> Outcome:
    async with rig(synchronous=synchronous) as it:
        return await step.measure(it, _sized(size, 1, 5, 20))


async def _burst(size: str, synchronous: str) -> Outcome:
    async with rig(synchronous=synchronous) as it:
        return await burst.measure(it, _sized(size, 2_000, 10_000), per_request=100, connections=8)


async def _oncall(size: str, _synchronous: str) -> Outcome:
    return oncall.measure(_sized(size, 20_000, 200_000, 1_000_000))


async def _parked(size: str, synchronous: str) -> Outcome:
    async with rig(synchronous=synchronous, worker=parked.WORKER) as it:
        return await parked.measure(it, _sized(size, 30, 500, 10_000), _sized(size, 5, 50, 200))


async def _storm(size: str, synchronous: str) -> Outcome:
    async with rig(synchronous=synchronous) as it:
        return await storm.measure(it, _sized(size, 10, 60, 300))


async def _rollback(size: str, _synchronous: str) -> Outcome:
    many, few_times, times = _sized(size, 30, 300), _sized(size, 3, 10, 50), _sized(size, 2, 3, 10)
    # A rollout of 300 has up to 375 pods, 250 on a node.
    async with cluster_of(nodes=5) as it:
        return await rollback.measure(it, (3, many), (few_times, times))


async def _drain(size: str, _synchronous: str) -> Outcome:
    async with cluster_of(nodes=3) as it:
        rounds = {"at_once": _sized(size, 2, 4, 30), "slowly": _sized(size, 1, 2, 10)}
        return await drain.measure(it, _sized(size, 20, 100), rounds)


async def _probes(size: str, _synchronous: str) -> Outcome:
    async with cluster_of(nodes=3) as it:
        return await probes.measure(it, 200, workloads=20, rounds=_sized(size, 2, 10, 50))


BENCHMARKS: dict[str, Measure] = {
    "page": _page,
    "accept": _accept,
    "step": _step,
    "burst": _burst,
    "oncall": _oncall,
    "parked": _parked,
    "storm": _storm,
    "rollback": _rollback,
    "drain": _drain,
    "probes": _probes,
}


async def run(name: str, size: str, synchronous: str = "2") -> dict[str, Any]:
    """One benchmark on servers of its own; its document."""
    load, begun = os.getloadavg(), time.perf_counter()
    outcome = await BENCHMARKS[name](size, synchronous)
    return document(name, outcome, load, time.perf_counter() - begun)


def main() -> int:
    """Exit code 1 when a goal is missed and ``--strict`` was given."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="small sizes: minutes become seconds")
    parser.add_argument("--soak", action="store_true", help="the long sizes: 10,000 parked incidents")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all documents as one JSON list")
    parser.add_argument("--strict", action="store_true", help="exit code 1 when a goal is missed")
    parser.add_argument("--synchronous", choices=("1", "2"), default="2", help="of Temporal's SQLite (2: as shipped)")
    chosen = parser.parse_args()
    unknown = [name for name in chosen.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    size = "soak" if chosen.soak else "quick" if chosen.quick else "usual"
    documents = []
    for name in chosen.names or BENCHMARKS:
        say(f"{name}: {size} sizes")
        documents.append(asyncio.run(run(name, size, chosen.synchronous)))
        print(json.dumps(documents[-1], indent=2, ensure_ascii=False), flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps(documents, indent=2, ensure_ascii=False) + "\n")
    missed = [goal for each in documents for goal in each["goals"] if not goal["met"]]
    return 1 if missed and chosen.strict else 0


if __name__ == "__main__":
    sys.exit(main())
