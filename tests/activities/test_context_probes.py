"""Alerts and silences of a real Alertmanager, and other services' incidents in a real record store."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import httpx2
import pytest
import pytest_asyncio

from activities.probes.alert_firing import AlertFiring
from activities.probes.alertmanager import Alertmanagers, Matcher
from activities.probes.dependency_incident import DependencyIncident
from activities.probes.seen import Seen
from devstack.alertmanager import Alertmanager
from mainstay.config.parts import Alertmanager as Address
from mainstay.domain.catalogue import PROBES, parse_parameters
from mainstay.domain.errors import NotFound, Unavailable
from mainstay.domain.verdict import Verdict
from mainstay.domain.work import AppendRequest
from mainstay.records import Store
from tests.activities.samples import NOW
from tests.activities.web_servers import fixed, nobody, serving
from tests.records.samples import note, row


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Alertmanager]:
    async with Alertmanager(tmp_path_factory.mktemp("alertmanager"), webhook_url="http://127.0.0.1:9/") as server:
        yield server


async def firing(url: str, **matchers: str) -> Seen:
    async with httpx2.AsyncClient() as client:
        probe = AlertFiring(Alertmanagers(client, lambda: {"default": Address(url=url)}))
        seen = await probe.look(parse_parameters(PROBES[probe.name].parameters, {"matchers": matchers}), NOW)  # type: ignore[arg-type]
    assert set(seen.facts) == set(PROBES[probe.name].facts)
    return seen


async def silence(server: Alertmanager, **labels: str) -> None:
    now = datetime.now(UTC)
    body = {
        "matchers": [{"name": n, "value": v, "isRegex": False, "isEqual": True} for n, v in labels.items()],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
        "createdBy": "bob",
        "comment": "index rebuild",
    }
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        await session.post(f"{server.url}/api/v2/silences", json=body)


async def test_a_silenced_alert_still_fires(alertmanager: Alertmanager) -> None:
    """None fires; then one does; silenced it still does, and is told as that; resolved it is gone."""
    mine = {"alertname": "HighErrorRate", "service": 'pay"ments\\'}
    assert (await firing(alertmanager.url, **mine)).verdict is Verdict.HELD
    await alertmanager.send([{"labels": mine}, {"labels": {**mine, "service": "other"}}])
    seen = await firing(alertmanager.url, **mine)
    assert (seen.verdict, seen.facts["active"], seen.facts["silenced"]) == (Verdict.FAILED, 1, 0)
    await silence(alertmanager, **mine)
    seen = await firing(alertmanager.url, **mine)
    assert (seen.verdict, seen.facts["active"], seen.facts["silenced"]) == (Verdict.FAILED, 0, 1)
    async with httpx2.AsyncClient() as client:
        known = await Alertmanagers(client, lambda: {"default": Address(url=alertmanager.url)}).silences("default")
    assert [(one.status.state, one.created_by) for one in known] == [("active", "bob")]
    assert all(matcher.meets(mine) for matcher in known[0].matchers)
    ended = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    await alertmanager.send([{"labels": mine, "endsAt": ended}])
    assert (await firing(alertmanager.url, **mine)).verdict is Verdict.HELD


@pytest.mark.parametrize(
    ("value", "regex", "equal", "label", "meets"),
    [
        ("shop", False, True, "shop", True),
        ("shop", False, False, "shop", False),
        ("sh.*", True, True, "shop", True),
        ("sh", True, True, "shop", False),
        ("a|shop", True, False, "shop", False),
        ("", False, True, None, True),
    ],
)
def test_matchers_fit_whole_values(value: str, regex: bool, equal: bool, label: str | None, meets: bool) -> None:
    """Alertmanager anchors patterns, and takes a missing label for an empty one."""
    matcher = Matcher.model_validate({"name": "service", "value": value, "isRegex": regex, "isEqual": equal})
    assert matcher.meets({"service": label} if label is not None else {}) is meets


async def test_an_alertmanager_that_does_not_answer_is_no_silence(alertmanager: Alertmanager) -> None:
    """No answer, another's answer and a server that is not configured are never "none fires"."""
    async with nobody() as url:
        with pytest.raises(Unavailable, match="does not answer"):
            await firing(url, alertname="x")
    async with serving(fixed(200, json.dumps({"hello": 1}))) as url:
        with pytest.raises(Unavailable, match="API v2"):
            await firing(url, alertname="x")
    async with httpx2.AsyncClient() as client:
        with pytest.raises(NotFound, match="no Alertmanager named 'default'"):
            await AlertFiring(Alertmanagers(client, dict)).look(
                parse_parameters(PROBES["alert_firing"].parameters, {"matchers": {"a": "b"}}),  # type: ignore[arg-type]
                NOW,
            )


async def opened(store: Store, key: str, **fields: Any) -> None:
    await store.append(AppendRequest(row=row(key, **fields), entries=(note(1),)))


async def test_a_dependencys_own_incident(tmp_path: Path) -> None:
    """Only an open incident of a service asked for counts, no exercise, and the worst is named."""
    async with await Store.connect(f"sqlite+aiosqlite:///{tmp_path / 'records.db'}") as store:
        probe = DependencyIncident(store)
        parameters = parse_parameters(PROBES[probe.name].parameters, {"services": ["payments-db", "gateway"]})
        await opened(store, "k1", service="payment-service")
        await opened(store, "k2", service="gateway", phase="closed")
        await opened(store, "k3", service="gateway", exercise=True)
        seen = await probe.look(parameters, NOW)  # type: ignore[arg-type]
        assert (seen.verdict, seen.facts["count"]) == (Verdict.FAILED, 0)
        await opened(store, "k4", service="gateway", rank=2, title="slow")
        await opened(store, "k5", service="payments-db", rank=0, title="down")
        seen = await probe.look(parameters, NOW)  # type: ignore[arg-type]
        assert (seen.verdict, seen.facts["count"], seen.facts["title"]) == (Verdict.HELD, 2, "down")
        assert set(seen.facts) == set(PROBES[probe.name].facts)
