"""The demo shop: made-up traffic to a Service that follows the pods that are really ready.

`Shop` puts the shop into a cluster and runs the traffic as a process of its own
(``python -m devstack.shop``), which serves ``/metrics``, and ``/pay`` for probes. Of each pod's
answers, the tag of its image decides: ``…-bad`` fails 40 % with 500, ``…-laggy`` takes 1.5 s,
any other answers well. Without a ready pod every answer is 503.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from string import Template
from types import TracebackType
from typing import Any, NamedTuple, Self

import aiohttp
from aiohttp import web
from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest
from prometheus_client import Counter as PrometheusCounter

from devstack.cluster import Cluster
from devstack.existing import ExistingCluster
from devstack.kube_api import KubeApi, KubeApiError
from devstack.processes import Process, free_ports

NAMESPACE = "payments"
SERVICE = "payment-service"
IMAGE = "registry.example/payment-service"
FIRST_TAG, GOOD_TAG, BAD_TAG = "v40", "v41", "v42-bad"


class Release(NamedTuple):
    """The image that the shop runs, and which of its tags is the first, the good and the bad release."""

    image: str
    first: str
    good: str
    bad: str
    args: tuple[str, ...] = ()


EMBEDDED = Release(IMAGE, FIRST_TAG, GOOD_TAG, BAD_TAG)
"""For the embedded cluster, whose pods behave by their tag and run nothing."""
REAL = Release("registry.k8s.io/e2e-test-images/agnhost", "2.45", "2.47", "2.53", ("netexec",))
"""For a cluster with real nodes: a public image that answers on port 8080. The shop's traffic is made up
there, too, and takes the last of these tags for the one that fails."""
MANIFESTS = Path(__file__).parent / "manifests" / "shop"

TICK_SECONDS = 0.25
BAD_SHARE = 0.4
GOOD_LATENCY_SECONDS, LAGGY_LATENCY_SECONDS = 0.04, 1.5
READY_SECONDS = 30


def alert_rules(*, hold: str = "2s", window: str = "5s") -> str:
    """The shop's Prometheus rules; ``hold`` is their ``for``, ``window`` the range of their rates."""
    text = (MANIFESTS / "rules.yaml").read_text()
    return text.replace("$hold", hold).replace("$window", window)


