"""PagerDuty-style events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mainstay.domain.alert import AlertStatus
from mainstay.domain.routing import Route, route
from mainstay.web import events

TRIGGER: dict[str, Any] = {
    "routing_key": "sesame",
    "event_action": "trigger",
    "dedup_key": "deploy/checkout/118",
    "client_url": "https://ci.example.com/118",
    "payload": {
        "summary": "Deployment 118 of checkout failed",
        "source": "ci.example.com",
        "severity": "error",
        "timestamp": "2026-11-21T13:00:00Z",
        "component": "checkout",
        "class": "deploy_pipeline_failure",
        "custom_details": {"stage": "migrate", "attempt": 2},
    },
}


def body(**changes: Any) -> bytes:
    return json.dumps(TRIGGER | changes).encode()


def test_a_trigger_becomes_an_alert_that_can_be_routed() -> None:
    (alert,) = events.parse(body()).alerts
    assert alert.labels == {
        "alertname": "deploy_pipeline_failure",
        "class": "deploy_pipeline_failure",
        "component": "checkout",
        "service": "checkout",
        "severity": "error",
        "source": "ci.example.com",
        "stage": "migrate",
    }
    assert alert.fingerprint == "deploy/checkout/118"
    assert alert.annotations["summary"] == "Deployment 118 of checkout failed"


def test_a_resolve_with_the_payload_of_its_trigger_names_the_same_alert() -> None:
    (opened,), (closed,) = (events.parse(body(event_action=action)).alerts for action in ("trigger", "resolve"))
    assert closed.status is AlertStatus.RESOLVED
    assert (closed.labels, closed.fingerprint) == (opened.labels, opened.fingerprint)


def test_an_acknowledge_is_for_people_to_say() -> None:
    assert events.parse(body(event_action="acknowledge")).all == ()


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"[1]",
        body(event_action="explode"),
        body(payload=[1]),
        body(payload={}),
        body(payload=TRIGGER["payload"] | {"timestamp": "soon"}),
    ],
    ids=lambda value: repr(value[:40]),
)
def test_an_unreadable_event_is_kept_raw_without_its_token(damaged: bytes) -> None:
    (kept,) = events.parse(damaged).unreadable
    assert kept.status is AlertStatus.FIRING
    assert "sesame" not in kept.raw


@pytest.mark.parametrize(
    ("content", "key"),
    [(body(), "sesame"), (body(routing_key=7), None), (body(routing_key="ü"), None), (b"{", None)],
)
def test_the_token_is_read_from_the_body(content: bytes, key: str | None) -> None:
    assert events.routing_key(content) == key


@pytest.mark.capability("S-404")
@pytest.mark.parametrize(("stage", "mode"), [("migrate", "page"), ("unit-tests", "ticket")])
def test_a_failed_pipeline_is_an_incident_or_a_ticket_by_policy(stage: str, mode: str) -> None:
    """Given a pipeline's failure by webhook, then the routes decide whether people are paged or it is only listed."""
    failure = {"alertname": "deploy_pipeline_failure"}
    routes = (
        Route(name="tests", match=failure | {"stage": "/unit-.*/"}, service_label="service", mode="ticket"),
        Route(name="pipelines", match=failure, service_label="service"),
        Route(name="rest", service="catch-all", fallback=True),
    )
    payload = TRIGGER["payload"] | {"custom_details": {"stage": stage}}
    (alert,) = events.parse(body(payload=payload)).alerts
    found = route(alert, routes, {"checkout", "catch-all"})
    assert (found.service, found.mode, found.fallback) == ("checkout", mode, False)
