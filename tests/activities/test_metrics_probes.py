"""Ranges, baselines, error budgets and volumes, against a real Prometheus that scrapes a real exporter.

Functions of time make series of any age, so that an hour ago is there without waiting for it.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from aiohttp import web

from activities.probes.prometheus_baseline import PrometheusBaseline
from activities.probes.prometheus_range import PrometheusRange
from activities.probes.seen import Seen
from activities.probes.servers import Servers
from activities.probes.slo import Budget, BurnRate
from activities.probes.volume_fill import VolumeFill
from devstack.processes import eventually
from devstack.prometheus import Prometheus
from mainstay.config.parts import Prometheus as Address
from mainstay.domain.catalogue import PROBES, parse_parameters
from mainstay.domain.errors import InvalidArgument, NotFound
from mainstay.domain.verdict import Verdict
from tests.activities.samples import NOW
from tests.activities.web_servers import serving

VOLUMES = """\
kubelet_volume_stats_used_bytes{namespace="shop",persistentvolumeclaim="data"} 95
kubelet_volume_stats_capacity_bytes{namespace="shop",persistentvolumeclaim="data"} 100
kubelet_volume_stats_used_bytes{namespace="shop",persistentvolumeclaim="logs"} 20
kubelet_volume_stats_capacity_bytes{namespace="shop",persistentvolumeclaim="logs"} 100
"""


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    """A real Prometheus with the figures of two volumes."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(text=VOLUMES)

    async with serving(metrics) as exporter, httpx2.AsyncClient() as client:
        targets = {"kubelet": exporter.removeprefix("http://")}
        async with Prometheus(tmp_path_factory.mktemp("prometheus"), targets=targets) as server:

            async def scraped() -> bool:
                return len(await server.query("kubelet_volume_stats_used_bytes")) == 2

            await eventually(scraped, 20, "the exporter being scraped")
            yield Servers(client, lambda: {"default": Address(url=server.url)})


KINDS = {kind.name: kind for kind in (PrometheusRange, PrometheusBaseline, BurnRate, Budget, VolumeFill)}


async def look(servers: Servers, probe: str, **parameters: Any) -> Seen:
    seen = await KINDS[probe](servers).look(parse_parameters(PROBES[probe].parameters, parameters), NOW)  # type: ignore[arg-type]  # one of several kinds
    assert set(seen.facts) == set(PROBES[probe].facts)
    return seen


@pytest.mark.parametrize(
    ("query", "tolerance", "verdict"),
    [
        ("vector(1)", 0, Verdict.HELD),
        # One minute of every ten is over: a tenth of the points
        ("(minute() % 10 == bool 0) + 1", 0.2, Verdict.HELD),
        ("(minute() % 10 == bool 0) + 1", 0.05, Verdict.FAILED),
        ("vector(3)", 0.9, Verdict.FAILED),
        ("no_such_metric", 0, Verdict.INCONCLUSIVE),
        ("vector(0) / vector(0)", 0, Verdict.INCONCLUSIVE),
    ],
)
async def test_a_range_is_judged_by_the_share_of_its_points(
    servers: Servers, query: str, tolerance: float, verdict: Verdict
) -> None:
    """A tolerated share of bad points holds, a larger one fails, none at all is no success."""
    seen = await look(
        servers, "prometheus_range", query=query, criterion="< 2", over="1h", step="1m", tolerance=tolerance
    )
    assert seen.verdict is verdict, seen


@pytest.mark.parametrize(
    ("query", "more", "verdict"),
    [
        ("vector(5)", {}, Verdict.HELD),
        ("vector(0)", {}, Verdict.INCONCLUSIVE),
        ("kubelet_volume_stats_used_bytes", {}, Verdict.INCONCLUSIVE),
        ("no_such_metric", {}, Verdict.INCONCLUSIVE),
    ],
)
async def test_now_is_compared_with_before(
    servers: Servers, query: str, more: dict[str, Any], verdict: Verdict
) -> None:
    """The same is held; a series without a before, or a before of nothing, is no ratio."""
    seen = await look(servers, "prometheus_baseline", query=query, criterion="<= 1.5", before="1h", **more)
    assert seen.verdict is verdict, seen


async def test_a_growth_beyond_the_ratio_fails_unless_negligible(servers: Servers) -> None:
    """Hours since a fixed day grow; over a day ago by more than a thousandth part, measured from near that day."""
    growing = f"(time() - {time.time() - 7200:.0f}) / 3600"  # 2 now, 1 an hour ago
    seen = await look(servers, "prometheus_baseline", query=f"vector({growing})", criterion="<= 1.5", before="1h")
    assert (seen.verdict, round(float(str(seen.facts["ratio"])), 1)) == (Verdict.FAILED, 2.0)
    small = await look(
        servers, "prometheus_baseline", query=f"vector({growing})", criterion="<= 1.5", before="1h", least=3
    )
    assert small.verdict is Verdict.HELD