class Shop:
    """The shop in one cluster, and its traffic of ``rate`` requests a second."""

    def __init__(
        self,
        data_dir: Path,
        cluster: Cluster | ExistingCluster,
        *,
        rate: float = 50,
        port: int | None = None,
        release: Release = EMBEDDED,
    ) -> None:
        self._dir = data_dir.absolute()
        self._release = release
        self._cluster = cluster
        self._rate = rate
        self._port = port or free_ports(1)[0]
        self._process: Process | None = None

    @property
    def address(self) -> str:
        """``host:port`` of the metrics, as Prometheus wants it."""
        return f"127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """Base address: ``/metrics``, ``/pay`` (answers like the service does now), ``/healthz``."""
        return f"http://{self.address}"

    async def start(self) -> None:
        """Put the shop into the started cluster if it is not there, and start its traffic."""
        if not await self._installed():
            await self._install()
        if self._process is None:
            self._process = Process(
                "shop",
                [
                    *(sys.executable, "-m", "devstack.shop"),
                    *(
                        "--kubeconfig",
                        self._cluster.kubeconfig,
                        "--port",
                        str(self._port),
                        "--rate",
                        str(self._rate),
                        "--bad",
                        self._release.bad,
                    ),
                ],
                log=self._dir / "shop.log",
                cwd=Path(__file__).parent.parent,
            )
        await self._process.start()
        await self._process.wait_ready(self._healthy, READY_SECONDS)

    async def stop(self) -> None:
        """Stop the traffic; the shop stays in the cluster."""
        if self._process is not None:
            await self._process.stop()

    @property
    def bad_tag(self) -> str:
        """The tag whose pods fail a part of their requests."""
        return self._release.bad

    async def release(self, tag: str) -> None:
        """Set the image of ``payment-service`` to this tag, as a release would; does not wait for it."""
        image = f"{self._release.image}:{tag}"
        await self._patch({"template": {"spec": {"containers": [{"name": "app", "image": image}]}}}, tag)

    async def reset(self, *, seconds: float = 30) -> None:
        """Back to the good release, three replicas and the blue Service; waits for the rollout."""
        await self._cluster.apply(MANIFESTS / "base.yaml")
        await self._cluster.apply(_payment_service(self._release, self._release.good))
        await self._cluster.wait_rollout(NAMESPACE, SERVICE, seconds=seconds)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _installed(self) -> bool:
        try:
            await self._cluster.api.get(_DEPLOYMENT)
        except KubeApiError as fault:
            if fault.status == 404:
                return False
            raise
        return True

    async def _install(self) -> None:
        """Two releases one after the other, so that there is a history to undo to."""
        await self._cluster.apply(MANIFESTS / "base.yaml")
        for tag in (self._release.first, self._release.good):
            await self._cluster.apply(_payment_service(self._release, tag))
            await self._cluster.wait_rollout(NAMESPACE, SERVICE)

    async def _patch(self, spec: Mapping[str, Any], tag: str) -> None:
        await self._cluster.api.request(
            "PATCH",
            _DEPLOYMENT,
            body={
                "metadata": {"annotations": {"kubernetes.io/change-cause": f"release {tag}"}},
                "spec": spec,
            },
            content_type="application/strategic-merge-patch+json",
        )

    async def _healthy(self) -> bool:
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/healthz") as answer:
            return answer.status == 200


_DEPLOYMENT = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{SERVICE}"


def _payment_service(release: Release, tag: str) -> str:
    text = Template((MANIFESTS / "payment-service.yaml").read_text())
    return text.substitute(image=release.image, tag=tag, good=release.good, args=json.dumps(release.args))


@dataclass(frozen=True)
class Answer:
    """How a pod of one image answers."""

    version: str
    code: int
    seconds: float


def answers_of(ready: Mapping[str, int], bad: str = BAD_TAG) -> list[tuple[float, Answer]]:
    """Share of all requests and answer, from the number of ready pods by image tag; shares add up to 1."""
    pods = sum(ready.values())
    if pods == 0:
        return [(1.0, Answer("none", 503, 0.0))]
    shares: list[tuple[float, Answer]] = []
    for tag, count in sorted(ready.items()):
        share = count / pods
        seconds = LAGGY_LATENCY_SECONDS if tag.endswith("-laggy") else GOOD_LATENCY_SECONDS
        failing = BAD_SHARE if tag == bad or tag.endswith("-bad") else 0.0
        shares.append((share * (1 - failing), Answer(tag, 200, seconds)))
        if failing:
            shares.append((share * failing, Answer(tag, 500, seconds)))
    return shares


class Traffic:
    """Counts the requests that would have been made since the last tick."""

    def __init__(self, rate: float, bad: str = BAD_TAG) -> None:
        self.registry = CollectorRegistry()
        self._bad = bad
        self._rate = rate
        self._shares = answers_of({})
        self._owed: dict[Answer, float] = {}
        self._asked: dict[Answer, float] = {}
        labels = ["service", "code", "version"]
        self._requests = PrometheusCounter("http_requests_total", "Requests.", labels, registry=self.registry)
        self._latency = Histogram(
            "http_request_duration_seconds",
            "Time to answer.",
            ["service"],
            registry=self.registry,
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
        )
        self._pods = Gauge("shop_ready_pods", "Ready pods behind the service.", ["service"], registry=self.registry)
        # From zero on: a rate needs the series to be there before its first request.
        for code in ("200", "500", "503"):
            self._requests.labels(SERVICE, code, "none")

    def follow(self, ready: Mapping[str, int]) -> None:
        """From now on answers are those of these pods."""
        self._shares = answers_of(ready, self._bad)
        self._pods.labels(SERVICE).set(sum(ready.values()))
        for _, answer in self._shares:
            self._requests.labels(SERVICE, str(answer.code), answer.version)

    def pass_time(self, seconds: float) -> None:
        """Make this time's requests; fractions of a request are carried over, so shares are exact."""
        for share, answer in self._shares:
            owed = self._owed.get(answer, 0.0) + share * seconds * self._rate
            self._owed[answer] = owed - int(owed)
            self._requests.labels(SERVICE, str(answer.code), answer.version).inc(int(owed))
            for _ in range(int(owed)):
                self._latency.labels(SERVICE).observe(answer.seconds)

    def next_answer(self) -> Answer:
        """The answer to one real request: each kind in its share, in a fixed order."""
        for share, answer in self._shares:
            self._asked[answer] = self._asked.get(answer, 0.0) + share
        chosen = max((answer for _, answer in self._shares), key=lambda answer: self._asked[answer])
        self._asked[chosen] -= 1
        return chosen


