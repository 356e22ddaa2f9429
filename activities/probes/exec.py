"""The probe ``exec``: a command that looks, in a ready pod, by its exit code.

The WebSocket protocol is v5.channel.k8s.io: the first byte of each message is its channel, and channel 3
ends with a Status (https://kubernetes.io/docs/reference/using-api/websockets/).
"""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

import aiohttp

from activities.cluster.client import Cluster, Clusters
from activities.cluster.paths import collection
from activities.failures import bounded
from activities.probes.reading import place_of, pods_of
from activities.probes.seen import Seen
from mainstay.domain.catalogue.probes.pods import Exec as Parameters
from mainstay.domain.errors import InvalidArgument, NotAllowed, NotFound, Unavailable
from mainstay.domain.pod_health import ready
from mainstay.domain.text import plain
from mainstay.domain.verdict import Verdict

MAX_OUTPUT = 16 * 1024
_PROTOCOL = "v5.channel.k8s.io"
_OUT, _ERR, _STATUS = 1, 2, 3


class _Ended(NamedTuple):
    code: int
    output: str


class Exec:
    name: ClassVar[str] = "exec"

    def __init__(self, clusters: Clusters) -> None:
        self._clusters = clusters

    async def look(self, parameters: Parameters, at: datetime) -> Seen:  # noqa: ARG002 - now
        """Raises what the cluster raises, and Unavailable for a command that does not end in time.

        Without a ready pod it is INCONCLUSIVE: nobody could be asked.
        """
        _, pods = await pods_of(self._clusters, parameters.target)
        names = sorted(pod["metadata"]["name"] for pod in pods if ready(pod))
        place = place_of(parameters.target)
        if not names:
            facts: dict[str, Any] = {"exit_code": 0, "pod": "", "output": ""}
            return Seen(verdict=Verdict.INCONCLUSIVE, facts=facts, detail=f"{place} has no ready pod to ask")
        seconds = parameters.timeout.total_seconds()
        try:
            async with asyncio.timeout(seconds):
                ended = await _run(self._clusters[place.cluster], names[0], parameters)
        except TimeoutError:
            raise Unavailable(f"{parameters.command[0][:80]} in {names[0]} did not end within {seconds:g} s") from None
        facts = {"exit_code": ended.code, "pod": names[0], "output": bounded(plain(ended.output, 400))}
        said = f"{plain(parameters.command[0], 80)} in {names[0]} ended with {ended.code}"
        said += f": {facts['output']}" if facts["output"] else ""
        held = ended.code in parameters.expect_exit
        return Seen(verdict=Verdict.HELD if held else Verdict.FAILED, facts=facts, detail=said)


async def _run(cluster: Cluster, pod: str, parameters: Parameters) -> _Ended:
    path = f"{collection('Pod', parameters.target.namespace)}/{pod}/exec"
    query = [("command", argument) for argument in parameters.command]
    query += [("stdout", "true"), ("stderr", "true")]
    query += [("container", parameters.container)] if parameters.container else []
    try:
        async with await cluster.websocket(path, query, _PROTOCOL) as socket:
            return await _read(socket)
    except aiohttp.WSServerHandshakeError as refused:
        raise _why(refused.status, parameters.target.namespace) from None


async def _read(socket: aiohttp.ClientWebSocketResponse) -> _Ended:
    output = b""
    async for message in socket:
        data = message.data if isinstance(message.data, bytes) else str(message.data).encode()
        if data[:1] in (bytes([_OUT]), bytes([_ERR])) and len(output) < MAX_OUTPUT:
            output += data[1 : MAX_OUTPUT - len(output) + 1]
        elif data[:1] == bytes([_STATUS]):
            return _Ended(exit_code(data[1:]), output.decode(errors="replace"))
    raise Unavailable("the connection to the pod ended before the command did")


def exit_code(status: bytes) -> int:
    """The command's exit code, by the Status that ends an exec. Raises InvalidArgument.

    A failure that is not the command's own, such as one that is not there, has no exit code."""
    try:
        parsed = json.loads(status)
        if parsed.get("status") == "Success":
            return 0
        causes = (parsed.get("details") or {}).get("causes") or ()
        code = next((c["message"] for c in causes if c.get("reason") == "ExitCode"), None)
        if code is not None:
            return int(code)
        said = plain(str(parsed.get("message", "")), 200)
    except (ValueError, AttributeError, KeyError, TypeError):
        said = ""
    raise InvalidArgument(f"the command could not be run: {said or 'no reason given'}", field="command")


def _why(status: int, namespace: str) -> Exception:
    """The answer's body is not to be had from a refused WebSocket, so the right is named from what was asked."""
    if status == 403:
        return NotAllowed(
            f"403: Mainstay's account may not create pods/exec in namespace {namespace}. "
            "Grant the verbs get and create on pods/exec (deploy/rbac.yaml), then retry the step"
        )
    if status == 404:
        return NotFound("the pod has gone")
    if status in (400, 422):
        return InvalidArgument("the API server refuses the command or the container", field="command")
    return Unavailable(f"the API server answered {status} to the exec")
