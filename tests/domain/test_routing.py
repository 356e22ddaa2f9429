"""Where alerts go. None ever vanishes."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mainstay.domain.alert import Alert, AlertStatus
from mainstay.domain.routing import (
    UNROUTED,
    Route,
    batches,
    bundle,
    declared_workflow_id,
    incident_workflow_id,
    route,
    title_for,
)
from tests.strategies import alerts

SERVICES = {"payments", "search", "catch-all"}
ROUTES = (
    Route(name="noise", match={"severity": "none"}, mode="drop"),
    Route(name="exact", match={"team": "pay"}, not_match={"env": "/dev.*/"}, service="payments", severity="SEV2"),
    Route(
        name="pattern",
        match={"job": "/search-(api|web)/"},
        service="search",
        group_by=("alertname", "cluster"),
    ),
    Route(name="disk", match={"alertname": "DiskAlmostFull"}, service_label="service", mode="ticket"),
    Route(name="labelled", match={"service": "/.+/"}, service_label="service"),
    Route(name="rest", service="catch-all", fallback=True),
)


def alert(**labels: str) -> Alert:
    return Alert(source="prometheus", fingerprint="f", labels={"alertname": "A", **labels})


@pytest.mark.parametrize(
    ("given_alert", "expected"),
    [
        (alert(severity="none"), "noise  drop"),
        (alert(team="pay"), "exact payments page"),
        (alert(team="pay", env="dev-1"), "rest catch-all page"),
        (alert(team="pay", severity="none"), "noise  drop"),
        (alert(job="search-api"), "pattern search page"),
        (alert(job="my-search-api"), "rest catch-all page"),
        (alert(job="search-api-2"), "rest catch-all page"),
        (alert(alertname="DiskAlmostFull", service="search"), "disk search ticket"),
        (alert(service="payments"), "labelled payments page"),
        (alert(service="unheard-of"), "rest catch-all page"),
        (alert(job="search-api" + "x" * 10_000), "rest catch-all page"),
        (Alert(), "rest catch-all page"),
        (Alert(source="s", raw="{broken"), "rest catch-all page"),
    ],
)
def test_the_first_matching_route_wins(given_alert: Alert, expected: str) -> None:
    """Values, patterns over the whole value, exclusions, service labels; all else is the fallback's."""
    found = route(given_alert, ROUTES, SERVICES)
    assert f"{found.route} {found.service} {found.mode}" == expected
    assert found.fallback == (found.route == "rest")


def test_an_unknown_service_is_not_passed_on() -> None:
    """The first match decides: a service that does not exist goes to the fallback, not to a later route."""
    later = Route(name="later", match={"alertname": "A"}, service="payments")
    first = Route(name="first", match={"alertname": "A"}, service_label="service")
    assert route(alert(service="unheard-of"), (first, later, ROUTES[-1]), SERVICES).route == "rest"


def test_an_unreadable_alert_is_the_fallback_s() -> None:
    """A route that matches what lacks a label does not get alerts that have none; one incident per sender."""
    greedy = Route(name="greedy", match={"env": ""}, service="payments")
    found = [route(Alert(source="mail", raw=raw), (greedy, ROUTES[-1]), SERVICES) for raw in ("{", "<x")]
    assert [(r.route, r.group_key) for r in found] == [("rest", "unparsed=mail")] * 2


def test_a_route_may_fix_the_severity() -> None:
    """The operator's word for a route goes along; the alert's own severity label does not (D-24)."""
    assert route(alert(team="pay", severity="critical"), ROUTES, SERVICES).severity == "SEV2"
    assert route(alert(severity="critical"), ROUTES, SERVICES).severity == ""


@given(alerts(), st.booleans())
def test_no_alert_vanishes(given_alert: Alert, configured: bool) -> None:
    """Whatever arrives has a service and a workflow id, even without any route."""
    found = route(given_alert, ROUTES if configured else (), SERVICES if configured else {})
    if found.mode != "drop":
        assert found.service in SERVICES | {UNROUTED}
        workflow_id = incident_workflow_id(found.service, found.group_key)
        assert re.fullmatch(r"incident/[a-z0-9._-]+/[a-z0-9._-]+-[0-9a-f]{8}", workflow_id)
        assert len(workflow_id) <= 200


@given(st.text(max_size=300), st.text(max_size=300))
def test_workflow_ids_are_safe_and_stable(service: str, key: str) -> None:
    """Any service and key give a readable, bounded id, the same every time."""
    first = incident_workflow_id(service, key)
    assert first == incident_workflow_id(service, key)
    assert re.fullmatch(r"incident/[a-z0-9._-]+/[a-z0-9._-]+", first)
    assert len(first) <= 200
    assert len(declared_workflow_id(service, key)) <= 200


