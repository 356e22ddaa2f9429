"""The Matrix client-server API (https://spec.matrix.org/latest/client-server-api), as far as Mainstay needs it."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx2

_CODE = re.compile(r"M_[A-Z_]{1,60}")
_MOST_ANSWER = 8 * 1024 * 1024
_MOST_WAIT = timedelta(minutes=1)
_MEANS = {
    "M_UNKNOWN_TOKEN": "the access token is not valid",
    "M_MISSING_TOKEN": "the access token is missing",
    "M_FORBIDDEN": "Mainstay's user may not do this here",
    "M_USER_DEACTIVATED": "Mainstay's user is deactivated",
}


class MatrixError(Exception):
    """The homeserver's no for good; ``code`` is its word for it, such as ``M_FORBIDDEN``."""

    def __init__(self, name: str, code: str) -> None:
        self.code = code
        meaning = f" ({_MEANS[code]})" if code in _MEANS else ""
        super().__init__(f"Matrix channel {name} refused: {code}{meaning}")


class MatrixLater(Exception):  # noqa: N818 - an answer, not a fault
    """Not now: rate limits (with the wait asked for), faults, silence."""

    def __init__(self, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after


class Matrix:
    """Calls as one user. Neither answers nor errors ever hold the token."""

    def __init__(self, name: str, homeserver: str, user: str, token: str, client: httpx2.AsyncClient) -> None:
        """``name``: what mainstay.yaml calls the channel; ``user``: Mainstay's own, ``@mainstay:example.org``."""
        self.name = name
        self.user = user
        self._base = homeserver.rstrip("/") + "/_matrix/client/v3"
        self._token = token
        self._client = client

    async def get(self, *path: str, query: dict[str, str] | None = None, within: float = 10.0) -> dict[str, Any]:
        """``within``: seconds for the answer. Raises MatrixError and MatrixLater."""
        return await self._call("GET", path, None, within, query)

    async def put(self, *path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Raises MatrixError and MatrixLater."""
        return await self._call("PUT", path, body)

    async def post(self, *path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Raises MatrixError and MatrixLater."""
        return await self._call("POST", path, body)

    async def send(self, room: str, transaction: str, content: dict[str, Any]) -> str:
        """Post a message; its event id. The same ``transaction`` again is the same message (it is not doubled)."""
        answer = await self.put("rooms", room, "send", "m.room.message", transaction, body=content)
        return str(answer.get("event_id", ""))

    async def event(self, room: str, event: str) -> dict[str, Any]:
        """One event, as it was sent; empty where it cannot be seen. Raises MatrixLater."""
        try:
            return await self.get("rooms", room, "event", event)
        except MatrixError:
            return {}

    async def account_data(self, kind: str) -> dict[str, Any]:
        """What this user keeps at the homeserver under ``kind``; empty: nothing yet."""
        try:
            return await self.get("user", self.user, "account_data", kind)
        except MatrixError as no:
            if no.code != "M_NOT_FOUND":
                raise
            return {}

    async def keep(self, kind: str, data: dict[str, Any]) -> None:
        await self.put("user", self.user, "account_data", kind, body=data)

    async def _call(
        self,
        method: str,
        path: tuple[str, ...],
        body: dict[str, Any] | None,
        within: float = 10.0,
        query: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        url = "/".join([self._base, *(quote(part, safe="") for part in path)])
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        content = json.dumps(body, ensure_ascii=False).encode() if body is not None else None
        # Nothing of the cause is kept: it may name an address, and causes end up in workflow histories
        try:
            response = await self._client.request(
                method, url, params=query, content=content, headers=headers, follow_redirects=False, timeout=within
            )
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol):
            raise MatrixError(self.name, "M_NO_WEB_ADDRESS") from None
        except (httpx2.HTTPError, OSError) as error:
            raise MatrixLater(f"Matrix channel {self.name} broke off: {type(error).__name__}") from None
        return self._read(response)

    def _read(self, response: httpx2.Response) -> dict[str, Any]:
        try:
            answer = json.loads(response.content[:_MOST_ANSWER])
        except (ValueError, RecursionError):
            answer = None
        found = answer if isinstance(answer, dict) else {}
        if 200 <= response.status_code < 300 and isinstance(answer, dict):
            return found
        code = found.get("errcode")
        code = code if isinstance(code, str) and _CODE.fullmatch(code) else f"M_HTTP_{response.status_code}"
        if code == "M_LIMIT_EXCEEDED" or response.status_code == 429 or response.status_code >= 500:
            raise MatrixLater(f"Matrix channel {self.name} answered {code}", _asked(found, response))
        raise MatrixError(self.name, code)


def _asked(answer: dict[str, Any], response: httpx2.Response) -> timedelta | None:
    """``retry_after_ms``, or the header that has taken its place; at most a minute."""
    given = answer.get("retry_after_ms")
    if isinstance(given, int | float) and given >= 0:
        return min(timedelta(milliseconds=given), _MOST_WAIT)
    header = response.headers.get("Retry-After", "")
    return min(timedelta(seconds=int(header)), _MOST_WAIT) if header.isdigit() and len(header) < 6 else None
