"""Routing: which service an alert is about, and which incident it joins. No alert ever vanishes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Container
from functools import lru_cache
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from mainstay.domain.alert import MAX_BATCH_BYTES, Alert, AlertBatch, AlertStatus
from mainstay.domain.model import Record, Strict
from mainstay.domain.text import plain

Mode = Literal["page", "ticket", "drop"]
MAX_PATTERN = 200
MAX_VALUE = 256
"""Longest part of a label's value that a pattern is tried on, in characters."""
MAX_UNBOUNDED = 3
"""Most ``*``, ``+`` and ``{n,}`` of one pattern: bounds its worst case, since none may repeat a group."""
UNROUTED = "unrouted"
"""Service of the built-in fallback route, for a configuration that names none."""


class Route(Strict):
    """A rule: alerts with these labels belong to that service. The first route that matches wins.

    A matcher is a value, or a pattern between slashes (``/payments-.*/``) that must match the whole value. A
    label that an alert lacks has the value "". ``group_by`` names the labels whose values make one incident.
    """

    name: str
    match: dict[str, str] = Field(default_factory=dict)
    not_match: dict[str, str] = Field(default_factory=dict)
    """An alert that meets any of these is not this route's."""
    service: str | None = None
    service_label: str | None = None
    """The label that names the service, instead of a fixed one."""
    group_by: tuple[str, ...] = ("alertname",)
    severity: str = ""
    """A severity label that the route fixes; empty: triage decides (D-24)."""
    mode: Mode = "page"
    fallback: bool = False
    """Takes what no other route takes, whatever it looks like."""

    @field_validator("match", "not_match")
    @classmethod
    def _patterns_are_bounded(cls, value: dict[str, str]) -> dict[str, str]:
        for label, matcher in value.items():
            if _is_pattern(matcher):
                try:
                    _pattern(matcher)
                except ValueError as error:
                    raise ValueError(f"{label}: {error}") from error
        return value

    @model_validator(mode="after")
    def _names_its_service(self) -> Self:
        if self.mode != "drop" and not self.service and not self.service_label:
            raise ValueError(f"route {self.name!r} needs a service or a service_label")
        if self.fallback and (self.match or self.not_match or not self.service or self.mode == "drop"):
            raise ValueError(
                f"route {self.name!r} is the fallback: it needs a fixed service, takes everything "
                "(no match, no not_match) and may not drop"
            )
        return self


class Routed(Record):
    """Where an alert goes."""

    route: str
    service: str
    group_key: str
    severity: str = ""
    mode: Mode = "page"
    fallback: bool = False
    """No route wanted it: what arrived is shown as such."""


class Bundle(Record):
    """The alerts of one delivery that belong to one incident workflow, in the order of arrival."""

    workflow_id: str
    routed: Routed
    alerts: tuple[Alert, ...]


class Bundles(Record):
    bundles: tuple[Bundle, ...] = ()
    dropped: tuple[Alert, ...] = ()
    """What a route with ``mode: drop`` wants to be ignored; to be counted, not to be opened."""


def route(alert: Alert, routes: tuple[Route, ...], services: Container[str]) -> Routed:
    """Where ``alert`` goes: the first matching route whose service exists, else the fallback.

    An alert that could not be parsed (it has ``raw`` text and no labels), that no route matches, or whose
    service label names no service of the catalogue is the fallback route's. Never raises.
    """
    fallback = next((r for r in routes if r.fallback), _BUILT_IN)
    if alert.raw and not alert.labels:
        return _routed(fallback, fallback.service or UNROUTED, _unparsed_key(alert))
    for candidate in routes:
        if candidate.fallback or not _matches(candidate, alert.labels):
            continue
        if candidate.mode == "drop":
            return _routed(candidate, candidate.service or "", group_key(alert, candidate))
        service = candidate.service or alert.labels.get(candidate.service_label or "", "")
        if service in services:
            return _routed(candidate, service, group_key(alert, candidate))
        break
    return _routed(fallback, fallback.service or UNROUTED, group_key(alert, fallback))


_BUILT_IN = Route(name="built-in fallback", service=UNROUTED, fallback=True)


def _routed(by: Route, service: str, key: str) -> Routed:
    return Routed(
        route=by.name,
        service=service,
        group_key=key,
        severity=by.severity,
        mode=by.mode,
        fallback=by.fallback,
    )


def group_key(alert: Alert, by: Route) -> str:
    """``alertname=HighErrorRate,cluster=eu``: equal for alerts that belong together, and only for them."""
    return ",".join(f"{_quote(label)}={_quote(alert.labels.get(label, ''))}" for label in by.group_by)


def _unparsed_key(alert: Alert) -> str:
    """One incident per sender, so that a stream of broken alerts opens one and not thousands."""
    return f"unparsed={_quote(alert.source)}"


def _quote(text: str) -> str:
    return text.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")


def _matches(by: Route, labels: dict[str, str]) -> bool:
    return all(_meets(matcher, labels.get(label, "")) for label, matcher in by.match.items()) and not any(
        _meets(matcher, labels.get(label, "")) for label, matcher in by.not_match.items()
    )


def _meets(matcher: str, value: str) -> bool:
    if _is_pattern(matcher):
        return len(value) <= MAX_VALUE and _pattern(matcher).fullmatch(value) is not None
    return matcher == value


def _is_pattern(matcher: str) -> bool:
    return len(matcher) > 1 and matcher.startswith("/") and matcher.endswith("/")


