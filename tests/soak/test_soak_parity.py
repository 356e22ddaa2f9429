"""Thousands of random requests to our actions and to the real kubectl."""

from __future__ import annotations

import pytest

from devstack.cluster import Cluster
from tests.cluster.parity.cases import VERBS, cases
from tests.cluster.parity.crowd import PAIRS, run
from tests.cluster.parity.differences import DIFFERENCES, OF_NODES
from tests.soak.figures import SEED, recorded, scaled

CASES = 2_000


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_thousands_of_requests_leave_what_kubectl_leaves(cluster: Cluster) -> None:
    """Given random workloads in overlapping rollouts, when kubectl and ours are asked for the same, then both leave
    the same and refuse the same, but for the named differences."""
    count = scaled(CASES, 100)
    with recorded("parity", "the same end state and the same refusals as kubectl's, but for the named ones") as figures:
        outcome = await run(cluster, cases(SEED, count))
        figures.counts |= {
            "cases": outcome.verbs.total(),
            "namespaces": 2 * PAIRS,
            "verbs": dict(sorted(outcome.verbs.items())),
            "kinds": dict(sorted(outcome.kinds.items())),
            "answers": dict(sorted(outcome.answers.items())),
            "differences": dict(sorted(outcome.differences.items())),
            "mismatches": len(outcome.mismatches),
        }
        assert not outcome.mismatches, "\n".join(outcome.mismatches)
        assert outcome.verbs.total() == count
        assert set(outcome.verbs) == set(VERBS)
        assert set(outcome.differences) == set(DIFFERENCES) - OF_NODES
