"""Many incidents that wait: for acknowledgements, and for approvals of a change."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from bench import parked
from bench.receiver import TOKEN
from bench.rig import Rig, rig
from tests.soak.figures import recorded, scaled

INCIDENTS = 1_000
SAMPLES = 100
MOST_MB = 600
CACHED_MS, EVICTED_MS = 2_000, 10_000
"""Bounds that hold on a busy machine too; the goals of an idle one are in the figures."""
_KIND = re.compile(rb'"kind":"(\w+)","person":"(\w*)"')


class Counted:
    """Every message that arrives, by incident, kind and person. Each arrival still counts for the rig."""

    def __init__(self, it: Rig) -> None:
        self.messages: Counter[tuple[str, str, str]] = Counter()
        self._note = it.arrivals.note
        it.arrivals.note = self.note  # type: ignore[method-assign]

    def note(self, content: bytes, at: int) -> None:
        token, kind = TOKEN.search(content), _KIND.search(content)
        if token and kind:
            self.messages[token[0].decode(), kind[1].decode(), kind[2].decode()] += 1
        self._note(content, at)

    def pages(self) -> list[int]:
        """How often each page arrived."""
        return [often for (_, kind, _), often in self.messages.items() if kind == "page"]


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_parked_incidents_cost_little_and_are_acted_upon_at_once() -> None:
    """Given many incidents parked on acknowledgement timers and approvals, then each has paged its person exactly
    once, also after the worker's restart, the worker stays small, and an approval is acted upon at once."""
    count, samples = scaled(INCIDENTS, 20), scaled(SAMPLES, 5)
    promise = "every page exactly once, a small worker, and an approval acted upon at once, cached or not"
    with recorded("parked", promise) as figures:
        async with rig(worker=parked.WORKER) as it:
            counted = Counted(it)
            outcome = await parked.measure(it, count, samples)
            pages = counted.pages()
        figures.counts |= {
            "incidents": count,
            "approvals": 2 * samples,
            "pages": len(pages),
            "pages_more_than_once": sum(often > 1 for often in pages),
        }
        figures.figures |= {**outcome.results, **outcome.floor, "goals": [goal.shown() for goal in outcome.goals]}
        assert pages == [1] * count
        assert outcome.results["worker_resident_mib"]["parked"] * 1.048576 < MOST_MB
        assert outcome.results["approval_to_change_begun_cached_ms"]["p99"] < CACHED_MS
        assert outcome.results["approval_to_change_begun_evicted_ms"]["p99"] < EVICTED_MS
