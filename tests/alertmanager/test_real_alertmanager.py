"""The real Alertmanager and amtool as clients: no incident is lost, none is doubled, repeats change nothing."""

from __future__ import annotations

import pytest

from devstack.processes import eventually
from mainstay.domain.incident import IncidentView
from tests.alertmanager.conftest import Pair


def unchanged(before: IncidentView, after: IncidentView) -> None:
    """Nothing in the journal, no alert more, nobody else called."""
    assert (after.key, after.firing, after.alerts_seen) == (before.key, before.firing, before.alerts_seen)
    new = [entry.kind for entry in after.timeline if entry.seq > before.revision]
    assert {"paged", "alerted", "reopened", "escalation_step"}.isdisjoint(new), new


@pytest.mark.capability("S-060")
async def test_a_group_is_one_incident_and_repeats_change_nothing(pair: Pair) -> None:
    """Given 50 alerts with the same service and name inside the window, then one incident, one page, and 50 events
    on its time line; when Alertmanager repeats its notification every two seconds, nothing changes any more."""
    await pair.fire("AmGroup", *(f"api-{number}" for number in range(50)))
    before = await pair.incident("AmGroup", lambda v: v.firing == 50 and v.number, "50 alerts in one incident")
    await pair.repeated(3)
    unchanged(before, await pair.incident("AmGroup", lambda v: True, "the view"))
    assert sum(entry.firing for entry in before.timeline if entry.kind == "alerted") >= 50
    assert len(pair.pages("AmGroup")) == 1
    assert await pair.runs("AmGroup") == 1


async def test_a_later_alert_of_the_group_joins_and_the_resolved_one_leaves(pair: Pair) -> None:
    """Given one alert fires, another joins and the first one resolves, then the same incident counts 1, 2, 1, 0."""
    await pair.fire("AmJoin", "api-1")
    first = await pair.incident("AmJoin", lambda v: v.firing == 1, "one alert")
    await pair.fire("AmJoin", "api-2")
    await pair.incident("AmJoin", lambda v: v.firing == 2, "two alerts")
    await pair.fire("AmJoin", "api-1", firing=False)
    await pair.incident("AmJoin", lambda v: v.firing == 1, "one is left")
    await pair.fire("AmJoin", "api-2", firing=False)
    last = await pair.incident("AmJoin", lambda v: v.firing == 0, "none is left")
    assert last.key == first.key
    assert last.alerts_seen == 2
    assert len(pair.pages("AmJoin")) == 1


async def test_amtools_silence_keeps_an_alert_away_until_it_expires(pair: Pair) -> None:
    """Given a silence made by amtool, when its alert fires, then no incident opens while others do; when the silence is
    expired, the incident opens and somebody is paged once."""
    silence = await pair.tool(
        "silence", "add", "alertname=AmSilent", "--comment=planned", "--author=alice", "-d", "10m"
    )
    await pair.fire("AmSilent", "api-1")
    await pair.fire("AmLoud", "api-1")
    await pair.incident("AmLoud", lambda v: v.firing == 1, "the other one")
    await pair.repeated(2)
    assert await pair.runs("AmSilent") == 0
    assert "AmSilent" in await pair.tool("alert", "query", "--silenced")
    await pair.tool("silence", "expire", silence)
    await pair.incident("AmSilent", lambda v: v.firing == 1 and v.number, "it opens")
    assert len(pair.pages("AmSilent")) == 1


async def test_a_silence_in_the_middle_changes_nothing_here(pair: Pair) -> None:
    """Given a running incident, when its alert is silenced by amtool and the silence expires, then it is the same
    incident, neither resolved nor opened again."""
    await pair.fire("AmMiddle", "api-1")
    before = await pair.incident("AmMiddle", lambda v: v.firing == 1 and v.number, "it opens")
    silence = await pair.tool(
        "silence", "add", "alertname=AmMiddle", "--comment=planned", "--author=alice", "-d", "10m"
    )
    await pair.fire("AmOther", "api-1")
    await pair.incident("AmOther", lambda v: v.firing == 1, "another one")
    await pair.tool("silence", "expire", silence)
    await pair.repeated(3)
    unchanged(before, await pair.incident("AmMiddle", lambda v: True, "the view"))
    assert await pair.runs("AmMiddle") == 1


async def test_alertmanager_killed_in_the_middle(pair: Pair) -> None:
    """Given a running incident, when Alertmanager is killed and started again and Prometheus goes on posting, then its
    deliveries join the same incident, and what resolves afterwards is resolved."""
    await pair.fire("AmKilled", "api-1")
    before = await pair.incident("AmKilled", lambda v: v.firing == 1 and v.number, "it opens")
    await pair.alertmanager.kill()
    await pair.alertmanager.start()
    await pair.fire("AmKilled", "api-1", "api-2")
    view = await pair.incident("AmKilled", lambda v: v.firing == 2, "both fire")
    await pair.repeated(2)
    assert view.key == before.key
    assert await pair.runs("AmKilled") == 1
    assert len(pair.pages("AmKilled")) == 1
    await pair.fire("AmKilled", "api-1", "api-2", firing=False)
    await pair.incident("AmKilled", lambda v: v.firing == 0, "none is left")


async def test_what_fires_while_mainstay_is_away_arrives_when_it_is_back(pair: Pair) -> None:
    """Given the door is away, when an alert fires and Alertmanager's deliveries fail, then it tries again, and once the
    door is back exactly one incident opens and one page goes out."""
    await pair.door.stop()
    _, failed = await pair.counts()

    async def refused() -> bool:
        return (await pair.counts())[1] > failed

    try:
        await pair.fire("AmAway", "api-1")
        await eventually(refused, 30, "a delivery that fails")
        assert await pair.runs("AmAway") == 0
    finally:
        await pair.door.start()
    await pair.incident("AmAway", lambda v: v.firing == 1 and v.number, "it opens")
    await pair.repeated(2)
    assert await pair.runs("AmAway") == 1
    assert len(pair.pages("AmAway")) == 1
