"""The probe ``http``: does an endpoint answer as expected and in time?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

import httpx2

from activities.probes.hosts_allowed import require_allowed
from activities.probes.seen import Seen
from mainstay.domain.catalogue import probes as catalogue
from mainstay.domain.errors import InvalidArgument
from mainstay.domain.verdict import Sample, Verdict, judge


class Http:
    """Asks with GET, sends no credentials, follows no redirect and reads no body."""

    name: ClassVar[str] = "http"

    def __init__(self, client: httpx2.AsyncClient, allowed: Callable[[], tuple[str, ...]]) -> None:
        """``allowed`` answers the hosts that mainstay.yaml allows now: HOST, HOST:PORT or *.DOMAIN."""
        self._client = client
        self._allowed = allowed

    async def look(self, parameters: catalogue.Http, at: datetime) -> Seen:  # noqa: ARG002 - now
        """An endpoint that does not answer has failed; that is what is looked for, so nothing is raised.

        Raises NotAllowed for a host that is not allowed and InvalidArgument for an address that is none.
        """
        url = _url(parameters.url)
        port = url.port or (443 if url.scheme == "https" else 80)
        require_allowed(url.host, port, self._allowed(), "url")
        begun = time.monotonic()
        seconds = parameters.timeout.total_seconds()
        try:
            async with asyncio.timeout(seconds):
                request = self._client.stream("GET", url, follow_redirects=False, timeout=seconds)
                async with request as response:
                    return _judged(parameters, url, response.status_code, time.monotonic() - begun)
        except (TimeoutError, httpx2.TimeoutException):
            return _silent(url, f"did not answer within {seconds:g} s")
        except (httpx2.HTTPError, OSError) as error:
            return _silent(url, f"does not answer: {type(error).__name__}")


def _url(text: str) -> httpx2.URL:
    try:
        url = httpx2.URL(text)
    except httpx2.InvalidURL:
        raise InvalidArgument("the address is not a web address", field="url") from None
    if url.scheme not in ("http", "https") or not url.host or url.userinfo:
        raise InvalidArgument("the address must be http(s)://HOST…, without a user in it", field="url")
    return url


def _judged(parameters: catalogue.Http, url: httpx2.URL, status: int, seconds: float) -> Seen:
    wanted = ", ".join(map(str, parameters.expect_status))
    faults = []
    if status not in parameters.expect_status:
        aside = " (redirects are not followed)" if 300 <= status < 400 else ""
        faults.append(f"answered {status}{aside}, wanted {wanted}")
    limit = parameters.latency_seconds
    if limit and judge((Sample(value=seconds),), limit) is not Verdict.HELD:
        faults.append(f"took {seconds:.3f} s, wanted {limit.op} {limit.value:g} s")
    return Seen(
        verdict=Verdict.FAILED if faults else Verdict.HELD,
        facts={"reached": True, "status": status, "latency_seconds": round(seconds, 6)},
        detail=f"{url.host} " + ("; ".join(faults) or f"answered {status} in {seconds:.3f} s"),
    )


def _silent(url: httpx2.URL, why: str) -> Seen:
    return Seen(
        verdict=Verdict.FAILED,
        facts={"reached": False, "status": 0, "latency_seconds": 0.0},
        detail=f"{url.host} {why}",
    )
