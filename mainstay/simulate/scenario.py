"""The file with the alerts, read as the webhook door would read them."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mainstay.domain.alert import Alert
from mainstay.domain.duration import Duration
from mainstay.domain.model import Strict
from mainstay.domain.positioned import DocumentErrors, Positions, Problem, check, read
from mainstay.simulate.story import LONGEST, Arrival
from mainstay.web import alertmanager


class WrittenAlert(Strict):
    """An alert as people write it: labels are enough. ``after`` is counted from the story's beginning."""

    after: Duration = Field(default=timedelta(0), ge=timedelta(0), le=LONGEST)
    status: str = Field(default="firing", pattern="^(firing|resolved)$")
    labels: dict[str, str] = Field(min_length=1)
    annotations: dict[str, str] = Field(default_factory=dict)
    startsAt: str | None = None  # noqa: N815 - Alertmanager's own name
    endsAt: str | None = None  # noqa: N815
    generatorURL: str = ""  # noqa: N815
    fingerprint: str = ""


class Payload(BaseModel):
    """A delivery of Alertmanager: senders add fields of their own, which are left alone."""

    model_config = ConfigDict(extra="ignore")

    alerts: list[dict[str, Any]] = Field(min_length=1)


def arrivals(file: Path, begins: datetime) -> tuple[Arrival, ...]:
    """What arrives when. Raises DocumentErrors with every mistake at its line."""
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise DocumentErrors([Problem(str(file), 1, 1, "is not UTF-8 text")]) from None
    except OSError as error:
        raise DocumentErrors([Problem(str(file), 1, 1, f"cannot be read: {error.strerror}")]) from None
    data, positions = read(text, str(file))
    if isinstance(data, dict) and "alerts" in data:
        found, problems = _payload(data, positions, str(file))
    else:
        found, problems = _written(data, positions, str(file), begins)
    if problems or not found:
        raise DocumentErrors(problems or [Problem(str(file), 1, 1, "there is no alert in it")])
    return found


def _payload(data: Any, positions: Positions, file: str) -> tuple[tuple[Arrival, ...], list[Problem]]:
    """The webhook's own form: one delivery, at the beginning."""
    given, problems = check(Payload, data, positions, file)
    if given is None:
        return (), problems
    taken: list[Alert] = []
    for number, item in enumerate(given.alerts):
        alert, why = _taken(item)
        if alert is None:
            problems.append(Problem(file, *positions.get(("alerts", number), (1, 1)), why))
        else:
            taken.append(alert)
    return (Arrival(alerts=tuple(taken)),), problems


def _written(data: Any, positions: Positions, file: str, begins: datetime) -> tuple[tuple[Arrival, ...], list[Problem]]:
    """One alert, or a list of them; those of one moment are one delivery."""
    items = [((), data)] if not isinstance(data, list) else [((number,), item) for number, item in enumerate(data)]
    moments: dict[timedelta, list[Alert]] = {}
    problems: list[Problem] = []
    for path, item in items:
        given, wrong = check(WrittenAlert, item, positions, file, path)
        problems += wrong
        if given is None:
            continue
        body = given.model_dump(exclude={"after"})
        alert, why = _taken({**body, "startsAt": given.startsAt or (begins + given.after).isoformat()})
        if alert is None:
            problems.append(Problem(file, *positions.get(path, (1, 1)), why))
        else:
            moments.setdefault(given.after, []).append(alert)
    return tuple(Arrival(after=after, alerts=tuple(moments[after])) for after in sorted(moments)), problems


def _taken(item: dict[str, Any]) -> tuple[Alert | None, str]:
    """The alert as the webhook door takes it, or why it would be kept raw."""
    body = json.dumps({"version": "4", "status": "firing", "alerts": [item]}).encode()
    parsed = alertmanager.parse(body)
    if parsed.alerts:
        return parsed.alerts[0], ""
    summary = parsed.unreadable[0].annotations.get("summary", "") if parsed.unreadable else ""
    return None, summary.removeprefix("Unreadable alert from alertmanager: ") or "it cannot be read"