def test_workflow_ids_are_contract() -> None:
    """These ids are in use: a change would open a second incident for everything that fires."""
    found = route(alert(alertname="HighErrorRate", job="search-api", cluster="EU"), ROUTES, SERVICES)
    assert found.group_key == "alertname=HighErrorRate,cluster=EU"
    assert incident_workflow_id("search", found.group_key) == "incident/search/higherrorrate-eu-95a5e920"
    assert declared_workflow_id("search", "req-1") == "incident/search/declared-req-1-788ada85"


@given(alerts(), alerts())
def test_groups_are_told_apart(one: Alert, other: Alert) -> None:
    """Two alerts have the same key exactly if the labels that group are equal, commas and signs or not."""
    by = ("alertname", "cluster")
    routes = (Route(name="r", match={"x": ""}, service="payments", group_by=by),)
    first, second = (route(a, routes, SERVICES) for a in (one, other))
    if first.fallback or second.fallback:
        return
    same = all(one.labels.get(label, "") == other.labels.get(label, "") for label in by)
    assert (first.group_key == second.group_key) == same


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "r", "service": "s", "match": {"a": "/(a+)+/"}},
        {"name": "r", "service": "s", "match": {"a": "/(a|b){2,}/"}},
        {"name": "r", "service": "s", "match": {"a": "/.*a.*b.*c.*/"}},
        {"name": "r", "service": "s", "match": {"a": "/(?=x)y/"}},
        {"name": "r", "service": "s", "match": {"a": r"/(a)\1/"}},
        {"name": "r", "service": "s", "match": {"a": "/[/"}},
        {"name": "r", "service": "s", "not_match": {"a": "/" + "a" * 300 + "/"}},
        {"name": "r"},
        {"name": "r", "fallback": True},
        {"name": "r", "fallback": True, "service": "s", "mode": "drop"},
        {"name": "r", "fallback": True, "service": "s", "match": {"a": "b"}},
    ],
)
def test_routes_that_could_harm_do_not_load(fields: dict[str, object]) -> None:
    """Slow or broken patterns, a route to nowhere, and a fallback that could lose alerts are refused."""
    with pytest.raises(ValidationError):
        Route.model_validate(fields)


def test_the_slowest_pattern_is_fast_enough() -> None:
    """The worst pattern that loads, on the worst value that is tried, takes a fraction of a second."""
    routes = (Route(name="r", match={"a": "/.*a.*a.*b/"}, service="payments"),)
    began = time.perf_counter()
    route(alert(a="a" * 256), routes, SERVICES)
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize(
    ("given_alerts", "title"),
    [
        ((), "Incident without alerts"),
        ((alert(alertname="HighErrorRate"),), "HighErrorRate"),
        ((Alert(labels={"alertname": "A"}, annotations={"summary": "5% \x1b[31merrors\n"}),), "A: 5% errors"),
        ((alert(alertname="A"), alert(alertname="B"), alert(alertname="A", x="1")), "A (+1 more)"),
        ((Alert(status=AlertStatus.RESOLVED, labels={"alertname": "Old"}), alert(alertname="New")), "New"),
        ((Alert(source="mail", raw="???"),), "Alert from mail that could not be read"),
        (
            (Alert(labels={"alertname": "x" * 500}, annotations={"summary": "y" * 500}),),
            "x" * 59 + "…: " + "y" * 57 + "…",
        ),
    ],
)
def test_titles(given_alerts: tuple[Alert, ...], title: str) -> None:
    """One clean line of at most 120 characters."""
    assert title_for(given_alerts) == title
    assert len(title) <= 120


@given(st.lists(alerts(), max_size=12).map(tuple))
def test_a_delivery_is_sorted_without_loss(delivered: tuple[Alert, ...]) -> None:
    """Every alert of a delivery is in exactly one bundle, or counted as dropped, in order."""
    found = bundle(delivered, ROUTES, SERVICES)
    spread = [a for b in found.bundles for a in b.alerts] + list(found.dropped)
    assert sorted(map(repr, spread)) == sorted(map(repr, delivered))
    assert len({b.workflow_id for b in found.bundles}) == len(found.bundles)


@settings(deadline=None)
@given(st.lists(alerts(), max_size=30).map(tuple), st.integers(1500, 6000))
def test_batches_are_bounded_and_lose_nothing(delivered: tuple[Alert, ...], limit: int) -> None:
    """Each signal is within the limit; put together they are the delivery."""
    found = batches(delivered, incident_key="k", delivered_by="web", limit=limit)
    assert tuple(a for batch in found for a in batch.alerts) == delivered
    assert all(len(batch.model_dump_json().encode()) <= limit for batch in found)


def test_a_giant_alert_is_cut_and_kept() -> None:
    """One alert larger than a batch keeps its identity and loses text."""
    giant = Alert(
        fingerprint="f1",
        labels={f"l{n}": "v" * 1000 for n in range(400)} | {"alertname": "Big"},
        annotations={"summary": "s" * 1_000_000},
        raw="r" * 16_384,
    )
    (batch,) = batches((giant,))
    assert len(batch.model_dump_json().encode()) <= 256 * 1024
    assert (batch.alerts[0].fingerprint, batch.alerts[0].name) == ("f1", "Big")
