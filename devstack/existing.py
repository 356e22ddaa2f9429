"""A cluster that is there already, by a context of the user's kubeconfig, in place of the embedded one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from devstack.binaries import MissingToolError
from devstack.kube_api import KubeApi, KubeApiError
from devstack.processes import Process, eventually, free_ports

READY_SECONDS = 20


class ExistingCluster:
    """Reached through ``kubectl proxy``, which knows every way to log in that a kubeconfig may name.

    Only the demo's shop goes this way; Mainstay itself uses the context directly.
    """

    def __init__(self, data_dir: Path, context: str) -> None:
        """Raises MissingToolError without kubectl."""
        kubectl = shutil.which("kubectl")
        if kubectl is None:
            raise MissingToolError("--context needs kubectl on the PATH, and there is none")
        self._dir = data_dir.absolute()
        self._port = free_ports(1)[0]
        self.url = f"http://127.0.0.1:{self._port}"
        command = [kubectl, "--context", context, "proxy", f"--port={self._port}"]
        log = self._dir / "kubectl-proxy.log"
        self._proxy = Process("kubectl-proxy", command, log=log, env=dict(os.environ))
        self._api: KubeApi | None = None

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig of the proxy, for the shop's process."""
        return self._dir / "proxy.kubeconfig"

    @property
    def api(self) -> KubeApi:
        """Direct calls; only while it is started."""
        assert self._api is not None, "not started"
        return self._api

    async def start(self) -> None:
        """Raises ProcessFailedError when the context cannot be used, with kubectl's words."""
        self._dir.mkdir(parents=True, exist_ok=True)
        clusters = [{"name": "proxy", "cluster": {"server": self.url}}]
        users = [{"name": "proxy", "user": {}}]
        self.kubeconfig.write_text(yaml.safe_dump({"clusters": clusters, "users": users}))
        await self._proxy.start()
        self._api = KubeApi.from_kubeconfig(self.kubeconfig)
        await self._proxy.wait_ready(self._answers, READY_SECONDS)

    async def stop(self) -> None:
        """The cluster, and the shop in it, stay."""
        if self._api is not None:
            await self._api.close()
            self._api = None
        await self._proxy.stop()

    async def apply(self, manifest: str | Path) -> list[dict[str, Any]]:
        return await self.api.apply(manifest)

    async def wait_rollout(self, namespace: str, name: str, *, seconds: float = 180) -> None:
        """Real nodes pull images: it may take minutes. Raises TimeoutError."""
        await eventually(lambda: self._rolled_out(namespace, name), max(seconds, 180), f"rollout of {namespace}/{name}")

    async def _rolled_out(self, namespace: str, name: str) -> bool:
        found = await self.api.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}")
        status, wanted = found.get("status", {}), found["spec"].get("replicas", 1)
        seen = status.get("observedGeneration", 0) >= found["metadata"]["generation"]
        return seen and [status.get(k, 0) for k in ("replicas", "updatedReplicas", "readyReplicas")] == [wanted] * 3

    async def _answers(self) -> bool:
        try:
            await self.api.get("/version")
        except KubeApiError:
            return False
        return True

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
