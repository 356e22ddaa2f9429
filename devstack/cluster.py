"""A real Kubernetes control plane whose nodes and pods are played by kwok."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from devstack.binaries import ensure
from devstack.kube_api import KubeApi, KubeApiError
from devstack.pod_stages import pod_stages
from devstack.processes import Process, eventually, free_ports, port_answers

BINARIES = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")
CONTEXT = "mainstay-embedded"
ADMIN = "mainstay-admin"
WORKER = "mainstay-worker"
READER = "mainstay-reader"
# Users by the token file; who is in system:masters may do everything, the others what RBAC lets them.
USERS = {
    ADMIN: "system:masters",
    "system:kube-controller-manager": "system:masters",
    "system:kube-scheduler": "",
    "system:kwok": "system:masters",
    WORKER: "",
    READER: "",
}
RBAC = Path(__file__).parent / "manifests" / "rbac.yaml"
READY_SECONDS = 60
GRACE_SECONDS = 2
AUDITED = ("deployments", "statefulsets", "daemonsets")
REVISIONS = ("replicasets", "controllerrevisions")


class Cluster:
    """One cluster on loopback; what is in it stays in ``data_dir`` over stop and start.

    ``nodes`` fake nodes have 16 CPUs, 64 GiB and room for 250 pods each. Pods behave as the tag of
    their image says, see `devstack.pod_stages.BEHAVIOURS`. With ``allow_exec`` an exec into any pod
    runs the command on this machine: for fixed commands of tests only.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        nodes: int = 3,
        allow_exec: bool = False,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._dir = data_dir.absolute()
        self._nodes = [f"node-{number}" for number in range(1, nodes + 1)]
        self._allow_exec = allow_exec
        self._report = report
        self._tokens: dict[str, str] = {}
        self._ports: dict[str, int] = {}
        self._parts: dict[str, Process] = {}
        self._api: KubeApi | None = None

    @property
    def url(self) -> str:
        """Address of the API server; the same over restarts of this object."""
        return f"https://127.0.0.1:{self._ports['api']}"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig; its context is called ``mainstay-embedded``."""
        return self.user_kubeconfig(ADMIN)

    @property
    def audit_log(self) -> Path:
        """JSON lines of every write to deployments, statefulsets, daemonsets and services, with bodies."""
        return self._dir / "audit.log"

    @property
    def pod_log(self) -> Path:
        """What ``kubectl logs`` of any pod shows, in the container runtime's format; may be rewritten."""
        return self._dir / "pod.log"

    @property
    def api(self) -> KubeApi:
        """Direct calls as the administrator."""
        if self._api is None:
            raise RuntimeError("the cluster has not been started")
        return self._api

    def user_kubeconfig(self, user: str) -> Path:
        """The kubeconfig of ``mainstay-worker`` or ``mainstay-reader`` (rights: manifests/rbac.yaml)."""
        return self._dir / "kubeconfigs" / f"{user.replace(':', '-')}.yaml"

    async def start(self) -> None:
        """Start all; returns once the nodes take pods. Raises `MissingToolError`, `ProcessFailedError`."""
        if not self._parts:
            await self._prepare()
        await self._parts["etcd"].start()
        await self._parts["etcd"].wait_ready(lambda: port_answers(self._ports["etcd"]), READY_SECONDS)
        await self._start_api_server()
        await asyncio.gather(*(self._parts[name].start() for name in BINARIES[2:]))
        await self._create_nodes()
        await self.apply(RBAC)
        await eventually(self._nodes_ready, READY_SECONDS, "nodes being ready")

    async def stop(self) -> None:
        """Stop all parts; the data stays."""
        if self._api is not None:
            await self._api.close()
        for name in reversed(BINARIES):
            if name in self._parts:
                await self._parts[name].stop(GRACE_SECONDS)

    async def stop_api(self) -> None:
        """Take the API server away, as an outage of the control plane would."""
        await self._parts["kube-apiserver"].kill9()

    async def start_api(self) -> None:
        """Bring the API server back on the same port.

        The controllers are started anew with it: left alone they retry ever more slowly, and whoever
        waits for a rollout after the outage would measure their patience.
        """
        await self._start_api_server()
        for name in BINARIES[2:]:
            await self._parts[name].kill9()
            await self._parts[name].start()

    async def apply(self, manifest: str | Path) -> list[dict[str, Any]]:
        """Server-side apply of a YAML text or file; raises `KubeApiError` when refused."""
        return await self.api.apply(manifest)

    async def rollout_done(self, namespace: str, name: str, *, kind: str = "deployments") -> bool:
        """Whether the newest revision of a Deployment, StatefulSet or DaemonSet is fully out and ready."""
        found = await self.api.get(f"/apis/apps/v1/namespaces/{namespace}/{kind}/{name}")
        status, wanted = found.get("status", {}), found["spec"].get("replicas", 1)
        seen = status.get("observedGeneration", 0) >= found["metadata"]["generation"]
        counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "readyReplicas")]
        return seen and counts == [wanted] * 3

    async def wait_rollout(self, namespace: str, name: str, *, kind: str = "deployments", seconds: float = 30) -> None:
        """Wait for `rollout_done`; raises `TimeoutError` telling how far it came and what its pods do."""
        try:
            await eventually(
                lambda: self.rollout_done(namespace, name, kind=kind),
                seconds,
                f"rollout of {namespace}/{name}",
            )
        except TimeoutError as late:
            raise TimeoutError(f"{late}: {await self._rollout_state(namespace, name, kind)}") from late

    async def _rollout_state(self, namespace: str, name: str, kind: str) -> str:
        found = await self.api.get(f"/apis/apps/v1/namespaces/{namespace}/{kind}/{name}")
        labels = ",".join(f"{key}={value}" for key, value in found["spec"]["selector"]["matchLabels"].items())
        pods = (await self.api.get(f"/api/v1/namespaces/{namespace}/pods", labelSelector=labels))["items"]
        states = [{"pod": pod["metadata"]["name"], **pod["status"]} for pod in pods]
        return json.dumps({"status": found.get("status"), "pods": states})

    async def service_account(self, namespace: str, name: str, *, valid_seconds: int = 86_400) -> Path:
        """Create a ServiceAccount (and its namespace) and return a kubeconfig with a token of it.

        Its rights are what the Roles and bindings say that the caller applies.
        """
        meta = {"name": name, "namespace": namespace}
        await self.apply(yaml.safe_dump({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}))
        await self.apply(yaml.safe_dump({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta}))
        answer = await self.api.request(
            "POST",
            f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token",
            body={
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenRequest",
                "spec": {"expirationSeconds": valid_seconds},
            },
        )
        return self._write_kubeconfig(f"{namespace}-{name}", answer["status"]["token"])

    async def add_node(self, name: str, *, labels: Mapping[str, str], taints: Sequence[Mapping[str, str]] = ()) -> None:
        """One more fake node, with room for 250 pods. Raises `KubeApiError` when there is one of its name."""
        node = _node(name, "zone-a")
        node["metadata"]["labels"].update(labels)
        node["spec"] = {"taints": [*taints]}
        await self.api.request("POST", "/api/v1/nodes", body=node)

    async def remove_node(self, name: str) -> None:
        """Take a node away again; its pods go with it."""
        await self.api.request("DELETE", f"/api/v1/nodes/{name}")

    def audit_events(self) -> list[dict[str, Any]]:
        """The audit log so far, parsed."""
        lines = self.audit_log.read_text().splitlines() if self.audit_log.exists() else []
        return [json.loads(line) for line in lines if line.endswith("}")]

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _prepare(self) -> None:
        binaries = await asyncio.to_thread(lambda: ensure(BINARIES, report=self._report))
        names = ("api", "etcd", "etcd-peer", "kwok")
        self._ports = dict(zip(names, free_ports(len(names)), strict=True))
        for folder in ("kubeconfigs", "certs", "logs"):
            (self._dir / folder).mkdir(parents=True, exist_ok=True)
        self._write_tokens()
        self._write_signing_key()
        _write_yaml(self._dir / "audit-policy.yaml", [_audit_policy()])
        _write_yaml(self._dir / "kwok.yaml", self._kwok_config())
        if not self.pod_log.exists():
            self.pod_log.write_text("2026-01-01T00:00:00.000000000Z stdout F listening on :8080\n")
        for user, token in self._tokens.items():
            self._write_kubeconfig(user, token)
        self._api = KubeApi(self.url, self._tokens[ADMIN], self._ca_file)
        self._parts = {
            name: Process(
                name, [binaries[name], *flags], log=self._dir / "logs" / f"{name}.log", cwd=self._dir, env=env
            )
            for name, flags, env in self._commands()
        }

    def _commands(self) -> Iterable[tuple[str, list[str], dict[str, str]]]:
        yield "etcd", self._etcd_flags(), {}
        yield "kube-apiserver", self._api_flags(), {}
        yield "kube-controller-manager", self._controller_flags(), {}
        scheduler = self.user_kubeconfig("system:kube-scheduler")
        yield "kube-scheduler", [f"--kubeconfig={scheduler}", "--leader-elect=false", "--secure-port=0"], {}
        yield "kwok", self._kwok_flags(), {"KWOK_WORKDIR": str(self._dir / "kwok")}

    def _etcd_flags(self) -> list[str]:
        client, peer = (f"http://127.0.0.1:{self._ports[name]}" for name in ("etcd", "etcd-peer"))
        return [
            f"--data-dir={self._dir / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            # A killed process loses nothing by it; only a power cut would.
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]

    def _api_flags(self) -> list[str]:
        key = self._dir / "service-account.key"
        return [
            f"--etcd-servers=http://127.0.0.1:{self._ports['etcd']}",
            f"--secure-port={self._ports['api']}",
            "--bind-address=127.0.0.1",
            # Loopback is no address for the `kubernetes` Service's endpoints, and nothing here needs them.
            "--endpoint-reconciler-type=none",
            f"--cert-dir={self._dir / 'certs'}",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--token-auth-file={self._dir / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--disable-admission-plugins=ServiceAccount",
            f"--audit-log-path={self.audit_log}",
            f"--audit-policy-file={self._dir / 'audit-policy.yaml'}",
            "--profiling=false",
        ]

    def _controller_flags(self) -> list[str]:
        return [
            f"--kubeconfig={self.user_kubeconfig('system:kube-controller-manager')}",
            f"--service-account-private-key-file={self._dir / 'service-account.key'}",
            "--use-service-account-credentials=false",
            "--leader-elect=false",
            "--controllers=*",
            "--secure-port=0",
            # A node that misses its heartbeats on a busy machine makes its pods unready, and kwok never makes
            # them ready again. So only what patches a node's status takes a node down here.
            "--node-monitor-grace-period=24h",
            # The defaults of 20 and 30 make a rollout of many pods wait for the client, not the cluster.
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
        ]

    def _kwok_flags(self) -> list[str]:
        return [
            f"--kubeconfig={self.user_kubeconfig('system:kwok')}",
            f"--config={self._dir / 'kwok.yaml'}",
            "--manage-all-nodes=false",
            "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
            "--v=WARN",
            f"--server-address=127.0.0.1:{self._ports['kwok']}",
        ]

    def _kwok_config(self) -> list[dict[str, Any]]:
        options = {"nodeIP": "127.0.0.1", "nodePort": self._ports["kwok"]}
        cluster_logs = {"logs": [{"logsFile": str(self.pod_log), "follow": False}]}
        documents = [
            _kwok("KwokConfiguration", "v1alpha1", {"options": options}, api="config.kwok.x-k8s.io"),
            *pod_stages(),
            _kwok("ClusterLogs", "v1alpha1", {"metadata": {"name": "all"}, "spec": cluster_logs}),
        ]
        if self._allow_exec:
            spec: dict[str, Any] = {"execs": [{"local": {}}]}
            documents.append(_kwok("ClusterExec", "v1alpha1", {"metadata": {"name": "all"}, "spec": spec}))
        return documents

    @property
    def _ca_file(self) -> Path:
        return self._dir / "certs" / "apiserver.crt"

    def _write_tokens(self) -> None:
        file = self._dir / "tokens.csv"
        if file.exists():
            lines = [line.split(",") for line in file.read_text().splitlines()]
            self._tokens = {line[1]: line[0] for line in lines}
        else:
            self._tokens = {user: secrets.token_hex(24) for user in USERS}
            rows = [f'{self._tokens[user]},{user},{user},"{group}"' for user, group in USERS.items()]
            _write_private(file, "\n".join(rows) + "\n")

    def _write_signing_key(self) -> None:
        file = self._dir / "service-account.key"
        if not file.exists():
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            _write_private(
                file,
                key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.TraditionalOpenSSL,
                    serialization.NoEncryption(),
                ).decode(),
            )

    def _write_kubeconfig(self, user: str, token: str) -> Path:
        path = self.user_kubeconfig(user)
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": CONTEXT,
                    "cluster": {"server": self.url, "certificate-authority": str(self._ca_file)},
                }
            ],
            "users": [{"name": user, "user": {"token": token}}],
            "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": user}}],
            "current-context": CONTEXT,
        }
        _write_private(path, yaml.safe_dump(config, sort_keys=False))
        return path

    async def _start_api_server(self) -> None:
        await self._parts["kube-apiserver"].start()
        await self._parts["kube-apiserver"].wait_ready(self._api_ready, READY_SECONDS)

    async def _api_ready(self) -> bool:
        return bool(await self.api.get("/readyz") == "ok")

    async def _create_nodes(self) -> None:
        for index, name in enumerate(self._nodes):
            try:
                await self.api.request("POST", "/api/v1/nodes", body=_node(name, f"zone-{'abc'[index % 3]}"))
            except KubeApiError as fault:
                if fault.status != 409:
                    raise

    async def _nodes_ready(self) -> bool:
        nodes = (await self.api.get("/api/v1/nodes"))["items"]
        return all(_takes_pods(node) for node in nodes if node["metadata"]["name"] in self._nodes)


