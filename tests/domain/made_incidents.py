"""Incidents of a made-up shop, for tests of the pure rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from mainstay.domain import lifecycle
from mainstay.domain.access import AccessRole, Actor, Assurance
from mainstay.domain.alert import Alert, AlertBatch
from mainstay.domain.escalation import EscalationPolicy, Step, Target
from mainstay.domain.incident import IncidentState
from mainstay.domain.people import ContactMethod, Person, Team
from mainstay.domain.pinned import PinnedConfig
from mainstay.domain.profiles import PROFILES
from mainstay.domain.service import Service

NOW = datetime(2026, 3, 2, 3, tzinfo=UTC)
TREE = "{name: fix, title: Fix, start: end, nodes: {end: {end: mitigated}}}"


def who(person: str, *roles: AccessRole, assurance: Assurance = Assurance.TOKEN) -> Actor:
    return Actor(person=person, roles=roles or (AccessRole.RESPONDER,), assurance=assurance)


ALICE, BOB, CAROL = who("alice"), who("bob"), who("carol", AccessRole.COMMANDER)


def person(handle: str) -> Person:
    contacts = (ContactMethod(name="mail", channel="mail", address=""),)
    return Person(handle=handle, name=handle.title(), contacts=contacts)


def pinned(**changes: Any) -> PinnedConfig:
    """Alice first, then bob, carol as last resort; profile 003."""
    fields: dict[str, Any] = {
        "service": Service(name="api", team="shop", public_name="API"),
        "team": Team(name="shop", members=("alice", "bob"), manager="carol"),
        "teams": {"shop": Team(name="shop", members=("alice", "bob"), manager="carol")},
        "profile": PROFILES["003"],
        "policy": EscalationPolicy(
            name="default",
            steps=(
                Step(targets=(Target(kind="person", name="alice"),), wait=timedelta(minutes=5)),
                Step(targets=(Target(kind="person", name="bob"),), wait=timedelta(minutes=5)),
            ),
            repeat=1,
            last_resort=(Target(kind="person", name="carol"),),
        ),
        "people": {handle: person(handle) for handle in ("alice", "bob", "carol")},
        "runbooks": {"fix": TREE},
        "monitoring_hold": timedelta(minutes=10),
    }
    return PinnedConfig(**{**fields, **changes})


def begun(config: PinnedConfig | None = None, **fields: Any) -> IncidentState:
    """A SEV1 that was just declared."""
    config = config or pinned()
    rank = fields.pop("rank", 0)
    level = config.profile.level(rank)
    state = IncidentState(
        key="key-1",
        title="High errors",
        rank=rank,
        severity=level.label,
        declared_at=NOW,
        roles_from=NOW,
        next_update_due=NOW + level.update_every if level.update_every else None,
    )
    state = lifecycle.begin_paging(state, config, NOW, known=True)
    return state.model_copy(update=fields)


def alert(name: str, *, firing: bool = True, start: str = "2026-03-02T03:00:00Z", **more: Any) -> Alert:
    fields = {"status": "firing" if firing else "resolved", "fingerprint": name, "starts_at": start}
    return Alert.model_validate({**fields, "labels": {"alertname": name}, **more})


def batch(*alerts: Alert) -> AlertBatch:
    return AlertBatch(alerts=alerts)