_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?(?!:)|\)(?:[*+]|\{)|\{\d*,\}|[*+]|.", re.DOTALL)


@lru_cache(maxsize=1024)
def _pattern(matcher: str) -> re.Pattern[str]:
    """The compiled pattern. Raises ValueError for one that could be slow on a hostile label."""
    text = matcher[1:-1]
    if len(text) > MAX_PATTERN:
        raise ValueError(f"the pattern is longer than {MAX_PATTERN} characters")
    parts: list[str] = _TOKEN.findall(text)
    if any(part.startswith(")") and len(part) > 1 for part in parts):
        raise ValueError(f"the pattern {matcher} repeats a group: list the cases instead")
    if any(part == "(?" or re.fullmatch(r"\\[1-9]", part) for part in parts):
        raise ValueError(f"the pattern {matcher} uses a look-around, a flag or a back reference")
    if sum(part in ("*", "+") or part.endswith(",}") for part in parts) > MAX_UNBOUNDED:
        raise ValueError(f"the pattern {matcher} has more than {MAX_UNBOUNDED} of * and +")
    try:
        return re.compile(text, re.DOTALL)
    except re.error as error:
        raise ValueError(f"the pattern {matcher} is not a regular expression: {error}") from error


@lru_cache(maxsize=4096)
def incident_workflow_id(service: str, group_key: str) -> str:
    """``incident/payments/higherrorrate-eu-1a2b3c4d``: readable, the same every time, at most 200 characters.

    The hash covers the exact service and key; the readable part only helps people (S-048).
    """
    return f"incident/{_slug(service, 60)}/{_slug(_values(group_key), 100)}-{_hash(service, group_key)}"


def declared_workflow_id(service: str, request_id: str) -> str:
    """The id of an incident that a person declared: a repeated request finds the first one."""
    unique = _hash("declared", service, request_id)
    return f"incident/{_slug(service, 60)}/declared-{_slug(request_id, 80)}-{unique}"


def _values(group_key: str) -> str:
    return re.sub(r"(^|(?<!\\),)(?:[^=,\\]|\\.)*=", "-", group_key)


def _slug(text: str, limit: int) -> str:
    return re.sub(r"[^a-z0-9._]+", "-", text.casefold())[:limit].strip("-.") or "x"


def _hash(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:8]


def title_for(alerts: tuple[Alert, ...]) -> str:
    """One line of at most 120 characters: the first firing alert, and how many others came with it."""
    firing = [a for a in alerts if a.status is AlertStatus.FIRING] or list(alerts)
    if not firing:
        return "Incident without alerts"
    first = firing[0]
    if first.raw and not first.labels:
        return f"Alert from {plain(first.source, 60)} that could not be read"
    name, summary = plain(first.name, 60), plain(first.annotations.get("summary", ""), 120)
    title = summary if not summary or name in summary else f"{name}: {summary}"
    others = len({a.name for a in firing}) - 1
    more = f" (+{others} more)" if others else ""
    return plain(title or name, 120 - len(more)) + more


def bundle(alerts: tuple[Alert, ...], routes: tuple[Route, ...], services: Container[str]) -> Bundles:
    """A delivery, sorted by the incident that each alert belongs to."""
    found: dict[str, tuple[Routed, list[Alert]]] = {}
    dropped: list[Alert] = []
    for alert in alerts:
        routed = route(alert, routes, services)
        if routed.mode == "drop":
            dropped.append(alert)
            continue
        key = incident_workflow_id(routed.service, routed.group_key)
        found.setdefault(key, (routed, []))[1].append(alert)
    bundles = (Bundle(workflow_id=key, routed=r, alerts=tuple(a)) for key, (r, a) in found.items())
    return Bundles(bundles=tuple(bundles), dropped=tuple(dropped))


def batches(
    alerts: tuple[Alert, ...],
    *,
    incident_key: str = "",
    delivered_by: str = "",
    limit: int = MAX_BATCH_BYTES,
) -> tuple[AlertBatch, ...]:
    """``alerts`` as signals of at most ``limit`` bytes of JSON each; nothing is left out.

    One alert that is larger than a whole batch is shortened: its identity stays, its text is cut.
    """
    frame = len(AlertBatch(incident_key=incident_key, delivered_by=delivered_by).model_dump_json().encode())
    groups: list[list[Alert]] = []
    room = 0
    for alert in alerts:
        fitting, size = _fit(alert, limit - frame)
        if not groups or size > room:
            groups.append([])
            room = limit - frame
        groups[-1].append(fitting)
        room -= size
    return tuple(AlertBatch(alerts=tuple(g), incident_key=incident_key, delivered_by=delivered_by) for g in groups)


def _fit(alert: Alert, room: int) -> tuple[Alert, int]:
    """The alert, cut until it needs at most ``room`` bytes, and its size with one comma."""
    size = _size(alert)
    for longest, most in ((4096, 100), (512, 50), (128, 20), (64, 4)):
        if size <= room:
            break
        alert = _shorten(alert, longest, most)
        size = _size(alert)
    return alert, size


def _size(alert: Alert) -> int:
    return len(alert.model_dump_json().encode()) + 1


def _shorten(alert: Alert, longest: int, most: int) -> Alert:
    def cut(texts: dict[str, str]) -> dict[str, str]:
        first = sorted(texts, key=lambda name: name not in ("alertname", "service", "severity", "summary"))
        return {name[:longest]: texts[name][:longest] for name in first[:most]}

    return alert.model_copy(
        update={
            "source": alert.source[:longest],
            "fingerprint": alert.fingerprint[:128],
            "labels": cut(alert.labels),
            "annotations": cut(alert.annotations),
            "generator_url": alert.generator_url[:longest],
            "raw": alert.raw[:longest],
        }
    )
