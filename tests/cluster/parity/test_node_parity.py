"""Nodes: closed, opened, tainted and untainted at random, by kubectl and by us on twins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest
import pytest_asyncio
from temporalio.exceptions import ApplicationError

from activities.cluster.envelope import Envelope
from devstack.cluster import _node
from devstack.processes import eventually
from mainstay.domain.change import Change
from mainstay.domain.work import PlanRequest
from tests.cluster.lab import AT, Lab
from tests.cluster.parity.differences import DIFFERENCES

PAIRS = range(5)
ROUNDS = 4
OWN = {"key": "mainstay.test/own", "effect": "NoSchedule"}
KEY = "shop/broken"


@pytest_asyncio.fixture(loop_scope="session")
async def twins(lab: Lab) -> AsyncIterator[Lab]:
    """``theirs-N`` and ``ours-N`` for each pair, on which no other test's pods run."""
    names = [f"{side}-{number}" for side in ("theirs", "ours") for number in PAIRS]
    for name in names:
        manifest = _node(name, "zone-a") | {"spec": {"taints": [OWN]}}
        await lab.cluster.api.request("POST", "/api/v1/nodes", body=manifest)
    yield lab
    for name in names:
        await lab.cluster.api.request("DELETE", f"/api/v1/nodes/{name}")


async def test_nodes_are_left_as_kubectl_leaves_them(twins: Lab) -> None:
    """Given random requests one after the other, then closed or open and taints are the same after each, and an
    untaint of what is not tainted is an error of kubectl's and nothing to do for ours."""
    random = Random(20260302)
    twins.with_envelope(Envelope(largest_node_share=1.0))
    for _ in range(ROUNDS):
        await asyncio.gather(*(request(twins, number, Random(random.random())) for number in PAIRS))


async def request(lab: Lab, number: int, random: Random) -> None:
    verb = random.choice(("cordon", "uncordon", "taint", "untaint"))
    effect = random.choice(("NoSchedule", "NoExecute", "PreferNoSchedule"))
    asked, parameters = {
        "cordon": (("cordon", f"theirs-{number}"), {}),
        "uncordon": (("uncordon", f"theirs-{number}"), {}),
        "taint": (
            ("taint", "nodes", f"theirs-{number}", f"{KEY}=disk:{effect}", "--overwrite"),
            {"key": KEY, "value": "disk", "effect": effect},
        ),
        "untaint": (("taint", "nodes", f"theirs-{number}", f"{KEY}-"), {"key": KEY}),
    }[verb]
    tainted = any(taint["key"] == KEY for taint in (await spec(lab, f"ours-{number}"))["taints"])
    code, text = await lab.kubectl_answers(*asked)
    outcome = (await lab.apply(await plan(lab, verb, number, parameters))).outcome
    if verb == "untaint" and not tainted:
        again = DIFFERENCES["asked_again"]
        assert (code != 0, outcome) == (again.kubectl_refuses, again.ours), text
    else:
        assert code == 0, text

    async def same() -> bool:
        return await spec(lab, f"theirs-{number}") == await spec(lab, f"ours-{number}")

    await eventually(same, 30, f"the same node {number} after {verb} {parameters}")


async def plan(lab: Lab, verb: str, number: int, parameters: dict[str, Any]) -> Change:
    given = {"target": {"name": f"ours-{number}"}, **parameters}
    return await lab.actions.plan_change(
        PlanRequest(action=verb, parameters=given, run_id="run-1", step="roll-back", at=AT)
    )


async def spec(lab: Lab, name: str) -> dict[str, Any]:
    """Without the times that the node controller adds to its taints, and the address range that it gives."""
    live = (await lab.cluster.api.get(f"/api/v1/nodes/{name}"))["spec"]
    taints = [{key: text for key, text in taint.items() if key != "timeAdded"} for taint in live.get("taints", ())]
    taints.sort(key=lambda taint: (taint["key"], taint["effect"]))
    return {"unschedulable": live.get("unschedulable", False), "taints": taints}


async def test_kubectl_closes_every_node_and_ours_does_not(twins: Lab) -> None:
    """``node_share``: with kubectl's twins closed, one more is too many for ours; kubectl closes it."""
    await twins.kubectl("cordon", *(f"theirs-{number}" for number in PAIRS))
    with pytest.raises(ApplicationError) as refused:
        await plan(twins, "cordon", 0, {})
    assert refused.value.type == DIFFERENCES["node_share"].ours
    assert not (await spec(twins, "ours-0"))["unschedulable"]
    assert "cordoned" in await twins.kubectl("cordon", "ours-0")
