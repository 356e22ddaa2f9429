"""What the API server answers ends in the retry or the refusal of the table: provoked on the real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import yaml
from temporalio.exceptions import ApplicationError

from devstack.binaries import ensure
from devstack.processes import Process, eventually, free_ports, port_answers
from mainstay.domain.change import Change
from tests.cluster.lab import Lab, NoHalt

SHOP = {"target": {"name": "shop"}}
JOB = {
    "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "registry.example/x:v1"}]}}
}
RUN = {"target": {"name": "check", "kind": "Job"}, "template": JOB}


async def refused(lab: Lab, change: Change) -> ApplicationError:
    with pytest.raises(ApplicationError) as raised:
        await lab.apply(change)
    return raised.value


async def test_a_quota_that_is_used_up_is_a_refusal(lab: Lab) -> None:
    """403 exceeded quota: permanent, and the quota's own words are shown."""
    change = await lab.plan("job_run", RUN)
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"}}
    await lab.apply_manifest({**quota, "spec": {"hard": {"count/jobs.batch": "0"}}})

    async def counted() -> bool:
        path = f"/api/v1/namespaces/{lab.namespace}/resourcequotas/small"
        return bool((await lab.cluster.api.get(path)).get("status", {}).get("hard"))

    await eventually(counted, 20, "the quota counted")
    answer = await refused(lab, change)
    assert (answer.type, answer.non_retryable) == ("NotAllowed", True)
    assert "exceeded quota: small" in answer.message