@pytest.mark.capability("S-350")
@pytest.mark.parametrize(
    ("long", "short", "verdict", "burning"),
    [
        ("0.02", "0.02", Verdict.FAILED, True),
        ("0.0144", "0.0144", Verdict.FAILED, True),
        ("0.02", "0.001", Verdict.HELD, False),
        ("0.001", "0.02", Verdict.HELD, False),
        ("0.001", "0.001", Verdict.HELD, False),
    ],
)
async def test_both_windows_must_burn(servers: Servers, long: str, short: str, verdict: Verdict, burning: bool) -> None:
    """Given a burn rate at or over the threshold in both the long and the short window, then it alerts;
    in one of them only, it does not (S-350). 99.9% allows 0.1%: 1.44% bad is 14.4 times too fast."""
    pair = {"long": "1h", "short": "5m", "factor": 14.4}
    # 300 s and 3600 s are told apart by the number in the window's own text
    seconds = "scalar(count_over_time(vector(1)[$window:60s]))"
    both = f"vector(({seconds} > bool 30) * {long} + ({seconds} <= bool 30) * {short})"
    seen = await look(servers, "slo_burn_rate", error_ratio=both, objective=99.9, pairs=[pair])
    assert (seen.verdict, seen.facts["burning"]) == (verdict, burning), seen


@pytest.mark.parametrize(
    ("query", "verdict"),
    [
        ('no_such{x="$window"}', Verdict.INCONCLUSIVE),
        ("vector(0)/vector(0) + 0 * count_over_time(vector(1)[$window:60s])", Verdict.INCONCLUSIVE),
    ],
)
async def test_a_burn_without_data_is_no_success(servers: Servers, query: str, verdict: Verdict) -> None:
    assert (await look(servers, "slo_burn_rate", error_ratio=query, objective=99.9)).verdict is verdict
    budget = await look(servers, "slo_budget", error_ratio=query, objective=99.9, window="1h")
    assert (budget.verdict, budget.facts["may_deploy"]) == (verdict, False)


@pytest.mark.capability("S-349")
@pytest.mark.parametrize(
    ("share", "band", "deploy", "experiment"),
    [
        ("0.000499", "normal", True, True),
        ("0.0005", "cautious", True, False),
        ("0.00075", "freeze", False, False),
        ("0.0009", "freeze", False, False),
        ("0.000901", "emergency", False, False),
        ("0.002", "emergency", False, False),
    ],
)
async def test_the_band_of_what_is_left(
    servers: Servers, share: str, band: str, deploy: bool, experiment: bool
) -> None:
    """Given 50.1% left, then normal; 50 the band below; 25 the stricter of two; 10 freeze; 9.9 emergency (S-349)."""
    query = f"vector({share}) + 0 * scalar(count_over_time(vector(1)[$window:60s]))"
    seen = await look(servers, "slo_budget", error_ratio=query, objective=99.9, window="1h")
    found = (seen.facts["band"], seen.facts["may_deploy"], seen.facts["may_experiment"])
    assert found == (band, deploy, experiment), seen


async def test_a_ratio_that_is_none_is_named(servers: Servers) -> None:
    query = "vector(95) + 0 * scalar(count_over_time(vector(1)[$window:60s]))"
    with pytest.raises(InvalidArgument, match="95, no share between 0 and 1"):
        await look(servers, "slo_budget", error_ratio=query, objective=99.9, window="1h")
    with pytest.raises(InvalidArgument, match="error_ratio"):
        await look(servers, "slo_budget", error_ratio="vector(1)", objective=99.9)
    with pytest.raises(NotFound, match="no Prometheus named 'other'"):
        await look(servers, "slo_budget", error_ratio=query, objective=99.9, server="other")


@pytest.mark.parametrize(
    ("claim", "verdict", "fullest"),
    [("", Verdict.FAILED, "data"), ("logs", Verdict.HELD, "logs"), ("none", Verdict.INCONCLUSIVE, "")],
)
async def test_the_fullest_volume_decides(servers: Servers, claim: str, verdict: Verdict, fullest: str) -> None:
    """95% of one volume fails all; the other alone holds; a volume that nobody measures is inconclusive."""
    seen = await look(servers, "volume_fill", namespace="shop", claim=claim)
    assert (seen.verdict, seen.facts["fullest"]) == (verdict, fullest)


async def test_names_cannot_end_the_quotes(servers: Servers) -> None:
    with pytest.raises(InvalidArgument, match="namespace"):
        await look(servers, "volume_fill", namespace='shop"} or vector(1) #')
