"""200 seeded cases; tests/soak/test_soak_parity.py runs the thousands."""

from __future__ import annotations

from pathlib import Path

import pytest

from devstack.cluster import Cluster
from tests.cluster.parity.cases import VERBS, cases
from tests.cluster.parity.crowd import run
from tests.cluster.parity.differences import DIFFERENCES, OF_NODES

CASES = 200
SEED = 20260302
GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "parity.md"


@pytest.mark.timeout(600)
async def test_ours_leaves_what_kubectl_leaves(cluster: Cluster) -> None:
    """Given random workloads in overlapping rollouts, when kubectl and ours are asked for the same, then spec,
    annotations, generation and revisions are the same, and both refuse the same, but for the named differences."""
    outcome = await run(cluster, cases(SEED, CASES))
    assert not outcome.mismatches, "\n".join(outcome.mismatches)
    assert set(outcome.verbs) == set(VERBS)
    assert outcome.verbs.total() == CASES
    assert outcome.answers["changed"] > CASES / 3, "most requests do something"
    assert set(outcome.differences) == set(DIFFERENCES) - OF_NODES, "each named difference is shown"


def test_operators_are_told_of_each_difference() -> None:
    """At most ten, each with its reason in the guide, and no other."""
    told = dict(
        line.removeprefix("- `").split("`: ", 1)
        for line in GUIDE.read_text(encoding="utf-8").splitlines()
        if line.startswith("- `")
    )
    assert {name: text.rpartition("Why: ")[2].rstrip(".") for name, text in told.items()} == {
        name: difference.reason for name, difference in DIFFERENCES.items()
    }
    assert len(DIFFERENCES) <= 10
