"""A few direct calls to a Kubernetes API server, for setting up and watching the embedded cluster."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import yaml

FIELD_MANAGER = "mainstay-devstack"
CALL_SECONDS = 10


class KubeApiError(RuntimeError):
    """The API server refused a request; ``status`` is its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class KubeApi:
    """One connection pool to one API server, as one bearer token's user."""

    def __init__(self, url: str, token: str, ca_file: Path | None) -> None:
        self._url = url
        self._token = token
        self._ca_file = ca_file
        self._session: aiohttp.ClientSession | None = None
        self._resources: dict[tuple[str, str], tuple[str, bool]] = {}

    @classmethod
    def from_kubeconfig(cls, path: Path) -> Self:
        """Read what `Cluster` writes (one user with a token) or `ExistingCluster` (a proxy without one)."""
        config = yaml.safe_load(path.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        authority = cluster.get("certificate-authority")
        return cls(cluster["server"], user.get("token", ""), Path(authority) if authority else None)

    async def get(self, path: str, **query: str) -> Any:
        """GET; returns the parsed object, or text where the answer is not JSON. Raises `KubeApiError`."""
        return await self.request("GET", path, query=query)

    async def request(
        self,
        verb: str,
        path: str,
        *,
        body: Any = None,
        content_type: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> Any:
        """Any request with a JSON body; raises `KubeApiError` on a refusal, aiohttp's errors on no answer."""
        call = self._open().request(
            verb, self._url + path, json=body, params=query, headers={"Content-Type": content_type}
        )
        async with call as answer:
            if answer.status >= 400:
                raise KubeApiError(answer.status, await answer.text())
            return await (answer.json() if "json" in answer.content_type else answer.text())

    async def apply(self, manifest: str | Path) -> list[dict[str, Any]]:
        """Server-side apply of every document in a YAML text or file, in order; returns the objects."""
        text = manifest.read_text() if isinstance(manifest, Path) else manifest
        return [await self._apply_one(document) for document in _documents(text)]

    async def _apply_one(self, document: Mapping[str, Any]) -> dict[str, Any]:
        path = await self._path(document)
        query = {"fieldManager": FIELD_MANAGER, "force": "true"}
        applied: dict[str, Any] = await self.request(
            "PATCH", path, body=document, content_type="application/apply-patch+yaml", query=query
        )
        return applied

    async def _path(self, document: Mapping[str, Any]) -> str:
        version, kind, meta = document["apiVersion"], document["kind"], document["metadata"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        plural, namespaced = await self._resource(root, kind)
        scope = f"/namespaces/{meta.get('namespace', 'default')}" if namespaced else ""
        return f"{root}{scope}/{plural}/{meta['name']}"

    async def _resource(self, root: str, kind: str) -> tuple[str, bool]:
        if (root, kind) not in self._resources:
            for entry in (await self.get(root))["resources"]:
                if "/" not in entry["name"]:
                    self._resources[root, entry["kind"]] = (entry["name"], entry["namespaced"])
        return self._resources[root, kind]

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            authority = str(self._ca_file) if self._ca_file else None
            context = ssl.create_default_context(cafile=authority)
            login = {"Authorization": f"Bearer {self._token}"} if self._token else {}
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=context),
                headers={**login, "Accept": "application/json"},
                timeout=aiohttp.ClientTimeout(total=CALL_SECONDS),
            )
        return self._session

    async def close(self) -> None:
        """Close the connections; a later call opens them anew."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _documents(text: str) -> Iterator[Mapping[str, Any]]:
    for document in yaml.safe_load_all(text):
        if document and document["kind"] == "List":
            yield from document["items"]
        elif document:
            yield document
