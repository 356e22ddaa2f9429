"""Events in the style of PagerDuty's Events API v2, which many tools can send (S-049, S-404, S-406).

https://developer.pagerduty.com/docs/send-alert-event. ``routing_key`` is a Mainstay token with the role
``alert_source``, unless the request has an Authorization header. Pure.

A resolve event is only understood with the payload of its trigger: routing needs ``service`` or
``component``, and a door remembers nothing between two requests.
"""

from __future__ import annotations

from typing import Any

from mainstay.domain.alert import Alert, AlertStatus
from mainstay.web import intake
from mainstay.web.intake import Parsed, Unreadable

SOURCE = "events"
_TEXT_FIELDS = ("source", "component", "group", "class", "severity")


def routing_key(body: bytes) -> str | None:
    """The token inside the body, for senders that cannot set a header."""
    try:
        payload = intake.decode(body)
    except Unreadable:
        return None
    key = payload.get("routing_key") if isinstance(payload, dict) else None
    return key if isinstance(key, str) and key.isascii() else None


def parse(body: bytes) -> Parsed:
    """One event: an alert, or nothing for ``acknowledge``, which is for people to say. Never raises."""
    try:
        event = intake.decode(body)
        if not isinstance(event, dict):
            raise Unreadable("it is not a JSON object")
        match event.get("event_action"):
            case "trigger":
                return Parsed(alerts=(_alert(event, AlertStatus.FIRING),))
            case "resolve":
                return Parsed(alerts=(_alert(event, AlertStatus.RESOLVED),))
            case "acknowledge":
                return Parsed()
            case _:
                raise Unreadable("its event_action is not trigger, acknowledge or resolve")
    except Unreadable as reason:
        return Parsed(unreadable=(_kept(body, str(reason)),))


def _kept(body: bytes, reason: str) -> Alert:
    """The raw event without its token."""
    key = routing_key(body)
    return intake.raw_alert(body.replace(key.encode(), b"[token]") if key else body, SOURCE, reason)


def _alert(event: dict[str, Any], status: AlertStatus) -> Alert:
    payload = event.get("payload") or {}
    if not isinstance(payload, dict):
        raise Unreadable("its payload is not an object")
    details = payload.get("custom_details")
    found = _labels(payload, details if isinstance(details, dict) else {})
    if status is AlertStatus.FIRING and not found:
        raise Unreadable("its payload says nothing that could be routed")
    key = event.get("dedup_key")
    return Alert(
        source=SOURCE,
        status=status,
        fingerprint=intake.fingerprint(key, found),
        labels=found,
        annotations=intake.description({"summary": _text(payload.get("summary")) or "event"}),
        starts_at=intake.instant(payload.get("timestamp"), "timestamp"),
        generator_url=intake.url(event.get("client_url")),
    )


def _labels(payload: dict[str, Any], details: dict[str, Any]) -> dict[str, str]:
    """What identifies the event. ``custom_details`` of plain text join, and win as ``service`` does."""
    found = {name: _text(payload.get(name)) for name in _TEXT_FIELDS}
    found["alertname"] = found["class"] or _text(payload.get("summary"))[:200]
    found["service"] = found["component"]
    found |= {str(name): _text(value) for name, value in list(details.items())[: intake.MAX_LABELS // 2]}
    kept = {intake.clean(name): value for name, value in found.items() if value}
    return intake.labels(kept) if kept else {}


def _text(value: Any) -> str:
    return intake.clean(value) if isinstance(value, str) else ""
