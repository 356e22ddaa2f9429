"""What a runbook can name is there, and nothing else."""

from __future__ import annotations

from pathlib import Path

import httpx2

from activities.cluster.client import Clusters
from activities.probes.every import every
from mainstay.domain.catalogue import PROBES
from mainstay.records import Store
from tests.activities.shop import holding, shop
from tests.cluster.lab import NoHalt


async def test_the_catalogue_and_the_probes_are_equal(tmp_path: Path) -> None:
    """At least 25 kinds of look, each with a group, each carried out."""
    async with httpx2.AsyncClient() as client, Store(f"sqlite+aiosqlite:///{tmp_path / 'records.db'}") as store:
        made = [probe.name for probe in every(Clusters({}, NoHalt()), client, holding(shop()), store)]
    assert made == list(PROBES)
    assert len(made) >= 25
    assert all(spec.group and (not spec.reads or (spec.beyond and spec.target_kinds)) for spec in PROBES.values())
