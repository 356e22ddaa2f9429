"""Whether everything that is named exists, and whether what is said makes sense together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Any

from mainstay.config import rosters
from mainstay.config.channels import TwilioChannel
from mainstay.config.documents import Document
from mainstay.config.files import PeopleFile, PolicyFile, WrittenContact
from mainstay.config.folder import Folder
from mainstay.config.suggest import close
from mainstay.domain import template
from mainstay.domain.access import AccessRole
from mainstay.domain.calendar import Calendar
from mainstay.domain.errors import InvalidArgument
from mainstay.domain.escalation import Target
from mainstay.domain.lifecycle import ROLES
from mainstay.domain.oncall.rotation import zone
from mainstay.domain.oncall.schedule import Schedule
from mainstay.domain.positioned import Path, Problem
from mainstay.domain.service import Service
from mainstay.domain.severity import SeverityProfile
from mainstay.domain.telephone import is_number

KINDS = {
    "people": "person",
    "teams": "team",
    "services": "service",
    "schedules": "schedule",
    "policies": "escalation policy",
    "channels": "channel",
    "clusters": "cluster",
    "runbooks": "runbook",
}
_TARGETS = {"person": "people", "team": "teams", "schedule": "schedules", "manager": "teams"}


class References:
    """Checks one folder. Each method yields problems; ``check`` is all of them."""

    def __init__(self, folder: Folder, profile: SeverityProfile | None, at: datetime) -> None:
        self._folder = folder
        self._at = at
        self._profile = profile
        self._names = _names(folder)

    def check(self) -> Iterator[Problem]:
        yield from self._duplicates()
        yield from self._main()
        yield from self._people()
        yield from self._teams()
        for service in self._folder.services:
            yield from self._service(service)
        for schedule in self._folder.schedules:
            yield from self._schedule(schedule)
        for policy in self._folder.policies:
            yield from self._policy(policy)
        yield from rosters.problems(self._folder, self._at)
        yield from self._severity()
        yield from self._routes()
        yield from self._approvals()
        yield from self._templates()
        yield from self._overlays()

    def _missing(self, document: Document[Any], path: Path, kind: str, name: str) -> Iterator[Problem]:
        """Nothing, or the problem that ``name`` is not among the names of its kind."""
        known = self._names.get(kind)
        if known is not None and name not in known:
            yield document.problem(path, f"no {KINDS[kind]} is called {name!r}{close(name, known)}")

    def _zone(self, document: Document[Any], path: Path, name: str) -> Iterator[Problem]:
        yield from _refusal(document, path, lambda: zone(name))

    def _duplicates(self) -> Iterator[Problem]:
        """Names that two files give: which one counts would depend on the order of the files."""
        for kind in ("services", "schedules", "policies"):
            seen: dict[str, str] = {}
            for document in getattr(self._folder, kind):
                name = document.value.name
                if name in seen:
                    message = f"{KINDS[kind]} {name!r} is already defined in {seen[name]}"
                    yield document.problem(("name",), message)
                seen.setdefault(name, document.file)

    def _main(self) -> Iterator[Problem]:
        document = self._folder.main
        if document is None:
            return
        main = document.value
        yield from self._zone(document, ("time_zone",), main.time_zone)
        for index, hours in enumerate(main.business_hours):
            at: Path = ("business_hours", index)
            yield from _refusal(document, at, partial(Calendar.parse, (hours,)))
        for index, day in enumerate(main.holidays):
            at = ("holidays", index)
            yield from _refusal(document, at, partial(Calendar.parse, (), "UTC", (day,)))
        for index, token in enumerate(main.tokens):
            if token.person:
                yield from self._missing(document, ("tokens", index, "person"), "people", token.person)
        for field, handles in (("stakeholders", main.stakeholders), ("executives", main.executives)):
            for index, handle in enumerate(handles):
                yield from self._missing(document, (field, index), "people", handle)
        if main.defaults.escalation_policy:
            at = ("defaults", "escalation_policy")
            yield from self._missing(document, at, "policies", main.defaults.escalation_policy)

    def _people(self) -> Iterator[Problem]:
        document = self._folder.people
        if document is None:
            return
        for handle, person in document.value.people.items():
            at: Path = ("people", handle)
            if not person.contacts and not _written_contacts(document, at):
                yield document.problem(at, f"{handle} has no contact method and could never be paged")
            yield from self._zone(document, (*at, "time_zone"), person.time_zone)
            if person.manager:
                yield from self._missing(document, (*at, "manager"), "people", person.manager)
            for name, contact in person.contacts.items():
                where = (*at, "contacts", name, "channel")
                yield from self._missing(document, where, "channels", contact.channel)
                yield from self._number(document, (*at, "contacts", name, "address"), contact)
            for index, hours in enumerate(person.quiet_hours):
                yield from _refusal(document, (*at, "quiet_hours", index), partial(Calendar.parse, (hours,)))
            for index, rule in enumerate(person.notify):
                if rule.method not in person.contacts:
                    hint = close(rule.method, person.contacts)
                    where = (*at, "notify", index, "method")
                    yield document.problem(where, f"{handle} has no contact method called {rule.method!r}{hint}")

    def _number(self, document: Document[PeopleFile], path: Path, contact: WrittenContact) -> Iterator[Problem]:
        """Twilio takes nothing but E.164, and says so only when somebody has to be paged."""
        channels = self._folder.main.value.channels if self._folder.main else {}
        if isinstance(channels.get(contact.channel), TwilioChannel) and not is_number(contact.address):
            yield document.problem(
                path,
                f"the address on channel {contact.channel!r} is no telephone number in E.164 form: "
                "+, country code and number without spaces, such as +4930123456",
            )

    def _teams(self) -> Iterator[Problem]:
        document = self._folder.teams
        if document is None:
            return
        for name, team in document.value.teams.items():
            at: Path = ("teams", name)
            for index, member in enumerate(team.members):
                yield from self._missing(document, (*at, "members", index), "people", member)
            if team.manager:
                yield from self._missing(document, (*at, "manager"), "people", team.manager)
            if team.escalation_policy:
                where = (*at, "escalation_policy")
                yield from self._missing(document, where, "policies", team.escalation_policy)

    def _service(self, document: Document[Service]) -> Iterator[Problem]:
        service = document.value
        yield from self._missing(document, ("team",), "teams", service.team)
        if service.escalation_policy:
            at: Path = ("escalation_policy",)
            yield from self._missing(document, at, "policies", service.escalation_policy)
        elif not self._has_policy(service):
            yield document.problem(
                ("name",),
                f"service {service.name!r} has no escalation policy: give it one, or its team, or set "
                "defaults.escalation_policy in mainstay.yaml",
            )
        for index, name in enumerate(service.dependencies):
            yield from self._missing(document, ("dependencies", index), "services", name)
        for alert, name in service.runbooks.items():
            yield from self._missing(document, ("runbooks", alert), "runbooks", name)
        yield from self._inputs(document)
        yield from self._workload(document)

    def _has_policy(self, service: Service) -> bool:
        main, teams = self._folder.main, self._folder.teams
        if {"main", "teams"} & self._folder.unread or service.team not in self._names.get("teams", ()):
            return True  # that problem is told already
        if main and main.value.defaults.escalation_policy:
            return True
        team = teams.value.teams.get(service.team) if teams else None
        return bool(team and team.escalation_policy)

    def _inputs(self, document: Document[Service]) -> Iterator[Problem]:
        """Values for inputs that no runbook has, and required inputs without a value."""
        service = document.value
        library = {n: t.runbook for n, t in self._folder.library.items() if t.runbook}
        known = {name for runbook in library.values() for name in runbook.inputs}
        if "runbooks" not in self._folder.unread:
            for name in service.runbook_inputs:
                if name not in known:
                    message = f"no runbook has an input {name!r}{close(name, known)}"
                    yield document.problem(("runbook_inputs", name), message)
        for alert, wanted in service.runbooks.items():
            runbook = library.get(wanted)
            for name, spec in runbook.inputs.items() if runbook else ():
                given = name in service.runbook_inputs or (spec.type == "workload" and service.workload)
                if spec.must_be_given and not given:
                    yield document.problem(
                        ("runbooks", alert),
                        f"runbook {wanted!r} needs the input {name!r}: give it under runbook_inputs",
                    )

    def _workload(self, document: Document[Service]) -> Iterator[Problem]:
        workload, main = document.value.workload, self._folder.main
        if workload is None or main is None:
            return
        at: Path = ("workload", "cluster")
        yield from self._missing(document, at, "clusters", workload.cluster)
        cluster = main.value.clusters.get(workload.cluster)
        if cluster and workload.namespace not in cluster.allowed_namespaces:
            yield document.problem(
                ("workload", "namespace"),
                f"namespace {workload.namespace!r} is not among the allowed_namespaces of cluster "
                f"{workload.cluster!r}: no runbook may change this workload",
                warning=True,
            )

    def _schedule(self, document: Document[Schedule]) -> Iterator[Problem]:
        schedule = document.value
        yield from self._zone(document, ("time_zone",), schedule.time_zone)
        if not schedule.layers:
            yield document.problem((), f"schedule {schedule.name!r} has no layers: nobody is ever on call")
        for index, layer in enumerate(schedule.layers):
            at: Path = ("layers", index)
            if layer.time_zone:
                yield from self._zone(document, (*at, "time_zone"), layer.time_zone)
            if not layer.people:
                yield document.problem(at, f"layer {layer.name!r} has no people")
            of = "people" if (*at, "people") in document.positions else "users"
            for turn, person in enumerate(layer.people):
                yield from self._missing(document, (*at, of, turn), "people", person)
        for index, override in enumerate(schedule.overrides):
            if override.person:
                where: Path = ("overrides", index, "person")
                yield from self._missing(document, where, "people", override.person)

    def _policy(self, document: Document[PolicyFile]) -> Iterator[Problem]:
        policy = document.value
        for index, step in enumerate(policy.steps):
            yield from self._targets(document, ("steps", index, "targets"), step.targets)
            for number, label in enumerate(step.when.severity if step.when else ()):
                where: Path = ("steps", index, "when", "severity", number)
                yield from _refusal(document, where, partial(self._level, label))
        for index, late in enumerate(policy.unmitigated):
            yield from self._targets(document, ("unmitigated", index, "targets"), late.targets)
        yield from self._targets(document, ("last_resort",), policy.last_resort)

    def _targets(self, document: Document[Any], at: Path, targets: Iterable[Target]) -> Iterator[Problem]:
        for index, target in enumerate(targets):
            if target.kind != "role":
                yield from self._missing(document, (*at, index), _TARGETS[target.kind], target.name)
            elif target.name not in ROLES:
                hint = close(target.name, ROLES) or f": use {', '.join(ROLES)}"
                yield document.problem((*at, index), f"{target.name!r} is no incident role{hint}")

    def _severity(self) -> Iterator[Problem]:
        document = self._folder.severity
        if document is None:
            return
        file = document.value
        if self._profile is None:
            hint = close(file.profile, file.known()) or f": there is {', '.join(sorted(file.known()))}"
            yield document.problem(("profile",), f"no severity profile is called {file.profile!r}{hint}")
        else:
            yield from self._levels(document, ("levels",), file.levels)

    def _levels(self, document: Document[Any], at: Path, levels: Iterable[str]) -> Iterator[Problem]:
        for label in levels:
            yield from _refusal(document, (*at, label), partial(self._level, label))

    def _level(self, label: str) -> None:
        if self._profile is not None:
            self._profile.parse(label)

    def _routes(self) -> Iterator[Problem]:
        document = self._folder.routes
        if document is None:
            if self._folder.main is not None:
                yield self._folder.main.problem((), _NO_FALLBACK.format("routes.yaml"))
            return
        seen: set[str] = set()
        for index, route in enumerate(document.value.routes):
            at: Path = ("routes", index)
            if route.name in seen:
                yield document.problem((*at, "name"), f"there are two routes called {route.name!r}")
            seen.add(route.name)
            if route.service:
                yield from self._missing(document, (*at, "service"), "services", route.service)
            if route.severity:
                where = (*at, "severity")
                yield from _refusal(document, where, partial(self._level, route.severity))
        fallbacks = [i for i, route in enumerate(document.value.routes) if route.fallback]
        if not fallbacks:
            yield document.problem((), _NO_FALLBACK.format("one entry"))
        for index in fallbacks[1:]:
            yield document.problem(("routes", index, "fallback"), "there is one fallback already")

    def _approvals(self) -> Iterator[Problem]:
        document = self._folder.approvals
        if document is None:
            return
        for risk in ("low", "medium", "high"):
            rule = getattr(document.value, risk)
            if rule is None:
                continue
            for index, selector in enumerate(rule.by):
                yield from self._selector(document, (risk, "by", index), selector)
            if rule.votes and not rule.by:
                yield document.problem((risk, "by"), f"{risk} risk needs votes, and nobody may give one")

    def _selector(self, document: Document[Any], at: Path, selector: str) -> Iterator[Problem]:
        if selector.startswith("person:"):
            yield from self._missing(document, at, "people", selector.removeprefix("person:"))
            return
        roles = {f"access:{role.value}" for role in AccessRole if role is not AccessRole.ALERT_SOURCE}
        known = {"on_call", *ROLES, *roles}
        if selector not in known:
            hint = close(selector, known) or ": write on_call, an incident role, access:ROLE or person:HANDLE"
            yield document.problem(at, f"{selector!r} selects nobody{hint}")

    def _templates(self) -> Iterator[Problem]:
        for file, text in self._folder.templates.values():
            for message in template.problems(text):
                yield Problem(file, 1, 1, message)

    def _overlays(self) -> Iterator[Problem]:
        policies = {one.value.name: one.value for one in self._folder.policies if one.whole}
        for document in self._folder.overlays:
            for name, change in document.value.policies.items():
                at: Path = ("policies", name)
                yield from self._missing(document, at, "policies", name)
                steps = len(policies[name].steps) if name in policies else len(change.waits)
                if change.waits and len(change.waits) != steps:
                    message = f"policy {name!r} has {steps} steps, so it needs {steps} waits"
                    yield document.problem((*at, "waits"), message)
            yield from self._levels(document, ("levels",), document.value.levels)


_NO_FALLBACK = "no fallback route: {} with 'fallback: true' must say who gets alerts that no route wants"


def _written_contacts(document: Document[PeopleFile], at: Path) -> bool:
    """Whether contacts stand there that could not be read, which is a problem of theirs."""
    depth = len(at) + 1
    return any(len(path) == depth + 1 and path[:depth] == (*at, "contacts") for path in document.positions)


def _refusal(document: Document[Any], at: Path, check: Callable[[], object]) -> Iterator[Problem]:
    try:
        check()
    except InvalidArgument as fault:
        yield document.problem(at, fault.message)


def _names(folder: Folder) -> dict[str, set[str]]:
    """Kind → names; a kind of which a file is unreadable is left out, since its names are not known."""
    people, teams = folder.people, folder.teams
    names: dict[str, set[str]] = {
        "people": set(people.names) if people else set(),
        "teams": set(teams.names) if teams else set(),
        "services": _all_names(folder.services),
        "schedules": _all_names(folder.schedules),
        "policies": _all_names(folder.policies),
        "runbooks": set(folder.library),
        "channels": set(folder.main.value.channels) if folder.main else set(),
        "clusters": set(folder.main.value.clusters) if folder.main else set(),
    }
    if folder.main:
        for kind in ("channels", "clusters"):
            names[kind] |= {str(p[1]) for p in folder.main.positions if len(p) == 2 and p[0] == kind}
    hidden = folder.unread | ({"channels", "clusters"} if "main" in folder.unread else set())
    return {kind: known for kind, known in names.items() if kind not in hidden}


def _all_names(documents: Iterable[Document[Any]]) -> set[str]:
    return set(chain.from_iterable(document.names for document in documents))
