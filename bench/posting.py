"""HTTP as small as it gets: what the client spends is not what the product is measured by."""

from __future__ import annotations

import asyncio
import json
from types import TracebackType
from typing import Any, Self


class HttpError(RuntimeError):
    """An answer other than 2xx."""


class Connection:
    """One kept-alive connection that posts JSON, one request at a time."""

    def __init__(self, address: str, path: str, token: str) -> None:
        host, _, port = address.rpartition(":")
        self._host, self._port = host, int(port)
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, body: bytes) -> bytes:
        """The answer's body. Raises HttpError when it is not 2xx."""
        status, content = await self._exchange(body)
        if not status:  # the server closes a connection that was idle for long
            await self.close()
            status, content = await self._exchange(body)
        if not status.partition(b" ")[2].startswith(b"2"):
            raise HttpError(f"{status.decode().strip()}: {content[:300].decode(errors='replace')}")
        return content

    async def _exchange(self, body: bytes) -> tuple[bytes, bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        writer.write(self._head + str(len(body)).encode() + b"\r\n\r\n" + body)
        try:
            await writer.drain()
            return await read_message(reader)
        except ConnectionError:
            return b"", b""

    async def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def read_message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """First line and body of a request or an answer with a Content-Length; empty at the end of the stream."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b"", b""
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return head.split(b"\r\n", 1)[0], await reader.readexactly(length)


def webhook(*alerts: dict[str, Any]) -> bytes:
    """A body as Alertmanager sends it (payload version 4)."""
    shared = {"version": "4", "receiver": "mainstay", "status": "firing", "groupKey": "{}:{}"}
    empty: dict[str, Any] = {"groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}}
    return json.dumps({**shared, **empty, "alerts": list(alerts)}, separators=(",", ":")).encode()


def alert(service: str, group: str, *, instance: str = "", fingerprint: str = "") -> dict[str, Any]:
    """A usual alert: seven labels, three annotations, about 700 bytes. ``group`` decides its incident."""
    return {
        "status": "firing",
        "labels": {
            "alertname": "BenchErrorRateHigh",
            "service": service,
            "group": group,
            "severity": "critical",
            "cluster": "eu-1",
            "namespace": "shop",
            "instance": instance or "10.0.0.1:8080",
        },
        "annotations": {
            "summary": f"Error rate of {service} is high ({group})",
            "description": "The share of failed requests has been above 5% for one minute.",
            "error_rate": "0.3",
        },
        "startsAt": "2026-03-02T03:00:00.000Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.shop.example/graph?g0.expr=rate",
        "fingerprint": fingerprint or group,
    }
