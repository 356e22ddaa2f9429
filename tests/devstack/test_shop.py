"""The shop's traffic follows the ready pods, and a bad release becomes an alert at a webhook."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from devstack.alertmanager import Alertmanager
from devstack.cluster import Cluster
from devstack.processes import eventually, free_ports
from devstack.prometheus import Prometheus
from devstack.shop import BAD_TAG, GOOD_TAG, NAMESPACE, SERVICE, Shop, Traffic, alert_rules, answers_of

TOKEN = "a-token-of-the-test"


@pytest.mark.parametrize(
    ("ready", "expected"),
    [
        pytest.param({}, {("none", 503): 1.0}, id="no ready pod: every answer is 503"),
        pytest.param({"v41": 3}, {("v41", 200): 1.0}, id="good pods"),
        pytest.param({"v42-bad": 2}, {("v42-bad", 200): 0.6, ("v42-bad", 500): 0.4}, id="bad pods"),
        pytest.param(
            {"v41": 2, "v42-bad": 2},
            {("v41", 200): 0.5, ("v42-bad", 200): 0.3, ("v42-bad", 500): 0.2},
            id="a mix, in proportion",
        ),
    ],
)
def test_answers_follow_the_ready_pods_of_each_image(
    ready: dict[str, int], expected: dict[tuple[str, int], float]
) -> None:
    found = {(answer.version, answer.code): share for share, answer in answers_of(ready)}
    assert found == pytest.approx(expected)


def test_fractions_of_requests_are_carried_over_to_the_next_tick() -> None:
    traffic = Traffic(rate=1)
    traffic.follow({"v42-bad": 1})
    for _ in range(100):
        traffic.pass_time(0.25)
    labels = {"service": SERVICE, "code": "500", "version": "v42-bad"}
    assert traffic.registry.get_sample_value("http_requests_total", labels) == pytest.approx(10, abs=1)


def test_real_requests_get_the_same_shares() -> None:
    traffic = Traffic(rate=1)
    traffic.follow({"v42-bad": 1})
    assert [traffic.next_answer().code for _ in range(10)].count(500) == 4


class Receiver:
    """A small real HTTP server that keeps what Alertmanager posts to it."""

    def __init__(self) -> None:
        self.port = free_ports(1)[0]
        self.groups: list[dict[str, Any]] = []
        self.tokens: set[str | None] = set()

    @property
    def url(self) -> str:
        """Where to post."""
        return f"http://127.0.0.1:{self.port}/alerts"

    async def take(self, request: web.Request) -> web.Response:
        """Keep one group."""
        self.tokens.add(request.headers.get("Authorization"))
        self.groups.append(await request.json())
        return web.Response()

    async def has(self, status: str, alertname: str = "PaymentErrorRateHigh") -> bool:
        """Whether such a group has come."""
        return any(g["status"] == status and g["groupLabels"]["alertname"] == alertname for g in self.groups)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    pages = web.Application()
    pages.add_routes([web.post("/alerts", receiver.take)])
    runner = web.AppRunner(pages)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", receiver.port).start()
    yield receiver
    await runner.cleanup()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shop(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    async with Shop(tmp_path_factory.mktemp("shop"), cluster) as running:
        yield running


async def pay(shop: Shop) -> list[int]:
    async with aiohttp.ClientSession() as session:
        codes = []
        for _ in range(10):
            async with session.get(f"{shop.url}/pay") as answer:
                codes.append(answer.status)
        return codes


async def test_a_bad_release_reaches_the_webhook_and_its_undoing_too(
    shop: Shop, receiver: Receiver, tmp_path: Path
) -> None:
    alertmanager = Alertmanager(tmp_path / "alertmanager", webhook_url=receiver.url, webhook_token=TOKEN)
    prometheus = Prometheus(
        tmp_path / "prometheus",
        targets={"shop": shop.address},
        rules=[alert_rules()],
        alertmanager=alertmanager.address,
    )
    async with alertmanager, prometheus:

        async def rate_is_zero() -> bool:
            return [
                s["value"][1] for s in await prometheus.query('sum(rate(http_requests_total{code=~"5.."}[5s]))')
            ] == ["0"]

        await eventually(rate_is_zero, 20, "Prometheus having samples of good traffic")
        assert receiver.groups == []
        await shop.release(BAD_TAG)
        await eventually(lambda: receiver.has("firing"), 30, "the alert reaching the receiver")
        assert [a["labels"]["alertname"] for a in await alertmanager.alerts()] == ["PaymentErrorRateHigh"]
        labels = receiver.groups[0]["alerts"][0]["labels"]
        assert (labels["service"], labels["severity"], labels["namespace"]) == (
            SERVICE,
            "critical",
            NAMESPACE,
        )
        assert 500 in await pay(shop)
        await shop.release(GOOD_TAG)
        await eventually(lambda: receiver.has("resolved"), 30, "the alert being resolved")
        assert receiver.tokens == {f"Bearer {TOKEN}"}


async def test_without_a_ready_pod_every_answer_is_503(shop: Shop, cluster: Cluster) -> None:
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{SERVICE}"

    async def scale(replicas: int) -> None:
        body = {"spec": {"replicas": replicas}}
        await cluster.api.request("PATCH", path, body=body, content_type="application/merge-patch+json")

    async def all_are(code: int) -> bool:
        return set(await pay(shop)) == {code}

    await scale(0)
    await eventually(lambda: all_are(503), 20, "answers of 503")
    await shop.reset()
    await eventually(lambda: all_are(200), 20, "answers of 200")


async def test_traffic_follows_the_service_to_the_standby(shop: Shop, cluster: Cluster) -> None:
    await shop.release(BAD_TAG)
    await cluster.wait_rollout(NAMESPACE, SERVICE)
    await cluster.wait_rollout(NAMESPACE, f"{SERVICE}-green")
    await cluster.api.request(
        "PATCH",
        f"/api/v1/namespaces/{NAMESPACE}/services/{SERVICE}",
        body={"spec": {"selector": {"color": "green"}}},
        content_type="application/merge-patch+json",
    )

    async def all_well() -> bool:
        return set(await pay(shop)) == {200}

    await eventually(all_well, 20, "the standby answering")
    await shop.reset()


async def test_the_shop_has_a_history_to_undo_to(shop: Shop, cluster: Cluster) -> None:
    found = await cluster.api.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/replicasets", labelSelector="color=blue")
    assert len(found["items"]) >= 2