async def ready_pods(api: KubeApi, namespace: str, service: str) -> dict[str, int]:
    """Ready pods that the Service selects, counted by image tag; empty when there is no such Service."""
    try:
        found = await api.get(f"/api/v1/namespaces/{namespace}/services/{service}")
    except KubeApiError as fault:
        if fault.status == 404:
            return {}
        raise
    selector = ",".join(f"{key}={value}" for key, value in (found["spec"].get("selector") or {}).items())
    if not selector:
        return {}
    pods = (await api.get(f"/api/v1/namespaces/{namespace}/pods", labelSelector=selector))["items"]
    return Counter(pod["spec"]["containers"][0]["image"].rpartition(":")[2] for pod in pods if _is_ready(pod))


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


async def _follow_cluster(api: KubeApi, traffic: Traffic) -> None:
    while True:
        # Customers keep coming while the control plane is away: the last known pods answer them.
        with suppress(aiohttp.ClientError, KubeApiError, TimeoutError):
            traffic.follow(await ready_pods(api, NAMESPACE, SERVICE))
        await asyncio.sleep(TICK_SECONDS)


async def _keep_counting(traffic: Traffic) -> None:
    clock = asyncio.get_running_loop().time
    last = clock()
    while True:
        await asyncio.sleep(TICK_SECONDS)
        traffic.pass_time(clock() - last)
        last = clock()


def _pages(traffic: Traffic) -> web.Application:
    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(traffic.registry), content_type="text/plain")

    async def pay(_: web.Request) -> web.Response:
        answer = traffic.next_answer()
        await asyncio.sleep(answer.seconds)
        return web.json_response({"version": answer.version, "status": answer.code}, status=answer.code)

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    pages = web.Application()
    pages.add_routes([web.get("/metrics", metrics), web.get("/pay", pay), web.get("/healthz", healthz)])
    return pages


async def serve(kubeconfig: Path, port: int, rate: float, bad: str) -> None:
    """Run the traffic and its pages until SIGTERM or SIGINT."""
    traffic = Traffic(rate, bad)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with KubeApi.from_kubeconfig(kubeconfig) as api:
        traffic.follow(await ready_pods(api, NAMESPACE, SERVICE))
        runner = web.AppRunner(_pages(traffic), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        tasks = [
            asyncio.create_task(_follow_cluster(api, traffic)),
            asyncio.create_task(_keep_counting(traffic)),
        ]
        await stopping.wait()
        for task in tasks:
            task.cancel()
        await runner.cleanup()


def main(arguments: list[str]) -> None:
    """Command line of the shop's process."""
    parser = argparse.ArgumentParser(prog="python -m devstack.shop", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--bad", default=BAD_TAG, help="the tag whose pods fail")
    options = parser.parse_args(arguments)
    asyncio.run(serve(options.kubeconfig, options.port, options.rate, options.bad))


if __name__ == "__main__":
    main(sys.argv[1:])
