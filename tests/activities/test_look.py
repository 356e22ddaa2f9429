"""Looks and verifications as activities, with the real probes and servers behind them."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from aiohttp import web
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.probes.condition import Condition
from activities.probes.http import Http
from activities.probes.look import Probes
from activities.probes.prometheus import Prometheus
from activities.probes.watch import Progress
from mainstay.config.parts import Prometheus as Server
from mainstay.domain.verdict import Verdict
from mainstay.domain.work import Look, LookRequest, VerifyRequest
from tests.activities.samples import NOW
from tests.activities.web_servers import fixed, never, nobody, serving

QUERY = {"query": "rate({{ inputs.metric }}[1m])", "criterion": "<= 0.002"}


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient() as opened:
        yield opened


class Figures:
    """A Prometheus whose figure follows a script, the last one for ever. None is no data, 503 an outage."""

    def __init__(self, *script: float | None) -> None:
        self._script: Iterator[float | None] = iter(script)
        self._last: float | None = None
        self.asked: list[str] = []

    async def __call__(self, request: web.Request) -> web.Response:
        self.asked.append(str((await request.post())["query"]))
        self._last = next(self._script, self._last)
        if self._last == 503:
            return web.Response(status=503)
        result = [] if self._last is None else [{"metric": {}, "value": [1, str(self._last)]}]
        body = {"status": "success", "data": {"resultType": "vector", "result": result}}
        return web.Response(text=json.dumps(body))


@asynccontextmanager
async def probing(client: httpx2.AsyncClient, *script: float | None) -> AsyncIterator[tuple[Probes, Figures]]:
    figures = Figures(*script)
    async with serving(figures) as url:
        yield probes(client, url), figures


def probes(client: httpx2.AsyncClient, url: str) -> Probes:
    return Probes(
        Prometheus(client, lambda: {"default": Server(url=url)}),
        Http(client, lambda: ("127.0.0.1",)),
        Condition(),
    )


def asking(parameters: dict[str, Any] | None = None, probe: str = "prometheus", **more: Any) -> LookRequest:
    values = {"inputs": {"metric": "errors_total"}, "facts": {"seen": {"value": 3}}}
    return LookRequest(
        probe=probe, parameters=QUERY if parameters is None else parameters, values=values, at=NOW, **more
    )


async def looked(subject: Probes, request: LookRequest, **info: Any) -> Look:
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(environment.info, **{"schedule_to_close_timeout": None, **info})
    answer = await environment.run(subject.look, request)
    assert isinstance(answer, Look)
    return answer


async def verified(subject: Probes, request: VerifyRequest) -> Look:
    answer = await ActivityEnvironment().run(subject.verify, request)
    assert isinstance(answer, Look)
    return answer


def verifying(*looks: LookRequest, **more: Any) -> VerifyRequest:
    chosen: dict[str, Any] = {"within": timedelta(seconds=0.4), "every": timedelta(seconds=0.05), **more}
    return VerifyRequest(looks=looks or (asking(),), **chosen)


async def test_parameters_are_rendered_and_the_verdict_is_the_branch(client: httpx2.AsyncClient) -> None:
    async with probing(client, 0.001) as (subject, figures):
        answer = await looked(subject, asking())
    assert figures.asked == ["rate(errors_total[1m])"]
    assert (answer.verdict, answer.branch) == (Verdict.HELD, "held")
    assert answer.facts["value"] == 0.001


@pytest.mark.parametrize(
    ("figure", "branch"),
    [(0.5, "terrible"), (0.1, "bad"), (0.003, "inconclusive"), (None, "inconclusive")],
)
async def test_the_first_case_that_is_true_is_the_branch(
    client: httpx2.AsyncClient, figure: float | None, branch: str
) -> None:
    """Without data no case is tried, and without a match there is no answer to go on."""
    cases = (("terrible", "value > 0.4"), ("bad", "value > 0.05 && inputs.metric == 'errors_total'"))
    async with probing(client, figure) as (subject, _):
        assert (await looked(subject, asking(cases=cases))).branch == branch


async def test_a_condition_looks_at_what_is_known(client: httpx2.AsyncClient) -> None:
    cases = (("three", "facts.seen.value == 3"), ("other", "true"))
    answer = await looked(probes(client, ""), asking({}, probe="condition", cases=cases))
    assert (answer.verdict, answer.branch) == (Verdict.HELD, "three")


@pytest.mark.parametrize(
    ("parameters", "probe", "said"),
    [
        ({"query": "x"}, "prometheus", "'criterion' is required"),
        ({**QUERY, "quary": "x"}, "prometheus", "unknown parameter 'quary'"),
        ({**QUERY, "query": "{{ inputs.nothing }}"}, "prometheus", "nothing"),
        ({**QUERY, "server": "eu"}, "prometheus", "no Prometheus named 'eu'"),
        ({"url": "http://169.254.169.254/"}, "http", "allows to be probed"),
        ({}, "astrology", "no probe 'astrology'"),
    ],
)
async def test_misuse_is_an_error_at_once(
    client: httpx2.AsyncClient, parameters: dict[str, Any], probe: str, said: str
) -> None:
    async with probing(client, 0.0) as (subject, figures):
        answer = await looked(subject, asking(parameters, probe=probe))
    assert (answer.verdict, answer.branch) == (Verdict.ERROR, "error")
    assert said in answer.detail
    assert figures.asked == []


async def test_an_outage_is_retried_by_temporal(client: httpx2.AsyncClient) -> None:
    async with nobody() as url:
        with pytest.raises(ApplicationError, match="Prometheus does not answer") as failure:
            await looked(probes(client, url), asking())
    assert failure.value.type == "Unavailable"
    assert not failure.value.non_retryable


@pytest.mark.capability("S-068")
async def test_an_unreachable_prometheus_is_unknown_and_never_healthy(client: httpx2.AsyncClient) -> None:
    """Given Prometheus unreachable, then verification reports an error ("unknown"), never held ("healthy").

    So does a single look, on the last try that Temporal's retry policy and deadline leave it.
    """
    async with nobody() as url:
        subject = probes(client, url)
        by_count = {"attempt": 3, "retry_policy": RetryPolicy(maximum_attempts=3)}
        by_time = {
            "attempt": 9,
            "retry_policy": RetryPolicy(),
            "scheduled_time": datetime.now(UTC) - timedelta(minutes=3),
            "schedule_to_close_timeout": timedelta(minutes=3),
        }
        answers = [
            await looked(subject, asking(), **by_count),
            await looked(subject, asking(), **by_time),
            await verified(subject, verifying()),
        ]
    for answer in answers:
        assert (answer.verdict, answer.branch) == (Verdict.ERROR, "error")
        assert "Prometheus does not answer" in answer.detail


async def test_a_look_that_hangs_is_bounded(client: httpx2.AsyncClient) -> None:
    async def hang(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with serving(hang) as url:
        with pytest.raises(ApplicationError, match="no answer in time"):
            await looked(probes(client, url), asking(timeout=timedelta(seconds=0.2)))


async def test_verification_waits_until_all_hold(client: httpx2.AsyncClient) -> None:
    async with probing(client, 0.5, 503, None, 0.001) as (subject, figures):
        answer = await verified(subject, verifying(within=timedelta(seconds=20)))
    assert answer.verdict is Verdict.HELD
    assert answer.facts["rounds"] == len(figures.asked) == 4


async def test_what_holds_soon_is_told_soon(client: httpx2.AsyncClient) -> None:
    """``every`` is the longest pause: at first looks come quickly, then ever more slowly."""
    async with probing(client, 0.5, 0.5, 0.001) as (subject, _):
        request = verifying(within=timedelta(hours=2), every=timedelta(hours=1))
        answer = await asyncio.wait_for(verified(subject, request), 20)
    assert (answer.verdict, answer.facts["rounds"]) == (Verdict.HELD, 3)


async def test_what_takes_long_is_looked_at_seldom(client: httpx2.AsyncClient) -> None:
    """An hour into it the next look is minutes away: monitoring is not asked ten times a second for an hour."""
    environment = ActivityEnvironment()
    earlier = Progress(begun_at=datetime.now(UTC) - timedelta(hours=1))
    environment.info = dataclasses.replace(environment.info, heartbeat_details=[earlier.model_dump(mode="json")])
    async with probing(client, 0.5) as (subject, figures):
        request = verifying(within=timedelta(hours=2), every=timedelta(hours=1))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(environment.run(subject.verify, request), 0.5)
    assert len(figures.asked) <= 1


@pytest.mark.parametrize(
    ("figure", "verdict"),
    [(0.5, Verdict.FAILED), (None, Verdict.INCONCLUSIVE), (503, Verdict.ERROR)],
)
async def test_when_the_time_is_over_the_last_round_counts(
    client: httpx2.AsyncClient, figure: float | None, verdict: Verdict
) -> None:
    async with probing(client, figure) as (subject, figures):
        answer = await verified(subject, verifying())
    assert answer.verdict is verdict
    assert len(figures.asked) > 1


async def test_misuse_ends_a_verification_at_once(client: httpx2.AsyncClient) -> None:
    request = verifying(asking({"query": "x"}), within=timedelta(hours=1))
    async with probing(client, 0.0) as (subject, _):
        answer = await asyncio.wait_for(verified(subject, request), 10)
    assert answer.verdict is Verdict.ERROR


async def test_nothing_to_look_at_is_no_success(client: httpx2.AsyncClient) -> None:
    request = VerifyRequest(looks=(), within=timedelta(0))
    assert (await verified(probes(client, ""), request)).verdict is Verdict.INCONCLUSIVE


@pytest.mark.capability("S-252")
async def test_good_figures_with_a_failing_synthetic_check_are_not_verified(
    client: httpx2.AsyncClient,
) -> None:
    """Given monitoring OK and a synthetic check failing, then not verified, and the check is named."""
    async with serving(fixed(500)) as shop, probing(client, 0.0) as (subject, _):
        check = asking({"url": f"{shop}/checkout"}, probe="http")
        answer = await verified(subject, verifying(asking(), check))
    assert answer.verdict is Verdict.FAILED
    assert "answered 500" in answer.detail
    assert answer.facts["looks"] == ["held", "failed"]


@pytest.mark.capability("S-402")
async def test_a_list_of_endpoints_is_polled_each_with_its_timeout(client: httpx2.AsyncClient) -> None:
    """Given the status and health endpoints of a payment provider, then each is polled with a timeout."""
    async with serving(never) as health, serving(fixed(200)) as status:
        endpoints = [asking({"url": url, "timeout": "100ms"}, probe="http") for url in (f"{status}/status", health)]
        answer = await verified(probes(client, ""), verifying(*endpoints))
    assert answer.verdict is Verdict.FAILED
    assert answer.facts["looks"] == ["held", "failed"]
    assert isinstance(answer.facts["rounds"], int)
    assert answer.facts["rounds"] > 1
    assert "did not answer within 0.1 s" in answer.detail


@pytest.mark.capability("S-253")
@pytest.mark.parametrize(("at_the_end", "verdict"), [(0.003, Verdict.FAILED), (0.002, Verdict.HELD)])
async def test_the_error_rate_is_judged_at_the_deadline(
    client: httpx2.AsyncClient, at_the_end: float, verdict: Verdict
) -> None:
    """Given baseline 0.2% and value 0.3% at the deadline with tolerance 0, then fail; at 0.2% pass.

    The deadline is five minutes in a runbook, and shorter here; the last look is at it, not before.
    """
    begun = datetime.now(UTC)

    async def figure(request: web.Request) -> web.Response:
        late = datetime.now(UTC) - begun > timedelta(seconds=0.4)
        value = str(at_the_end if late else 0.15)
        result = [{"metric": {}, "value": [1, value]}]
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": result}})

    async with serving(figure) as url:
        request = verifying(within=timedelta(seconds=0.6), every=timedelta(hours=1))
        assert (await verified(probes(client, url), request)).verdict is verdict


@pytest.mark.capability("S-251")
async def test_a_flap_begins_the_hold_anew(client: httpx2.AsyncClient) -> None:
    """Given the error ratio below its baseline for the hold period, verification passes; a flap resets it."""
    hold = timedelta(seconds=0.3)
    async with probing(client, 0.001, 0.001, 0.5, 0.001) as (subject, figures):
        request = verifying(within=timedelta(seconds=20), every=timedelta(seconds=0.1), hold=hold)
        begun = datetime.now(UTC)
        answer = await verified(subject, request)
    assert answer.verdict is Verdict.HELD
    # Two good rounds and the flap bought nothing: from the fourth on, all of the hold had to pass again
    assert datetime.now(UTC) - begun >= timedelta(seconds=0.3) + hold
    assert len(figures.asked) >= 5


async def test_a_hold_that_is_too_short_at_the_deadline_is_inconclusive(client: httpx2.AsyncClient) -> None:
    async with probing(client, 0.001) as (subject, _):
        answer = await verified(subject, verifying(hold=timedelta(hours=1)))
    assert answer.verdict is Verdict.INCONCLUSIVE
    assert "wanted 1h" in answer.detail


async def test_nothing_is_looked_at_before_it_has_settled(client: httpx2.AsyncClient) -> None:
    async with probing(client, 0.001) as (subject, _):
        begun = datetime.now(UTC)
        await verified(subject, verifying(settle=timedelta(seconds=0.3)))
    assert datetime.now(UTC) - begun >= timedelta(seconds=0.3)


async def test_a_retry_on_another_worker_gets_no_extra_time(client: httpx2.AsyncClient) -> None:
    environment = ActivityEnvironment()
    earlier = Progress(begun_at=datetime.now(UTC) - timedelta(hours=2), rounds=7)
    environment.info = dataclasses.replace(environment.info, heartbeat_details=[earlier.model_dump(mode="json")])
    async with probing(client, 0.5) as (subject, _):
        request = verifying(within=timedelta(hours=1), settle=timedelta(minutes=1))
        answer = await asyncio.wait_for(environment.run(subject.verify, request), 10)
    assert answer.verdict is Verdict.FAILED
    assert answer.facts["rounds"] == 8


async def test_a_cancel_ends_it_and_heartbeats_go_on_while_a_look_hangs(client: httpx2.AsyncClient) -> None:
    environment, beats, asked = ActivityEnvironment(), [], asyncio.Event()
    environment.on_heartbeat = lambda *details: beats.append(details[0])

    async def hang(request: web.Request) -> web.Response:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with serving(hang) as url:
        request = verifying(within=timedelta(hours=1))
        running = asyncio.ensure_future(environment.run(probes(client, url).verify, request))
        await asyncio.wait_for(asked.wait(), 10)
        environment.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(running, 10)
    assert isinstance(beats[0], Progress)
