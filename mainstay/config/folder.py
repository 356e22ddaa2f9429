"""All documents of an operators' folder, before anything is known about how they fit together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, JsonValue

import mainstay
from mainstay.config.documents import Document, Documents
from mainstay.config.files import (
    ApprovalsFile,
    MainFile,
    PeopleFile,
    PolicyFile,
    RoutesFile,
    SeverityFile,
    TeamsFile,
)
from mainstay.config.parts import Overlay
from mainstay.domain.oncall.pagerduty import PagerDutySchedule
from mainstay.domain.oncall.schedule import Schedule
from mainstay.domain.positioned import DocumentErrors, read
from mainstay.domain.runbook.node import Runbook
from mainstay.domain.runbook.parse import RunbookErrors, parse
from mainstay.domain.service import Service

BUILT_IN = Path(mainstay.__file__).parent.parent / "runbooks"
"""The shipped runbooks lie beside the package, in the repository as in an installation."""
FILES = {
    "mainstay.yaml",
    "people.yaml",
    "teams.yaml",
    "severity.yaml",
    "routes.yaml",
    "approvals.yaml",
}
FOLDERS = {"services", "schedules", "policies", "runbooks", "templates", "overlays", "simulations"}


@dataclass
class Folder:
    """What was read. A document that could not be read at all is missing here, and is among the problems."""

    main: Document[MainFile] | None
    people: Document[PeopleFile] | None
    teams: Document[TeamsFile] | None
    severity: Document[SeverityFile] | None
    routes: Document[RoutesFile] | None
    approvals: Document[ApprovalsFile] | None
    services: list[Document[Service]]
    schedules: list[Document[Schedule]]
    policies: list[Document[PolicyFile]]
    overlays: list[Document[Overlay]]
    runbooks: dict[str, RunbookText]
    """Name → the organisation's own."""
    built_in: Mapping[str, RunbookText]
    templates: dict[str, tuple[str, str]]
    """Name → (file, text)."""
    unread: set[str] = field(default_factory=set)
    """Kinds of which a file could not be read: nothing can be said about names of theirs."""

    @property
    def library(self) -> dict[str, RunbookText]:
        return {**self.built_in, **self.runbooks}


@dataclass(frozen=True)
class RunbookText:
    file: str
    text: str
    runbook: Runbook | None
    """None: it has problems."""


def read_folder(documents: Documents) -> Folder:
    """Every file that Mainstay reads, with the problems of each one's form."""
    documents.unknown_files(FILES, FOLDERS)
    unread: set[str] = set()

    def noted(kind: str, before: int, count: int) -> None:
        """Fewer documents than files: one had no readable text at all."""
        if count < before:
            unread.add(kind)

    found = Folder(
        main=documents.one("mainstay.yaml", MainFile, required=True),
        people=documents.one("people.yaml", PeopleFile, holds="people"),
        teams=documents.one("teams.yaml", TeamsFile, holds="teams"),
        severity=documents.one("severity.yaml", SeverityFile),
        routes=documents.one("routes.yaml", RoutesFile),
        approvals=documents.one("approvals.yaml", ApprovalsFile),
        services=list(documents.many("services", Service)),
        schedules=list(_schedules(documents)),
        policies=list(documents.many("policies", PolicyFile)),
        overlays=list(documents.many("overlays", Overlay)),
        runbooks=_runbooks(documents),
        built_in=built_in(),
        templates=_templates(documents),
        unread=unread,
    )
    for kind, value in (("main", found.main), ("people", found.people), ("teams", found.teams)):
        file = "mainstay.yaml" if kind == "main" else f"{kind}.yaml"
        noted(kind, int((documents.folder / file).exists() or kind == "main"), int(value is not None))
    for kind in ("services", "schedules", "policies"):
        noted(kind, len(documents.paths(kind)), len(getattr(found, kind)))
    noted("runbooks", len(documents.paths("runbooks")), len(found.runbooks))
    return found


def _schedules(documents: Documents) -> Iterator[Document[Schedule]]:
    """Ours, or PagerDuty's form, which is told by its field names."""
    for path in documents.paths("schedules"):
        text = documents.text(path)
        if text is None:
            continue
        try:
            data, positions = read(text, str(path))
        except DocumentErrors as fault:
            documents.problems.extend(fault.problems)
            continue
        data = {} if data is None else data
        model: type[BaseModel] = PagerDutySchedule if _is_pagerduty(data) else Schedule
        document = documents.checked(path, model, data, positions)
        if document:
            value = document.value
            schedule = value.schedule() if isinstance(value, PagerDutySchedule) else value
            assert isinstance(schedule, Schedule)
            yield Document(document.file, schedule, document.positions, document.names)


def _is_pagerduty(data: JsonValue) -> bool:
    layers = data.get("layers") if isinstance(data, dict) else None
    first = layers[0] if isinstance(layers, list) and layers else None
    return isinstance(first, dict) and ("users" in first or "rotation_turn_length_seconds" in first)


def _runbooks(documents: Documents) -> dict[str, RunbookText]:
    found: dict[str, RunbookText] = {}
    for path in documents.paths("runbooks"):
        text = documents.text(path)
        if text is None:
            continue
        one = _runbook(str(path), text)
        name = one.runbook.name if one.runbook else path.stem
        found[name] = one
    return found


def _runbook(file: str, text: str) -> RunbookText:
    """Its problems are found later, when every runbook that it may call is known."""
    try:
        return RunbookText(file, text, parse(text, file))
    except RunbookErrors:
        return RunbookText(file, text, None)


def built_in() -> dict[str, RunbookText]:
    """The shipped runbooks by name. They are tested where they lie, not again in every folder."""
    found = (_runbook(path.name, path.read_text()) for path in sorted(BUILT_IN.glob("*.yaml")))
    return {one.runbook.name: one for one in found if one.runbook}


def _templates(documents: Documents) -> dict[str, tuple[str, str]]:
    found = {}
    for path in documents.paths("templates", "**/*"):
        text = documents.text(path)
        if text is not None:
            found[str(path.relative_to(documents.folder / "templates"))] = (str(path), text)
    return found
