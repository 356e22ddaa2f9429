"""Talking to Kubernetes: raw JSON in and out, one connection pool per cluster, one way to change anything.

Everything that changes a cluster goes through ``Mutations``. The kill switch is asked there, and
once more by the connection pool at the moment a connection is ready to carry the request: a slow TLS
handshake or a token renewal in between cannot stretch the two seconds. The pool refuses every changing
request that did not come through there.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any, Literal, Self

import aiohttp
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.client.exceptions import ApiException, UnauthorizedException
from kubernetes.aio.config import load_incluster_config, load_kube_config
from opentelemetry import trace

from activities import failpoints
from activities.cluster.halt import HaltGuard
from activities.cluster.paths import Place
from mainstay.domain.errors import InvalidArgument, Unavailable
from mainstay.domain.revision import CHANGE, FENCE, RUN, STEP, Raw

READ_TIMEOUT = timedelta(seconds=5)
WRITE_TIMEOUT = timedelta(seconds=10)
"""The longest a write may be under way; a lease that is handed on waits this long (architecture 6.4)."""
FIELD_MANAGER = "mainstay"
_CONTENT_TYPES = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}
_READING = ("GET", "HEAD", "OPTIONS")
_ACCESS_REVIEWS = "/apis/authorization.k8s.io/"
_tracer = trace.get_tracer("mainstay.cluster")

Style = Literal["json", "merge", "strategic"]
Body = dict[str, Any] | list[dict[str, Any]]


@dataclass(frozen=True)
class Mark:
    """Who writes: left on the object as annotations of its own metadata, which start no rollout.

    ``change`` names the pinned change and its direction, so that a second attempt can tell that the first
    one went through even where somebody has changed the object back since.
    """

    run_id: str
    step: str
    fence: int = 0
    change: str = ""
    undo: bool = False

    @property
    def annotations(self) -> dict[str, str]:
        return {
            RUN: self.run_id,
            STEP: self.step,
            FENCE: str(self.fence),
            CHANGE: self.change,
        }

    @property
    def manager(self) -> str:
        """The field manager: one per fencing number, as the lease hands them out."""
        return f"{FIELD_MANAGER}-{self.fence}" if self.fence else FIELD_MANAGER

    @property
    def user_agent(self) -> str:
        """What the API server's audit log shows."""
        return _header(f"mainstay (run {self.run_id}; step {self.step}; fence {self.fence})")


@dataclass(frozen=True)
class _Permit:
    undo: bool
    dry_run: bool


_permit: ContextVar[_Permit | None] = ContextVar("mainstay_permit", default=None)


class Cluster:
    """One cluster: reads of raw objects. ``halt`` is asked again by the pool for every changing request."""

    def __init__(self, name: str, kubeconfig: str, context: str, halt: HaltGuard) -> None:
        self.name = name
        self._kubeconfig = kubeconfig
        self._context = context
        self._halt = halt
        self._api: ApiClient | None = None
        self._opening = asyncio.Lock()

    async def read(self, place: Place) -> dict[str, Any]:
        """The object as the API server has it. Raises ApiException, aiohttp's errors and TimeoutError."""
        return await self.send("GET", place.path)

    async def find(self, place: Place) -> dict[str, Any] | None:
        """The object, None where there is none. Raises as ``read``."""
        try:
            return await self.read(place)
        except ApiException as refused:
            if refused.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    async def list(self, path: str, selector: str = "", fields: str = "") -> list[dict[str, Any]]:
        """All objects of a collection, by label selector and field selector."""
        query = [("labelSelector", selector)] if selector else []
        query += [("fieldSelector", fields)] if fields else []
        items = (await self.send("GET", path, query)).get("items") or []
        return list(items)

    async def send(
        self,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]] = (),
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: timedelta = READ_TIMEOUT,
    ) -> dict[str, Any]:
        """One request. A refused token is renewed once: nothing was done with it."""
        with _tracer.start_as_current_span(f"kubernetes {method}", attributes={"url.path": path}):
            api = await self._client()
            try:
                return await _send(api, method, path, query, body, headers, timeout)
            except UnauthorizedException:
                await self._forget(api)
            return await _send(await self._client(), method, path, query, body, headers, timeout)

    async def text(self, path: str, query: Sequence[tuple[str, str]], timeout: timedelta = READ_TIMEOUT) -> str:
        """What is text instead of JSON, such as a log. The query must bound it."""
        with _tracer.start_as_current_span("kubernetes GET", attributes={"url.path": path}):
            return await _call(await self._client(), "GET", path, query, None, None, timeout)

    async def websocket(
        self, path: str, query: Sequence[tuple[str, str]], protocol: str
    ) -> AbstractAsyncContextManager[aiohttp.ClientWebSocketResponse]:
        """A WebSocket to a subresource, by this cluster's account. Raises aiohttp's errors when entered."""
        api = await self._client()
        _, url, headers, _, _ = await api.param_serialize(
            "GET", path, query_params=list(query), auth_settings=["BearerToken"]
        )
        rest = api.rest_client
        if rest.pool_manager is None:
            rest.pool_manager = rest._create_pool_manager()
        session: aiohttp.ClientSession = rest.pool_manager
        return session.ws_connect(url.replace("http", "ws", 1), headers=headers, protocols=(protocol,))

    async def close(self) -> None:
        """Close the connections; a later request opens them anew."""
        if self._api is not None:
            await self._forget(self._api)

    async def _client(self) -> ApiClient:
        async with self._opening:
            if self._api is None:
                configuration = await _configuration(self.name, self._kubeconfig, self._context)
                configuration.trace_configs = [_last_gate(self._halt)]
                self._api = ApiClient(configuration=configuration)
            return self._api

    async def _forget(self, api: ApiClient) -> None:
        if self._api is api:
            self._api = None
        await api.close()  # type: ignore[no-untyped-call]  # the library's is not annotated