def _takes_pods(node: dict[str, Any]) -> bool:
    conditions = {c["type"]: c["status"] for c in node.get("status", {}).get("conditions", [])}
    return conditions.get("Ready") == "True" and not node["spec"].get("taints")


def _node(name: str, zone: str) -> dict[str, Any]:
    capacity = {"cpu": "16", "memory": "64Gi", "pods": "250"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "topology.kubernetes.io/zone": zone,
                "type": "kwok",
            },
        },
        "status": {"capacity": capacity, "allocatable": capacity},
    }


def _audit_policy() -> dict[str, Any]:
    resources = [{"group": "apps", "resources": [*AUDITED, *REVISIONS, *(f"{name}/scale" for name in AUDITED)]}]
    # The last are the custom resources of the made-up shop.
    others = [{"group": group} for group in ("batch", "autoscaling", "networking.k8s.io", "shop.example")]
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {
                "level": "RequestResponse",
                "verbs": ["create", "update", "patch", "delete"],
                "resources": [*resources, {"group": "", "resources": ["services", "configmaps"]}, *others],
            },
            {"level": "None"},
        ],
    }


def _kwok(kind: str, version: str, rest: dict[str, Any], api: str = "kwok.x-k8s.io") -> dict[str, Any]:
    return {"apiVersion": f"{api}/{version}", "kind": kind, **rest}


def _write_yaml(path: Path, documents: list[dict[str, Any]]) -> None:
    path.write_text(yaml.safe_dump_all(documents, sort_keys=False, width=10_000))


def _write_private(path: Path, text: str) -> None:
    """Write a file with credentials so that no other user can ever read it."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
