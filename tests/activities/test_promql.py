"""Instant queries, against servers that answer as Prometheus does and as nothing should."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from activities.probes.prometheus import Prometheus
from activities.probes.promql import query
from activities.probes.seen import Seen
from mainstay.config.parts import Prometheus as Address
from mainstay.domain.catalogue.probes import Prometheus as Parameters
from mainstay.domain.errors import InvalidArgument, NotAllowed, NotFound, Refusal, Unavailable
from mainstay.domain.verdict import Verdict
from tests.activities.samples import NOW
from tests.activities.web_servers import dropping, fixed, never, nobody, serving


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient() as opened:
        yield opened


def vector(*values: str, warnings: tuple[str, ...] = ()) -> str:
    series = [{"metric": {"pod": f"p{n}"}, "value": [1, value]} for n, value in enumerate(values)]
    return success({"resultType": "vector", "result": series}, warnings)


def success(data: Any, warnings: tuple[str, ...] = ()) -> str:
    return json.dumps({"status": "success", "data": data, "warnings": warnings})


async def seen(client: httpx2.AsyncClient, body: str, criterion: str = "< 0.05") -> Seen:
    async with serving(fixed(200, body)) as url:
        probe = Prometheus(client, lambda: {"default": Address(url=url)})
        return await probe.look(Parameters(query="x", criterion=criterion), NOW)


@pytest.mark.parametrize(
    ("body", "verdict", "detail"),
    [
        (vector("0.01"), Verdict.HELD, "0.01 (pod=p0), as wanted < 0.05"),
        (vector("0.01", "0.2"), Verdict.FAILED, "0.01 (pod=p0), 0.2 (pod=p1), wanted < 0.05"),
        (vector(), Verdict.INCONCLUSIVE, "no samples at all"),
        (vector("NaN"), Verdict.INCONCLUSIVE, "no data (pod=p0): too little data"),
        (vector("0.01", "NaN"), Verdict.INCONCLUSIVE, "too little data"),
        (vector("0.2", "NaN"), Verdict.FAILED, "wanted < 0.05"),
        (vector("+Inf"), Verdict.FAILED, "inf (pod=p0)"),
        (vector("abc"), Verdict.INCONCLUSIVE, "too little data"),
        (success({"resultType": "scalar", "result": [1, "0.03"]}), Verdict.HELD, "0.03, as wanted"),
        (vector("0.01", warnings=("store gone",)), Verdict.INCONCLUSIVE, "may be missing: store gone"),
        (vector("0.9", warnings=("store gone",)), Verdict.FAILED, "wanted < 0.05"),
    ],
)
async def test_answers_are_judged_and_no_data_is_no_success(
    client: httpx2.AsyncClient, body: str, verdict: Verdict, detail: str
) -> None:
    answer = await seen(client, body)
    assert answer.verdict is verdict
    assert detail in answer.detail
    assert set(answer.facts) == {"value", "values", "samples"}
    json.dumps(answer.facts, allow_nan=False)


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (400, '{"error": "1:3: parse error: unexpected end"}', InvalidArgument, "1:3: parse error"),
        (422, '{"error": "many-to-many"}', InvalidArgument, "many-to-many"),
        (401, "", NotAllowed, "answered 401"),
        (403, "", NotAllowed, "answered 403"),
        (404, "<html>", NotFound, "is this the address of a Prometheus"),
        (302, "", NotFound, "is this the address of a Prometheus"),
        (429, "", Unavailable, "answered 429"),
        (500, "oops", Unavailable, "oops"),
        (503, '{"error": "query timed out"}', Unavailable, "query timed out"),
        (200, "<html>welcome</html>", Unavailable, "does not speak its API"),
        (200, '{"status": "success"}', Unavailable, "does not speak its API"),
        (200, success({"resultType": "matrix", "result": []}), InvalidArgument, "rate()"),
        (200, success({"resultType": "string", "result": [1, "x"]}), InvalidArgument, "a string"),
        (
            200,
            success({"resultType": "vector", "result": [{"metric": {}, "histogram": [1, {}]}]}),
            InvalidArgument,
            "histogram_quantile",
        ),
        (200, vector(*["1"] * 1001), InvalidArgument, "more than 1000 series"),
    ],
)
async def test_a_bad_answer_has_a_name(
    client: httpx2.AsyncClient, status: int, body: str, kind: type[Refusal], said: str
) -> None:
    async with serving(fixed(status, body)) as url:
        with pytest.raises(kind, match=said.replace("(", r"\(").replace(")", r"\)")):
            await query(client, url, "x", timedelta(seconds=5))


async def test_silence_is_unavailable(client: httpx2.AsyncClient) -> None:
    within = timedelta(seconds=0.6)
    for server in (serving(never), dropping(), nobody()):
        async with server as url:
            with pytest.raises(Unavailable):
                await query(client, url, "x", within)


async def test_a_server_that_is_not_configured_is_named(client: httpx2.AsyncClient) -> None:
    probe = Prometheus(client, lambda: dict.fromkeys(("eu", "us"), Address(url="http://127.0.0.1:1")))
    with pytest.raises(NotFound, match=r"no Prometheus named 'default'.*there: eu, us"):
        await probe.look(Parameters(query="x", criterion="< 1"), NOW)


async def test_a_real_prometheus_is_understood(client: httpx2.AsyncClient, tmp_path: Path) -> None:
    """Scalar, vector, nothing, NaN and a wrong query, as the real server answers them."""
    binaries = pytest.importorskip("devstack.binaries")
    cache = Path("~/.cache/mainstay/bin").expanduser()
    if not (shutil.which("prometheus") or any(cache.glob("prometheus-*"))):
        pytest.skip("no prometheus binary here yet")
    assert binaries
    from devstack.prometheus import Prometheus as Server

    async with Server(tmp_path, targets={}) as server:
        probe = Prometheus(client, lambda: {"default": Address(url=server.url)})

        async def judged(expression: str, criterion: str) -> Verdict:
            parameters = Parameters.model_validate({"query": expression, "criterion": criterion})
            return (await probe.look(parameters, NOW)).verdict

        assert await judged("scalar(vector(0.003))", "<= 0.002") is Verdict.FAILED
        assert await judged("vector(0.002)", "<= 0.002") is Verdict.HELD
        assert await judged("no_such_metric", "<= 0.002") is Verdict.INCONCLUSIVE
        assert await judged("vector(0) / vector(0)", "<= 0.002") is Verdict.INCONCLUSIVE
        with pytest.raises(InvalidArgument, match="parse error"):
            await judged("sum(", "< 1")
        with pytest.raises(InvalidArgument, match="matrix"):
            await judged("vector(1)[5m:1m]", "< 1")
