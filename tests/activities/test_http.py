"""The HTTP probe, against real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import pytest
import pytest_asyncio

from activities.probes.http import Http
from activities.probes.seen import Seen
from mainstay.domain.catalogue.probes import Http as Parameters
from mainstay.domain.errors import InvalidArgument, NotAllowed
from mainstay.domain.verdict import Verdict
from tests.activities.samples import NOW
from tests.activities.web_servers import dropping, fixed, never, nobody, serving


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient() as opened:
        yield opened


async def look(client: httpx2.AsyncClient, url: str, *allowed: str, **more: object) -> Seen:
    probe = Http(client, lambda: allowed or ("127.0.0.1",))
    return await probe.look(Parameters.model_validate({"url": url, **more}), NOW)


@pytest.mark.parametrize(
    ("status", "more", "verdict", "said"),
    [
        (200, {}, Verdict.HELD, "answered 200 in"),
        (500, {}, Verdict.FAILED, "answered 500, wanted 200"),
        (500, {"expect_status": [500]}, Verdict.HELD, "answered 500"),
        (302, {}, Verdict.FAILED, "redirects are not followed"),
        (200, {"latency_seconds": "< 5"}, Verdict.HELD, "answered 200"),
        (200, {"latency_seconds": "< 0.0000001"}, Verdict.FAILED, "wanted < 1e-07 s"),
    ],
)
async def test_status_and_latency_are_judged(
    client: httpx2.AsyncClient, status: int, more: dict[str, object], verdict: Verdict, said: str
) -> None:
    async with serving(fixed(status, "x", Location="http://elsewhere.example.org/")) as url:
        seen = await look(client, f"{url}/health", **more)
    assert seen.verdict is verdict
    assert said in seen.detail
    assert seen.facts["reached"] is True
    assert seen.facts["status"] == status


async def test_an_endpoint_that_does_not_answer_has_failed(client: httpx2.AsyncClient) -> None:
    for server in (serving(never), dropping(), nobody()):
        async with server as url:
            seen = await look(client, url, timeout="300ms")
        assert seen.verdict is Verdict.FAILED
        assert seen.facts == {"reached": False, "status": 0, "latency_seconds": 0.0}


@pytest.mark.parametrize(
    ("url", "allowed", "fine"),
    [
        ("http://127.0.0.1:{port}/", "127.0.0.1", True),
        ("http://127.0.0.1:{port}/", "127.0.0.1:{port}", True),
        ("http://127.0.0.1:{port}/", "127.0.0.1:1", False),
        ("http://localhost:{port}/", "LOCALHOST", True),
        ("http://LocalHost:{port}/", "localhost", True),
        ("http://127.0.0.1.example.com/", "127.0.0.1", False),
        ("http://example.com/", "*.example.com", False),
        ("http://badexample.com/", "*.example.com", False),
        ("http://169.254.169.254/latest/meta-data", "example.com", False),
    ],
)
async def test_only_allowed_hosts_are_asked(client: httpx2.AsyncClient, url: str, allowed: str, fine: bool) -> None:
    async with serving(fixed(200)) as base:
        port = base.rpartition(":")[2]
        asked, names = url.format(port=port), allowed.format(port=port)
        if fine:
            assert (await look(client, asked, names)).verdict is Verdict.HELD
        else:
            with pytest.raises(NotAllowed, match="allows to be probed"):
                await look(client, asked, names)


@pytest.mark.parametrize("url", ["http://", "http://user:pass@127.0.0.1/"])
async def test_an_address_that_is_none_is_refused(client: httpx2.AsyncClient, url: str) -> None:
    with pytest.raises(InvalidArgument):
        await look(client, url)