class Clusters:
    """The worker's clusters. ``kubeconfigs``: name → (path, context); an empty path: in-cluster."""

    def __init__(self, kubeconfigs: Mapping[str, tuple[str, str]], halt: HaltGuard) -> None:
        self._clusters = {name: Cluster(name, path, context, halt) for name, (path, context) in kubeconfigs.items()}

    def __getitem__(self, name: str) -> Cluster:
        if name not in self._clusters:
            known = ", ".join(sorted(self._clusters)) or "none"
            raise InvalidArgument(f"this worker knows no cluster {name!r}; it knows {known}", field="cluster")
        return self._clusters[name]

    async def close(self) -> None:
        for cluster in self._clusters.values():
            await cluster.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class Mutations:
    """The one way to change anything in a cluster."""

    def __init__(self, clusters: Clusters, halt: HaltGuard) -> None:
        self._clusters = clusters
        self._halt = halt

    async def patch(self, place: Place, body: Body, style: Style, mark: Mark) -> dict[str, Any]:
        """Change an object for good; returns it as changed. Raises Halted, Unavailable, ApiException, …

        Once the request may have left, a cancellation waits for its answer.
        """
        return await self._for_good(self._send(place, marked(body, mark.annotations), style, mark, dry_run=False), mark)

    async def create(self, place: Place, body: dict[str, Any], mark: Mark, *, dry_run: bool = False) -> Raw:
        """Create the object at ``place``; a rehearsal stores nothing. Raises as ``patch``."""
        sending = self._request("POST", place, place.siblings, marked(body, mark.annotations), mark, dry_run=dry_run)
        return await (sending if dry_run else self._for_good(sending, mark))

    async def delete(self, place: Place, uid: str, mark: Mark, grace_seconds: int | None = None) -> Raw:
        """Delete this very object: another one of its name answers 409. Raises as ``patch``."""
        grace = {} if grace_seconds is None else {"gracePeriodSeconds": grace_seconds}
        options = {"preconditions": {"uid": uid}, "propagationPolicy": "Background", **grace}
        return await self._for_good(self._request("DELETE", place, place.path, options, mark), mark)

    async def evict(self, place: Place, uid: str, mark: Mark, grace_seconds: int | None = None) -> Raw:
        """Ask for the eviction of this very pod: disruption budgets are kept, 429 says not now."""
        grace = {} if grace_seconds is None else {"gracePeriodSeconds": grace_seconds}
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": place.name, "namespace": place.namespace},
            "deleteOptions": {"preconditions": {"uid": uid}, **grace},
        }
        return await self._for_good(self._request("POST", place, f"{place.path}/eviction", body, mark), mark)

    async def _for_good(self, sending: Coroutine[Any, Any, dict[str, Any]], mark: Mark) -> dict[str, Any]:
        """The one gate: the kill switch is asked, then the request leaves and its answer is waited for."""
        try:
            await self._halt.refresh()
            self._halt.check(undo=mark.undo)
            await failpoints.reach("apply.before_call")
        except BaseException:
            sending.close()
            raise
        answer = await _uninterrupted(sending)
        await failpoints.reach("apply.after_call")
        return answer

    async def rehearse(self, place: Place, body: Body, style: Style, mark: Mark) -> dict[str, Any]:
        """The server-side dry run: admission and rights as in the real call, and nothing is stored."""
        return await self._send(place, body, style, mark, dry_run=True)

    async def _send(self, place: Place, body: Body, style: Style, mark: Mark, *, dry_run: bool) -> dict[str, Any]:
        content = _CONTENT_TYPES[style]
        return await self._request("PATCH", place, place.path, body, mark, dry_run=dry_run, content=content)

    async def _request(
        self,
        method: str,
        place: Place,
        path: str,
        body: Body,
        mark: Mark,
        *,
        dry_run: bool = False,
        content: str = "application/json",
    ) -> dict[str, Any]:
        query = [("fieldManager", mark.manager), ("fieldValidation", "Strict")]
        query += [("dryRun", "All")] if dry_run else []
        headers = {"Content-Type": content, "User-Agent": mark.user_agent}
        token = _permit.set(_Permit(mark.undo, dry_run))
        try:
            return await self._clusters[place.cluster].send(method, path, query, body, headers, WRITE_TIMEOUT)
        finally:
            _permit.reset(token)


