"""Many cases at once in many namespaces, so that their rollouts overlap."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from devstack.cluster import Cluster
from tests.cluster.lab import Lab, NoHalt
from tests.cluster.parity.cases import Case
from tests.cluster.parity.twin import Twin

PAIRS = 6
AT_ONCE = 4
"""Cases in one pair of namespaces; so many rollouts overlap there."""
PROCESSES = 3
_numbers = itertools.count(1)


@dataclass
class Outcome:
    verbs: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    """What our actions answered: ``changed``, ``already``, or the type of a refusal."""
    differences: Counter[str] = field(default_factory=Counter)
    mismatches: list[str] = field(default_factory=list)


async def run(cluster: Cluster, cases: Iterable[Case]) -> Outcome:
    """Every case once. An exception ends the run; a mismatch is kept and the others go on."""
    outcome, gate, left = Outcome(), asyncio.Semaphore(PROCESSES), iter(cases)
    twins = [Twin(await _lab(cluster, "kubectl"), await _lab(cluster, "ours"), gate) for _ in range(PAIRS)]

    async def work(twin: Twin) -> None:
        for case in left:
            if said := await twin.run(case):
                outcome.mismatches.append(said)
            outcome.verbs[case.verb] += 1
            outcome.kinds[case.kind] += 1
            if case.difference:
                outcome.differences[case.difference] += 1

    try:
        async with asyncio.TaskGroup() as group:
            for twin in twins:
                for _ in range(AT_ONCE):
                    group.create_task(work(twin))
    finally:
        for twin in twins:
            outcome.answers += twin.answers
            for lab in (twin.theirs, twin.ours):
                await lab.tear_down()
    return outcome


async def _lab(cluster: Cluster, side: str) -> Lab:
    namespace = f"parity-{side}-{next(_numbers)}"
    await cluster.apply(json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}))
    return Lab(cluster, namespace, NoHalt())
