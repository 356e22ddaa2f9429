"""Instant and range queries to Prometheus' HTTP API, and what their answers may look like.

https://prometheus.io/docs/prometheus/latest/querying/api/
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import httpx2
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from mainstay.domain.errors import InvalidArgument, NotAllowed, NotFound, Unavailable
from mainstay.domain.text import plain
from mainstay.domain.verdict import Sample

MAX_SERIES = 1000
_MAX_ANSWER = 8 * 1024 * 1024


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Series(_Wire):
    metric: dict[str, str] = Field(default_factory=dict)
    value: tuple[float, str] | None = None
    """Missing for a native histogram."""


class _Vector(_Wire):
    kind: Literal["vector"] = Field(alias="resultType")
    result: tuple[_Series, ...] = ()


class _Scalar(_Wire):
    kind: Literal["scalar"] = Field(alias="resultType")
    result: tuple[float, str]


class _Unusable(_Wire):
    """A range of numbers or a text: nothing that can be compared with a figure."""

    kind: Literal["matrix", "string"] = Field(alias="resultType")


class _Success(_Wire):
    data: Annotated[_Vector | _Scalar | _Unusable, Field(discriminator="kind")]
    warnings: tuple[str, ...] = ()


class Answer(BaseModel):
    """The numbers of one query. ``warnings`` say that some of the data may be missing."""

    model_config = ConfigDict(frozen=True)

    samples: tuple[Sample, ...]
    warnings: tuple[str, ...] = ()


class Answered(_Wire):
    """One series of a range: its labels and its points."""

    metric: dict[str, str] = Field(default_factory=dict)
    values: tuple[tuple[float, str], ...] = ()

    @property
    def name(self) -> str:
        return _name(self.metric)

    @property
    def numbers(self) -> tuple[float, ...]:
        return tuple(n for _, text in self.values if (n := _number(text)) is not None)


class _Matrix(_Wire):
    kind: Literal["matrix"] = Field(alias="resultType")
    result: tuple[Answered, ...] = ()


class _RangeSuccess(_Wire):
    data: _Matrix
    warnings: tuple[str, ...] = ()


async def query_range(
    client: httpx2.AsyncClient,
    base_url: str,
    expression: str,
    within: timedelta,
    *,
    start: datetime,
    end: datetime,
    step: timedelta,
    token: str = "",
) -> tuple[tuple[Answered, ...], tuple[str, ...]]:
    """The series of ``expression`` between two instants, and Prometheus' warnings. Raises as ``query`` does."""
    data = {
        "query": expression,
        "start": f"{start.timestamp():.3f}",
        "end": f"{end.timestamp():.3f}",
        "step": f"{step.total_seconds():g}",
    }
    body = _content(await _post(client, base_url, "query_range", data, within, token))
    try:
        success = _RangeSuccess.model_validate_json(body)
    except ValidationError:
        raise Unavailable("what answered in Prometheus' place does not speak its API") from None
    if len(success.data.result) > MAX_SERIES:
        raise InvalidArgument(f"the query answers more than {MAX_SERIES} series: aggregate it", field="query")
    return success.data.result, tuple(plain(warning, 200) for warning in success.warnings[:5])


async def query(
    client: httpx2.AsyncClient,
    base_url: str,
    expression: str,
    within: timedelta,
    *,
    token: str = "",
    at: datetime | None = None,
) -> Answer:
    """The value of ``expression`` at ``at``; without it now, by Prometheus' own clock.

    ``token``: a bearer token, if one is needed.

    Raises InvalidArgument for a query that Prometheus cannot read or whose answer is no number, NotAllowed
    and NotFound for an address that refuses us, and Unavailable when it does not answer: those may pass.
    """
    # Without ``at`` no ``time``: the instant of the workflow may be minutes old when a retry asks, and a
    # verification wants to know how things are, not how they were
    moment = {"time": f"{at.timestamp():.3f}"} if at else {}
    return _answer(_content(await _post(client, base_url, "query", {"query": expression, **moment}, within, token)))


async def _post(
    client: httpx2.AsyncClient, base_url: str, what: str, data: dict[str, str], within: timedelta, token: str
) -> httpx2.Response:
    seconds = within.total_seconds()
    try:
        return await client.post(
            f"{base_url.rstrip('/')}/api/v1/{what}",
            data={**data, "timeout": f"{int(max(seconds - 0.5, 0.5) * 1000)}ms"},
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=seconds,
            follow_redirects=False,
        )
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol):
        raise InvalidArgument("the address of Prometheus is not a web address") from None
    except httpx2.TimeoutException:
        raise Unavailable(f"Prometheus did not answer within {seconds:g} s") from None
    except (httpx2.HTTPError, OSError) as error:
        raise Unavailable(f"Prometheus does not answer: {type(error).__name__}") from None


def _content(response: httpx2.Response) -> bytes:
    status = response.status_code
    if status == 200 and len(response.content) > _MAX_ANSWER:
        raise InvalidArgument("the query answers too much: aggregate it to a few numbers", field="query")
    if status == 200:
        return response.content
    said = f"Prometheus answered {status}: {_reason(response)}"
    if status in (400, 422):
        raise InvalidArgument(said, field="query")
    if status in (401, 403):
        raise NotAllowed(said)
    if status == 404 or 300 <= status < 400:
        raise NotFound(f"{said}; is this the address of a Prometheus?")
    raise Unavailable(said)


_SUCCESS: TypeAdapter[_Success] = TypeAdapter(_Success)


def _answer(body: bytes) -> Answer:
    try:
        success = _SUCCESS.validate_json(body)
    except ValidationError:
        raise Unavailable("what answered in Prometheus' place does not speak its API") from None
    match success.data:
        case _Vector(result=series):
            samples = tuple(_sample(one) for one in series[: MAX_SERIES + 1])
        case _Scalar(result=(_, number)):
            samples = (Sample(name="scalar", value=_number(number)),)
        case _Unusable(kind=kind):
            raise InvalidArgument(
                f"the query answers a {kind}, not numbers: a range wants a function such as rate()",
                field="query",
            )
    if len(samples) > MAX_SERIES:
        raise InvalidArgument(f"the query answers more than {MAX_SERIES} series: aggregate it", field="query")
    return Answer(samples=samples, warnings=tuple(plain(warning, 200) for warning in success.warnings[:5]))


def _sample(series: _Series) -> Sample:
    if series.value is None:
        raise InvalidArgument(
            "the query answers a native histogram: take histogram_quantile() or histogram_avg() of it",
            field="query",
        )
    return Sample(name=_name(series.metric) or "value", value=_number(series.value[1]))


def _name(metric: dict[str, str]) -> str:
    return ",".join(f"{plain(k, 60)}={plain(v, 80)}" for k, v in sorted(metric.items())[:10])


def _number(text: str) -> float | None:
    """NaN is what a ratio of nothing by nothing gives: no data, not a figure."""
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number


def _reason(response: httpx2.Response) -> str:
    """Prometheus' own words, if it was Prometheus."""
    try:
        said: Any = response.json()
        return plain(str(said["error"]), 300)
    except (ValueError, KeyError, TypeError):
        return plain(response.text, 100) or "nothing"