def marked(body: Body, annotations: Mapping[str, str]) -> Body:
    """The patch with the annotations added to the object's own metadata.

    A JSON patch must already replace ``/metadata/annotations`` as a whole.
    """
    if isinstance(body, dict):
        metadata = body.get("metadata") or {}
        return {
            **body,
            "metadata": {**metadata, "annotations": {**(metadata.get("annotations") or {}), **annotations}},
        }
    return [
        {**operation, "value": {**operation["value"], **annotations}}
        if operation["path"] == "/metadata/annotations"
        else operation
        for operation in body
    ]


def bears(live: Raw, mark: Mark) -> bool:
    """Whether the object bears this very mark: the write went through."""
    annotations = live["metadata"].get("annotations") or {}
    return bool(mark.change) and annotations.get(CHANGE) == mark.change and (annotations.get(RUN) == mark.run_id)


async def _configuration(name: str, kubeconfig: str, context: str) -> Configuration:
    # Configuration() would hand out a copy of a process-wide default.
    configuration: Configuration = type.__call__(Configuration)
    try:
        if kubeconfig:
            await load_kube_config(  # type: ignore[no-untyped-call]  # ditto
                config_file=kubeconfig,
                context=context or None,
                client_configuration=configuration,
                persist_config=False,
            )
        else:
            load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]  # ditto
    except Exception as fault:
        raise Unavailable(f"no access to cluster {name}: {fault}") from fault
    configuration.retries = None
    return configuration


async def _send(
    api: ApiClient,
    method: str,
    path: str,
    query: Sequence[tuple[str, str]],
    body: Body | None,
    headers: Mapping[str, str] | None,
    timeout: timedelta,
) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(await _call(api, method, path, query, body, headers, timeout))
    return parsed


async def _call(
    api: ApiClient,
    method: str,
    path: str,
    query: Sequence[tuple[str, str]],
    body: Body | None,
    headers: Mapping[str, str] | None,
    timeout: timedelta,
) -> str:
    method, url, sent_headers, sent_body, _ = await api.param_serialize(
        method,
        path,
        query_params=list(query),
        header_params={"Accept": "application/json"},
        body=body,
        auth_settings=["BearerToken"],
    )
    limits = aiohttp.ClientTimeout(total=timeout.total_seconds())
    answer = await api.call_api(
        method, url, {**sent_headers, **(headers or {})}, body=sent_body, _request_timeout=limits
    )
    text = str((await answer.response.read()).decode(errors="replace"))
    if not 200 <= answer.status <= 299:
        raise ApiException.from_response(http_resp=answer, body=text, data=None)
    return text


def _last_gate(halt: HaltGuard) -> aiohttp.TraceConfig:
    """Judges each request when its connection is ready, right before the first byte."""

    async def started(
        _: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceRequestStartParams
    ) -> None:
        context.changes = params.method not in _READING and not params.url.path.startswith(_ACCESS_REVIEWS)
        context.dry_run = params.url.query.get("dryRun") == "All"

    async def ready(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
        if not context.changes:
            return
        permit = _permit.get()
        if permit is None or permit.dry_run != context.dry_run:
            raise RuntimeError("changes of a cluster go through Mutations.patch, create, delete or evict")
        if not permit.dry_run:
            halt.check(undo=permit.undo)

    gate = aiohttp.TraceConfig()
    gate.on_request_start.append(started)
    gate.on_connection_create_end.append(ready)
    gate.on_connection_reuseconn.append(ready)
    return gate


async def _uninterrupted(call: Any) -> dict[str, Any]:
    """Wait for the call even if cancelled: whether a write happened must be known before giving up."""
    task: asyncio.Task[dict[str, Any]] = asyncio.ensure_future(call)
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise
    return task.result()


def _header(text: str) -> str:
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text)[:512]
