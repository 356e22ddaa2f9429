"""Alertmanager's webhook, payload version 4, and Grafana's, which has the same shape (S-399, S-398).

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config. Pure: bytes in, alerts out, and
nothing that was sent is dropped.
"""

from __future__ import annotations

from typing import Any

from mainstay.domain.alert import Alert, AlertStatus
from mainstay.web import intake
from mainstay.web.intake import Parsed, Unreadable

_GRAFANA_LINKS = ("dashboardURL", "panelURL", "silenceURL")


def parse(body: bytes, source: str = "alertmanager") -> Parsed:
    """Each alert of the body by itself: one bad alert does not spoil its neighbours. Never raises."""
    try:
        payload = intake.decode(body)
        items = _items(payload)
    except Unreadable as reason:
        return Parsed(unreadable=(intake.raw_alert(body, source, str(reason)),))
    good: list[Alert] = []
    bad: list[Alert] = []
    for item in items:
        try:
            good.append(_alert(item, source))
        except Unreadable as reason:
            bad.append(intake.raw_item(item, source, str(reason)))
    truncated = payload.get("truncatedAlerts")
    left_out = truncated if isinstance(truncated, int) and truncated > 0 else 0
    return Parsed(alerts=tuple(good), unreadable=tuple(bad), truncated=left_out)


def _items(payload: Any) -> list[Any]:
    if not isinstance(payload, dict):
        raise Unreadable("it is not a JSON object")
    items = payload.get("alerts")
    if not isinstance(items, list):
        raise Unreadable("it has no list of alerts")
    if not items and payload.get("status") != AlertStatus.RESOLVED.value:
        raise Unreadable("its list of alerts is empty though it is not resolved")
    return items


def _alert(item: Any, source: str) -> Alert:
    if not isinstance(item, dict):
        raise Unreadable("it is not an object")
    found = intake.labels(item.get("labels"))
    notes = intake.description(item.get("annotations"))
    links = {key: intake.url(item.get(key)) for key in _GRAFANA_LINKS}
    return Alert(
        source=source,
        status=_status(item.get("status")),
        fingerprint=intake.fingerprint(item.get("fingerprint"), found),
        labels=found,
        annotations={**{key: link for key, link in links.items() if link}, **notes},
        starts_at=intake.instant(item.get("startsAt"), "startsAt"),
        ends_at=intake.instant(item.get("endsAt"), "endsAt"),
        generator_url=intake.url(item.get("generatorURL")),
    )


def _status(value: Any) -> AlertStatus:
    if value == AlertStatus.FIRING.value:
        return AlertStatus.FIRING
    if value == AlertStatus.RESOLVED.value:
        return AlertStatus.RESOLVED
    raise Unreadable("its status is neither firing nor resolved")
