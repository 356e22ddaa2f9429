"""Alertmanager's payload: each alert by itself, and nothing dropped."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mainstay.domain.alert import AlertStatus
from mainstay.web import intake
from mainstay.web.alertmanager import parse
from tests.web.mutations import mutations

PAYLOAD = (Path(__file__).parent / "payloads" / "alertmanager.json").read_bytes()
GOOD: dict[str, Any] = json.loads(PAYLOAD)


def with_first(**fields: Any) -> bytes:
    payload = deepcopy(GOOD)
    payload["alerts"][0] |= fields
    return json.dumps(payload).encode()


@pytest.mark.capability("S-399")
def test_a_version_4_payload_is_parsed_with_labels_and_annotations() -> None:
    """Given an Alertmanager webhook v4 payload, then it is parsed with labels and annotations."""
    parsed = parse(PAYLOAD)
    first, second = parsed.alerts
    assert not parsed.unreadable
    assert first.labels == {
        "alertname": "HighErrorRate",
        "service": "payment-service",
        "severity": "critical",
    }
    assert first.annotations["description"] == "6% of requests fail (threshold 5%)"
    assert (first.status, second.status) == (AlertStatus.FIRING, AlertStatus.RESOLVED)
    assert first.starts_at == datetime(2026, 11, 21, 13, 15, 0, 123456, tzinfo=UTC)
    assert first.ends_at is None, "Go's zero time means that it has not ended"
    assert second.starts_at == datetime(2026, 11, 21, 12, 5, tzinfo=UTC)
    assert (first.fingerprint, first.source) == ("8d2f6a3b1c4e5f60", "alertmanager")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"labels": {}}, "no labels"),
        ({"labels": None}, "no labels"),
        ({"labels": {"alertname": 7}}, "not text"),
        ({"labels": ["alertname"]}, "not an object"),
        ({"labels": {f"l{n}": "x" for n in range(200)}}, "too many"),
        ({"labels": {"alertname": "x" * 40_000}}, "too long"),
        ({"annotations": "text"}, "annotations are not an object"),
        ({"annotations": {"summary": {"a": 1}}}, "not text"),
        ({"status": "burning"}, "neither firing nor resolved"),
        ({"status": None}, "neither firing nor resolved"),
        ({"startsAt": "yesterday"}, "startsAt"),
        ({"startsAt": 1763730000}, "startsAt"),
        ({"startsAt": "2026-11-21T13:15:00"}, "startsAt"),
        ({"startsAt": "9999-12-31T23:59:59-14:00"}, "startsAt"),
        ({"endsAt": []}, "endsAt"),
    ],
    ids=str,
)
def test_an_unreadable_alert_is_kept_raw_and_its_neighbour_delivered(fields: dict[str, Any], why: str) -> None:
    parsed = parse(with_first(**fields))
    assert len(parsed.alerts) == 1
    (kept,) = parsed.unreadable
    assert why in kept.annotations["summary"]
    assert kept.status is AlertStatus.FIRING
    assert kept.raw
    assert len(kept.raw.encode()) <= intake.MAX_RAW_BYTES


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"{}", "no list of alerts"),
        (b'{"alerts": {}}', "no list of alerts"),
        (b'{"alerts": [], "status": "firing"}', "empty"),
        (b'{"alerts": [NaN]}', "not JSON"),
        (b"\xff\xfe{}", "not JSON"),
        (b"[" * 100_000, "nested"),
        (b'{"alerts": [' + b"9" * 10_000 + b"]}", "not JSON"),
        (PAYLOAD[:-40], "not JSON"),
    ],
    ids=lambda value: repr(value[:30]),
)
def test_a_body_that_is_no_payload_becomes_one_raw_alert(body: bytes, why: str) -> None:
    parsed = parse(body)
    assert not parsed.alerts
    assert why in parsed.unreadable[0].annotations["summary"]
    assert parsed == parse(body), "a redelivery gives the same fingerprint"


def test_a_resolved_notice_without_alerts_is_nothing() -> None:
    assert parse(b'{"alerts": [], "status": "resolved"}').all == ()


def test_an_unreadable_resolved_alert_does_not_count_as_firing() -> None:
    (kept,) = parse(with_first(status="resolved", labels={})).unreadable
    assert kept.status is AlertStatus.RESOLVED


def test_what_no_store_can_keep_is_replaced() -> None:
    body = with_first(labels={"alertname": "a\0b\ud800"}, annotations={"summary": "\udfff"})
    alert = parse(body).alerts[0]
    assert alert.labels == {"alertname": "a\ufffdb?"}
    alert.model_dump_json().encode()


def test_long_annotations_are_cut_and_links_that_no_browser_should_follow_are_left_out() -> None:
    body = with_first(annotations={f"a{n}": "x" * 9000 for n in range(20)}, generatorURL="javascript:alert(1)")
    alert = parse(body).alerts[0]
    assert all(len(text) <= intake.MAX_ANNOTATION for text in alert.annotations.values())
    assert sum(map(len, alert.annotations.values())) <= intake.MAX_ANNOTATIONS_CHARS
    assert alert.generator_url == ""


def test_an_alert_without_fingerprint_gets_one_of_its_labels() -> None:
    one, two = (parse(with_first(fingerprint=given)).alerts[0] for given in (None, 7))
    assert one.fingerprint == two.fingerprint
    assert len(one.fingerprint) == 16


def test_grafana_has_the_same_shape_and_links_of_its_own() -> None:
    payload = deepcopy(GOOD) | {"version": "1", "title": "[FIRING:1]", "state": "alerting", "orgId": 1}
    payload["alerts"][0]["dashboardURL"] = "https://grafana.example.com/d/abc"
    first = parse(json.dumps(payload).encode(), "grafana").alerts[0]
    assert first.source == "grafana"
    assert first.annotations["dashboardURL"] == "https://grafana.example.com/d/abc"


def test_a_thousand_mutations_lose_no_alert() -> None:
    """Whatever a mutation leaves readable as an item of the list is delivered or kept raw, one for one."""
    for body in mutations(PAYLOAD, seed=1, count=1000):
        parsed = parse(body)
        for alert in parsed.all:
            alert.model_dump_json().encode("utf-8")
        assert len(parsed.all) == expected(body), body


def expected(body: bytes) -> int:
    """How many alerts the body holds; one when it cannot be read as a list of them."""
    try:
        payload = json.loads(body.decode())
        items = payload["alerts"]
        if not isinstance(items, list):
            return 1
    except (ValueError, KeyError, TypeError):
        return 1
    return len(items) or (0 if payload.get("status") == "resolved" else 1)
