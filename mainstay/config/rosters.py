"""What is unwise about the folder's schedules and policies, at its line, and what its team size demands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from mainstay.config.documents import Document
from mainstay.config.folder import Folder
from mainstay.domain.errors import InvalidArgument
from mainstay.domain.oncall.lint import Warned, lint_coverage, lint_policy, lint_schedule, uncovered
from mainstay.domain.oncall.rotation import zone
from mainstay.domain.oncall.schedule import Schedule
from mainstay.domain.positioned import Problem


def with_holidays(schedule: Schedule, organisation: tuple[str, ...]) -> Schedule:
    """The schedule, with the organisation's holidays where it uses holidays and names none."""
    uses = any(layer.holidays != "count" for layer in schedule.layers)
    if schedule.holidays or not uses:
        return schedule
    return schedule.model_copy(update={"holidays": tuple(map(date.fromisoformat, organisation))})


def problems(folder: Folder, at: datetime) -> Iterator[Problem]:
    """Warnings of the four weeks from ``at``; errors where ``team_size`` promises what is not there."""
    organisation = folder.main.value.holidays if folder.main else ()
    schedules: dict[str, Schedule] = {}
    for document in folder.schedules:
        schedule = document.value
        if not document.whole or not _readable(schedule, organisation):
            continue  # its problems are told already
        schedules[schedule.name] = with_holidays(schedule, organisation)
        yield from _warnings(document, lint_schedule(schedules[schedule.name], at))
    for written in folder.policies:
        policy = written.value.policy()
        yield from _warnings(written, (*lint_policy(policy), *lint_coverage(policy, schedules, at)))
    yield from _team_size(folder, schedules, at)


def _readable(schedule: Schedule, organisation: tuple[str, ...]) -> bool:
    """Without layers, zones or dates that another check reports."""
    try:
        for layer in schedule.layers:
            zone(layer.time_zone or schedule.time_zone)
        with_holidays(schedule, organisation)
    except (InvalidArgument, ValueError):
        return False
    return bool(schedule.layers) and all(layer.people for layer in schedule.layers)


def _warnings(document: Document[Any], found: tuple[Warned, ...]) -> Iterator[Problem]:
    for warned in found:
        yield document.problem(warned.path, f"{warned.subject}: {warned.message}", warning=True)


def _team_size(folder: Folder, schedules: Mapping[str, Schedule], at: datetime) -> Iterator[Problem]:
    main = folder.main
    size = main.value.team_size if main else None
    if main is None or size in (None, "small") or folder.unread & {"schedules", "policies"}:
        return
    if len(folder.schedules) < 2:
        text = f"team_size {size} means rotations by speciality, and there are fewer than two schedules"
        yield main.problem(("team_size",), text, warning=size == "medium")
    if size == "large":
        for document in folder.policies:
            policy = document.value.policy()
            gap = uncovered(policy, schedules, at)
            if gap is not None and document.whole:
                text = (
                    f"team_size large means somebody day and night, and the first step of {policy.name} "
                    f"pages nobody at {gap:%a %Y-%m-%d %H:%M} UTC"
                )
                yield document.problem(("steps", 0), text)
