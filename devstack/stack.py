"""The whole embedded stack, or the parts of it that are wanted, started together."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from devstack.alertmanager import Alertmanager
from devstack.binaries import Report, ensure
from devstack.cluster import BINARIES as CLUSTER_BINARIES
from devstack.cluster import CONTEXT, Cluster
from devstack.existing import ExistingCluster
from devstack.postgres import Postgres
from devstack.prometheus import Prometheus
from devstack.shop import EMBEDDED, REAL, Shop, alert_rules
from devstack.smtp import Mailbox
from devstack.temporal import TemporalServer

PARTS = ("temporal", "cluster", "shop", "alertmanager", "prometheus", "smtp", "postgres")
NEEDS: Mapping[str, tuple[str, ...]] = {
    "shop": ("cluster",),
    "prometheus": ("shop", "cluster", "alertmanager"),
}
# Prometheus only has to know the addresses of what it needs; the shop is put into a running cluster.
STARTS_AFTER: Mapping[str, tuple[str, ...]] = {"shop": ("cluster",)}
BINARIES: Mapping[str, tuple[str, ...]] = {
    "temporal": ("temporal-server",),
    "cluster": CLUSTER_BINARIES,
    "alertmanager": ("alertmanager",),
    "prometheus": ("prometheus",),
}


T = TypeVar("T")


class Stack:
    """Starts the parts in parallel and stops them all.

    ``parts`` are names of `PARTS`; what a part needs is added. ``ui`` adds Temporal's web page.
    ``context`` names a context of the user's kubeconfig to be used in place of the embedded cluster.
    Alertmanager posts to ``webhook_url`` with ``webhook_token`` (a random one when None). Reading a
    part that was not asked for raises `LookupError`.
    """

    def __init__(
        self,
        data_dir: Path,
        parts: Collection[str] = PARTS,
        *,
        ui: bool = False,
        webhook_url: str = "http://127.0.0.1:9/",
        webhook_token: str | None = None,
        dynamic: Mapping[str, Any] | None = None,
        synchronous: str = "2",
        ports: Mapping[str, int] | None = None,
        context: str = "",
        report: Report = lambda _: None,
    ) -> None:
        self._dir = data_dir.absolute()
        self.parts = _with_needs(parts)
        self.webhook_token = webhook_token or secrets.token_hex(16)
        self._webhook_url = webhook_url
        self._report = report
        self._context = context
        self._ports = dict(ports or {})
        self._temporal_options: dict[str, Any] = {"dynamic": dynamic, "synchronous": synchronous, "ui": ui}
        self._all: dict[str, Any] = {}
        for name in self.parts:
            self._all[name] = self._make(name)

    @property
    def temporal(self) -> TemporalServer:
        """The Temporal server."""
        return self._part("temporal", TemporalServer)

    @property
    def cluster(self) -> Cluster:
        """The embedded Kubernetes cluster."""
        return self._part("cluster", Cluster)

    @property
    def any_cluster(self) -> Cluster | ExistingCluster:
        """The embedded cluster, or the one that ``context`` named."""
        return self._part("cluster", ExistingCluster) if self._context else self.cluster

    @property
    def shop(self) -> Shop:
        """The demo shop in the cluster."""
        return self._part("shop", Shop)

    @property
    def prometheus(self) -> Prometheus:
        """Prometheus, scraping the shop."""
        return self._part("prometheus", Prometheus)

    @property
    def alertmanager(self) -> Alertmanager:
        """Alertmanager, posting to the webhook."""
        return self._part("alertmanager", Alertmanager)

    @property
    def smtp(self) -> Mailbox:
        """The mail server."""
        return self._part("smtp", Mailbox)

    @property
    def postgres(self) -> Postgres:
        """The PostgreSQL server."""
        return self._part("postgres", Postgres)

    async def start(self) -> None:
        """Get the binaries, then start everything; when one part fails the others are stopped.

        Raises `MissingToolError` or `ProcessFailedError`.
        """
        await asyncio.to_thread(lambda: ensure(self._binaries(), report=self._report))
        starts: dict[str, asyncio.Task[None]] = {}
        for name in self.parts:
            starts[name] = asyncio.create_task(self._start_part(name, [starts[n] for n in STARTS_AFTER.get(name, ())]))
        try:
            await asyncio.gather(*starts.values())
        except BaseException:
            for task in starts.values():
                task.cancel()
            await asyncio.gather(*starts.values(), return_exceptions=True)
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop everything that was started; the data stays."""
        await asyncio.gather(*(part.stop() for part in self._all.values()))

    def urls(self) -> dict[str, str]:
        """Where the started parts can be reached, for people."""
        lines: dict[str, Callable[[], str | None]] = {
            "temporal": lambda: self.temporal.address,
            "temporal web": lambda: self.temporal.ui_url,
            "cluster": lambda: (
                f"{self.any_cluster.url}  (context {self._context})"
                if self._context
                else f"{self.cluster.url}  (KUBECONFIG={self.cluster.kubeconfig}, context {CONTEXT})"
            ),
            "shop": lambda: self.shop.url,
            "prometheus": lambda: self.prometheus.url,
            "alertmanager": lambda: self.alertmanager.url,
            "smtp": lambda: f"{self.smtp.address}  (mail in {self.smtp.directory})",
            "postgres": lambda: self.postgres.url,
        }
        found = {name: line() for name, line in lines.items() if name.split()[0] in self._all}
        return {name: url for name, url in found.items() if url}

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _start_part(self, name: str, needed: list[asyncio.Task[None]]) -> None:
        if needed:
            await asyncio.gather(*needed)
        since = time.monotonic()
        await self._all[name].start()
        self._report(f"{name}: ready after {time.monotonic() - since:.1f} s")

    def _binaries(self) -> list[str]:
        embedded = [part for part in self.parts if not (part == "cluster" and self._context)]
        wanted = [binary for part in embedded for binary in BINARIES.get(part, ())]
        return [*wanted, "temporal-ui-server"] if self._temporal_options["ui"] and "temporal" in self.parts else wanted

    def _part(self, name: str, kind: type[T]) -> T:
        part = self._all.get(name)
        if not isinstance(part, kind):
            raise LookupError(f"this stack was made without {name}; it has {', '.join(self.parts)}")
        return part

    def _make(self, name: str) -> Any:
        folder, port = self._dir / name, self._ports.get(name)
        match name:
            case "temporal":
                names = {"temporal": "frontend", "ui": "ui"}
                ports = {inner: self._ports[outer] for outer, inner in names.items() if outer in self._ports}
                return TemporalServer(folder, ports=ports, **self._temporal_options)
            case "cluster":
                return ExistingCluster(folder, self._context) if self._context else Cluster(folder)
            case "shop":
                release = REAL if self._context else EMBEDDED
                return Shop(folder, self.any_cluster, port=port, release=release)
            case "alertmanager":
                return Alertmanager(folder, webhook_url=self._webhook_url, webhook_token=self.webhook_token, port=port)
            case "prometheus":
                return Prometheus(
                    folder,
                    targets={"shop": self.shop.address},
                    rules=[alert_rules()],
                    alertmanager=self.alertmanager.address,
                    port=port,
                )
            case "smtp":
                return Mailbox(folder, port=port)
            case "postgres":
                return Postgres(folder)
            case _:
                raise LookupError(f"no part is called {name}; there are {', '.join(PARTS)}")


def _with_needs(parts: Collection[str]) -> tuple[str, ...]:
    """The named parts and what they need, in the order of `PARTS`; raises `LookupError` for unknown names."""
    unknown = set(parts) - set(PARTS)
    if unknown:
        raise LookupError(f"no part is called {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    wanted = set(parts).union(*(NEEDS.get(part, ()) for part in parts))
    return tuple(part for part in PARTS if part in wanted)
