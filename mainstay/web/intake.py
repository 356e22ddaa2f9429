"""What the alert doors have in common: bounds, cleaning, and keeping what cannot be read.

Alertmanager never repeats a delivery that was answered with 4xx. So whatever an authenticated source sends
becomes an alert: a parsed one, or a raw one that opens the route's fallback incident (architecture, section
7).
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from mainstay.domain.alert import Alert, AlertStatus
from mainstay.domain.model import Record, digest

MAX_BODY_BYTES = 4 * 1024 * 1024
"""Longest webhook body that is parsed: about 8,000 usual alerts. A longer one is kept as its beginning."""
MAX_RAW_BYTES = 16 * 1024
"""How much of an unreadable alert is kept."""
MAX_LABELS = 128
MAX_LABELS_BYTES = 32 * 1024
"""Labels identify an alert, so they are never cut: an alert with more is kept raw."""
MAX_ANNOTATION = 4 * 1024
MAX_ANNOTATIONS_CHARS = 24 * 1024
"""Annotations only describe: what is beyond is cut, with an ellipsis."""
MAX_URL = 2 * 1024


class Unreadable(Exception):  # noqa: N818 - an answer of the parser, not a fault
    """Why something sent is not an alert, in one line."""


class Parsed(Record):
    """What one delivery held. ``unreadable`` are raw; ``truncated`` counts what the sender left out."""

    alerts: tuple[Alert, ...] = ()
    unreadable: tuple[Alert, ...] = ()
    truncated: int = 0

    @property
    def all(self) -> tuple[Alert, ...]:
        return self.alerts + self.unreadable


def raw_alert(content: bytes, source: str, reason: str, status: AlertStatus = AlertStatus.FIRING) -> Alert:
    """An alert that only keeps what was sent. The same content gives the same fingerprint."""
    return Alert(
        source=source,
        status=status,
        fingerprint=hashlib.sha256(content).hexdigest()[:16],
        annotations={"summary": f"Unreadable alert from {source}: {reason}"},
        raw=clean(content[:MAX_RAW_BYTES].decode("utf-8", errors="replace")),
    )


def raw_item(item: Any, source: str, reason: str) -> Alert:
    """A raw alert of one decoded item. Only a readable ``resolved`` keeps it from counting as firing."""
    status = item.get("status") if isinstance(item, dict) else None
    return raw_alert(
        json.dumps(item, sort_keys=True, default=str).encode(),
        source,
        reason,
        AlertStatus.RESOLVED if status == AlertStatus.RESOLVED.value else AlertStatus.FIRING,
    )


def clean(text: str) -> str:
    """Without what no store can keep: NUL and lone surrogates. The rest is escaped where it is shown."""
    if text.isascii() and "\0" not in text:  # nearly all of it, and a storm has ten thousand alerts
        return text
    return text.replace("\0", "\ufffd").encode("utf-8", errors="replace").decode("utf-8")


def decode(body: bytes) -> Any:
    """JSON as RFC 8259 has it: no NaN, no Infinity. Raises Unreadable."""
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except RecursionError:
        raise Unreadable("it is nested too deeply") from None
    except ValueError as error:
        raise Unreadable(f"it is not JSON ({type(error).__name__})") from None


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def text_map(value: Any, what: str) -> dict[str, str]:
    """A mapping of text to text. Raises Unreadable for anything else; a missing one is empty."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Unreadable(f"its {what} are not an object")
    cleaned: dict[str, str] = {}
    for key, item in value.items():
        if not isinstance(item, str):
            raise Unreadable(f"its {what} hold something that is not text")
        cleaned[clean(key)] = clean(item)
    return cleaned


def labels(value: Any) -> dict[str, str]:
    """The labels, whole. Raises Unreadable when there are none or too many."""
    found = text_map(value, "labels")
    if not found:
        raise Unreadable("it has no labels")
    size = len("".join([*found, *found.values()]).encode())
    if len(found) > MAX_LABELS or size > MAX_LABELS_BYTES:
        raise Unreadable(f"its labels are too many or too long ({len(found)}, {size} bytes)")
    return found


def description(value: Any) -> dict[str, str]:
    """The annotations, cut to a size that fits many alerts into one signal."""
    kept: dict[str, str] = {}
    left = MAX_ANNOTATIONS_CHARS
    for key, item in text_map(value, "annotations").items():
        room = min(MAX_ANNOTATION, left - len(key))
        if room <= 0:
            break
        kept[key] = item if len(item) <= room else item[: room - 1] + "…"
        left -= len(key) + len(kept[key])
    return kept


def instant(value: Any, what: str) -> datetime | None:
    """An RFC 3339 time in UTC; None for a missing one and for Go's zero time. Raises Unreadable.

    A time that cannot be read makes the alert raw: with ``fingerprint`` it tells this firing from the one
    before, and a guess could make a new one look like a repetition.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise Unreadable(f"its {what} is not text")
    try:
        at = datetime.fromisoformat(value)
        if at.year <= 1:
            return None
        if at.tzinfo is None:
            raise ValueError("no zone")
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unreadable(f"its {what} is not a time of RFC 3339") from None


def url(value: Any) -> str:
    """A link to show, or nothing: only http and https, and never a reason to refuse the alert."""
    text = clean(value) if isinstance(value, str) else ""
    return text if text.startswith(("http://", "https://")) and len(text) <= MAX_URL else ""


def fingerprint(value: Any, found: dict[str, str]) -> str:
    """The sender's fingerprint, or one of the labels."""
    if isinstance(value, str) and 0 < len(value) <= 256:
        return clean(value)
    return digest(found).removeprefix("sha256:")[:16]