async def test_an_admission_webhook_that_is_down_is_waited_for(lab: Lab) -> None:
    """500 failed calling webhook: nothing was written and it may come back, so it is tried again."""
    await lab.workload("shop", "v1")
    change = await lab.plan("isolate", SHOP)
    name = f"down-{lab.namespace}"
    hook = {
        "name": "down.shop.example",
        "clientConfig": {"url": "https://127.0.0.1:9/"},
        "rules": [
            {"apiGroups": ["networking.k8s.io"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["*"]}
        ],
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "timeoutSeconds": 1,
        "admissionReviewVersions": ["v1"],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": lab.namespace}},
    }
    kind = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration"}
    await lab.cluster.apply(yaml.safe_dump({**kind, "metadata": {"name": name}, "webhooks": [hook]}))
    path = f"/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{name}"
    try:
        probe = await lab.plan("job_run", RUN)  # another kind is not held up
        assert probe.diff
        await eventually(lambda: _held_up(lab), 20, "the webhook in force")
        answer = await refused(lab, change)
        assert (answer.type, answer.non_retryable) == ("Unavailable", False)
        assert "failed calling webhook" in answer.message
    finally:
        await lab.cluster.api.request("DELETE", path)
    await eventually(lambda: _goes_through(lab, change), 20, "the change going through")


async def _held_up(lab: Lab) -> bool:
    try:
        await lab.plan("isolate", SHOP, step="another")
    except ApplicationError:
        return True
    return False


async def _goes_through(lab: Lab, change: Change) -> bool:
    try:
        await lab.apply(change)
    except ApplicationError:
        return False
    return True


@pytest.mark.parametrize(
    ("action", "parameters", "kind", "text"),
    [
        ("job_run", {**RUN, "template": {"template": {"spec": {}}}}, "InvalidArgument", "containers: Required value"),
        ("job_run", {**RUN, "template": {**JOB, "nonsense": 1}}, "InvalidArgument", "unknown field"),
        ("job_run", {"target": {"name": "no-such", "kind": "CronJob"}}, "NotFound", "404"),
        ("isolate", {"target": {"name": "no-such"}}, "NotFound", "404"),
        ("pod_delete", {"target": {"name": "no-such", "kind": "Pod"}}, "NotFound", "404"),
        ("pod_delete", {"target": {"name": "../secrets", "kind": "Pod"}}, "InvalidArgument", "cannot be the name"),
    ],
)
async def test_a_request_that_is_wrong_is_a_refusal(
    lab: Lab, action: str, parameters: dict[str, Any], kind: str, text: str
) -> None:
    """400, 404, 422: permanent, before anybody is asked to approve, with the server's causes."""
    with pytest.raises(ApplicationError) as raised:
        await lab.plan(action, parameters)
    assert (raised.value.type, raised.value.non_retryable) == (kind, True)
    assert text in raised.value.message


# ---- the wire -------------------------------------------------------------------------------------


class AtTheWrite(NoHalt):
    """A kill switch that is off; being asked before a write it does ``then``, once."""

    def __init__(self) -> None:
        super().__init__()
        self.then: Callable[[], Awaitable[None]] | None = None

    async def refresh(self) -> None:
        then, self.then = self.then, None
        if then is not None:
            await then()


class Wire:
    """A toxiproxy between the product and the API server."""

    def __init__(self, control: str, session: aiohttp.ClientSession) -> None:
        self.switch = AtTheWrite()
        self._control = control
        self._session = session

    async def poison(self, kind: str, stream: str, **attributes: int) -> None:
        body = {"name": "bad", "type": kind, "stream": stream, "attributes": attributes}
        async with self._session.post(f"{self._control}/proxies/api/toxics", json=body) as answer:
            assert answer.status == 200, await answer.text()

    async def cure(self) -> None:
        async with self._session.delete(f"{self._control}/proxies/api/toxics/bad") as answer:
            assert answer.status == 204, await answer.text()


@pytest_asyncio.fixture(loop_scope="session")
async def wire(lab: Lab, tmp_path: Path) -> AsyncIterator[tuple[Wire, Lab]]:
    binary = (await asyncio.to_thread(lambda: ensure(["toxiproxy"])))["toxiproxy"]
    control, port = free_ports(2)
    proxy = Process("toxiproxy", [binary, "-host=127.0.0.1", f"-port={control}"], log=tmp_path / "log", cwd=tmp_path)
    await proxy.start()
    try:
        await proxy.wait_ready(lambda: port_answers(control), 20)
        async with aiohttp.ClientSession() as session:
            upstream = lab.cluster.url.removeprefix("https://")
            body = {"name": "api", "listen": f"127.0.0.1:{port}", "upstream": upstream, "enabled": True}
            async with session.post(f"http://127.0.0.1:{control}/proxies", json=body) as answer:
                assert answer.status == 201, await answer.text()
            config = tmp_path / "kubeconfig"
            config.write_text(lab.cluster.kubeconfig.read_text().replace(upstream, f"127.0.0.1:{port}"))
            cable = Wire(f"http://127.0.0.1:{control}", session)
            behind = Lab(lab.cluster, lab.namespace, cable.switch, config)
            yield cable, behind
            await behind.close()
    finally:
        await proxy.stop(2)


@pytest.mark.parametrize(
    ("at", "toxic", "stream", "attributes"),
    [
        ("read", "reset_peer", "upstream", {"timeout": 0}),
        ("read", "timeout", "upstream", {"timeout": 200}),
        ("read", "timeout", "downstream", {"timeout": 0}),
        ("write", "reset_peer", "downstream", {"timeout": 0}),
        ("write", "limit_data", "downstream", {"bytes": 10}),
        ("write", "timeout", "upstream", {"timeout": 200}),
        ("write", "timeout", "downstream", {"timeout": 0}),
    ],
    ids=["reset", "closed", "half-open", "write-reset", "write-answer-cut", "write-not-sent", "write-half-open"],
)
async def test_a_cut_connection_is_tried_again_and_nothing_happens_twice(
    wire: tuple[Wire, Lab], lab: Lab, at: str, toxic: str, stream: str, attributes: dict[str, int]
) -> None:
    """Reset, closed, half-open (no answer ever) or cut in the answer: transient; the retry scales once in all."""
    cable, behind = wire
    await lab.workload("shop", "v1", replicas=2)
    change = await behind.plan("scale", {**SHOP, "replicas": 3})
    written = len(lab.writes("shop"))

    async def poison() -> None:
        await cable.poison(toxic, stream, **attributes)

    if at == "read":
        await poison()
    else:
        cable.switch.then = poison
    failed = await refused(behind, change)
    assert (failed.type, failed.non_retryable) == ("Unavailable", False)
    await cable.cure()
    assert (await behind.apply(change)).outcome in ("changed", "already")
    assert (await lab.live("shop"))["spec"]["replicas"] == 3
    assert len(lab.writes("shop")) == written + 1
