"""The operators' folder → Config, or everything that is wrong with it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from mainstay.config.documents import Document, Documents
from mainstay.config.files import ConfigErrors, MainFile, SeverityFile
from mainstay.config.folder import Folder, read_folder
from mainstay.config.model import Config
from mainstay.config.parts import LevelChange, Overlay, OverlayPolicy
from mainstay.config.references import References
from mainstay.config.rosters import with_holidays
from mainstay.config.suggest import close
from mainstay.domain.escalation import EscalationPolicy
from mainstay.domain.positioned import Problem
from mainstay.domain.runbook import lint
from mainstay.domain.severity import SeverityProfile


def load(folder: Path, overlay: str = "") -> Config:
    """The folder as one value. Raises ConfigErrors with ALL problems, by file, line and column.

    ``overlay`` names a file of ``overlays/`` (without ``.yaml``) whose times replace those of the folder:
    ``demo``, for example. Secrets are not looked up: they need only exist where the product runs.
    """
    config, problems = check(folder, overlay)
    if config is None:
        raise ConfigErrors(tuple(problem for problem in problems if problem.severity == "error"))
    return config


def check(folder: Path, overlay: str = "", at: datetime | None = None) -> tuple[Config | None, tuple[Problem, ...]]:
    """The value, or None if there are errors, and all errors and warnings in the order of the files.

    Schedules are looked at from ``at`` (now, if it is not given) for four weeks.
    """
    at = at or datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    documents = Documents(folder)
    if not folder.is_dir():
        return None, (Problem(str(folder), 1, 1, "there is no such folder"),)
    read = read_folder(documents)
    severity = read.severity.value if read.severity else SeverityFile()
    profile = severity.known().get(severity.profile)
    documents.problems += References(read, profile, at).check()
    documents.problems += _runbook_problems(read)
    chosen = _overlay(documents, read, overlay)
    problems = tuple(dict.fromkeys(sorted(documents.problems, key=lambda p: (p.file, p.line, p.column))))
    if any(problem.severity == "error" for problem in problems) or read.main is None or profile is None:
        return None, problems
    config = _config(read, read.main, severity, profile, chosen)
    return config.model_copy(update={"warnings": problems}), problems


def _runbook_problems(read: Folder) -> list[Problem]:
    library = {name: one.runbook for name, one in read.library.items() if one.runbook}
    return [problem for one in read.runbooks.values() for problem in lint.check(one.text, one.file, library)]


def _overlay(documents: Documents, read: Folder, name: str) -> Overlay:
    if not name:
        return Overlay()
    path = documents.folder / "overlays" / f"{name}.yaml"
    found: list[Document[Overlay]] = [one for one in read.overlays if one.file == str(path)]
    if not found and not path.exists():
        known = [one.stem for one in documents.paths("overlays")]
        documents.problems.append(Problem(str(path), 1, 1, f"there is no such overlay{close(name, known)}"))
    return found[0].value if found else Overlay()


def _config(
    read: Folder,
    document: Document[MainFile],
    severity: SeverityFile,
    profile: SeverityProfile,
    over: Overlay,
) -> Config:
    main = document.value
    people = read.people.value.people if read.people else {}
    teams = read.teams.value.teams if read.teams else {}
    policies = (one.value.policy() for one in read.policies)
    profile = _changed(_changed(profile, severity.levels), over.levels)
    said = {k: v for k, v in over.defaults.model_dump().items() if v is not None}
    return Config(
        organisation=main.organisation,
        public_url=main.public_url,
        people={handle: person.person(handle) for handle, person in people.items()},
        teams={name: team.team(name) for name, team in teams.items()},
        services={one.value.name: one.value for one in read.services},
        schedules={one.value.name: with_holidays(one.value, main.holidays) for one in read.schedules},
        policies={p.name: _timed(p, over.policies.get(p.name, OverlayPolicy())) for p in policies},
        profile=profile,
        profiles=severity.known() | {profile.name: profile},
        routes=read.routes.value.routes if read.routes else (),
        **({"approvals": read.approvals.value.policy()} if read.approvals else {}),
        channels=main.channels,
        clusters=main.clusters,
        prometheus=main.prometheus,
        alertmanagers=main.alertmanagers,
        http_hosts=main.http_hosts,
        tokens=main.tokens,
        stakeholders=main.stakeholders,
        executives=main.executives,
        time_zone=main.time_zone,
        business_hours=main.business_hours,
        holidays=main.holidays,
        status_page=main.status_page,
        defaults=main.defaults.model_copy(update=said),
        runbooks={name: one.text for name, one in sorted(read.library.items())},
        templates={name: text for name, (_, text) in sorted(read.templates.items())},
    )


def _changed(profile: SeverityProfile, changes: dict[str, LevelChange]) -> SeverityProfile:
    """The scale with some rows changed; a label may be any spelling that the scale knows."""
    levels = list(profile.levels)
    for label, change in changes.items():
        rank = profile.parse(label).rank
        said = change.model_dump(exclude_unset=True)
        levels[rank] = levels[rank].model_copy(update=said)
    return profile.model_copy(update={"levels": tuple(levels)})


def _timed(policy: EscalationPolicy, change: OverlayPolicy) -> EscalationPolicy:
    waits = change.waits or tuple(step.wait for step in policy.steps)
    said = {k: v for k, v in change.model_dump(exclude={"waits"}).items() if v is not None}
    steps = tuple(step.model_copy(update={"wait": wait}) for step, wait in zip(policy.steps, waits, strict=True))
    return policy.model_copy(update={"steps": steps, **said})
