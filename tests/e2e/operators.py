"""The operators' folder of the end-to-end tests: many made-up services, each alone in a namespace of its own.

Holds are short so that tests are, and waits are long where a test is not about them: nobody but its first person
is paged while something else is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

PEOPLE = ("alice", "bob", "carol", "dan", "erin")
READER = "victor"
"""The name of a token that may only look."""
GOOD, BAD = "v1", "v2"
"""Image tags: what each service runs from its setup on is ``BAD``, and ``GOOD`` is what a rollback goes to."""

QUICK = 4.0
"""Seconds until the policy ``quick`` pages its second person."""
UNANSWERED = 2.0
"""Seconds until somebody who has not answered a mail is called by pager, too."""


@dataclass(frozen=True)
class Made:
    """One made-up service. ``policy`` and ``runbook`` are names of the folder; none: nothing is run."""

    policy: str = "patient"
    runbook: str = "undo"
    more: dict[str, Any] = field(default_factory=dict)


PAYMENTS = {
    "workload": {
        "cluster": "default",
        "namespace": "payments",
        "kind": "Deployment",
        "name": "payment-service",
    },
    "critical": True,
    "revenue_impacting": True,
    "public_name": "Payments",
    "runbook_inputs": {
        "error_rate_query": (
            'sum(rate(http_requests_total{service="payment-service",code=~"5.."}[5s]))'
            ' / sum(rate(http_requests_total{service="payment-service"}[5s]))'
        ),
        "max_error_rate": "0.01",
    },
}

SERVICES: dict[str, Made] = {
    "payment-service": Made("quick", "mitigate-bad-deployment", PAYMENTS),
    "ack-kill": Made("killed", ""),
    "kill-before-call": Made(),
    "kill-after-call": Made(),
    "kill-after-answer": Made(),
    "long-story": Made("quick"),
    "temporal-away": Made(),
    "cluster-away": Made(),
    "mail-away": Made("reach-erin", ""),
    "mail-back": Made("mail-only", ""),
    "records-away": Made("quick"),
    "busy-target": Made(),
    "changed-target": Made(),
    "repeated": Made("patient", ""),
    "fires-again": Made("patient", ""),
    "next-week": Made("patient", ""),
    "still-firing": Made("patient", ""),
    "refusals": Made(),
    "expiring": Made("patient", "undo-soon"),
    "bare-client": Made("patient", ""),
    "bare-command": Made("patient", ""),
    "traced": Made(),
    "halted": Made(),
    "platform": Made("patient", ""),
}
NAMESPACES = {"payment-service": "payments"}
"""Of those whose namespace is not called as they are."""
IN_CLUSTER = tuple(name for name, made in SERVICES.items() if made.runbook.startswith("undo"))
"""Those with a Deployment that the tests make; the demo shop brings its own."""


def write(folder: Path) -> Path:
    """Write the whole folder; it refers to the environment that ``devstack.product`` gives."""
    _yaml(folder / "mainstay.yaml", _mainstay())
    _yaml(folder / "people.yaml", {"people": {name: _person(name) for name in PEOPLE}})
    _yaml(folder / "teams.yaml", {"teams": {"crew": {"members": ["alice", "bob", "carol"], "manager": "dan"}}})
    _yaml(folder / "severity.yaml", {"profile": "002"})
    _yaml(folder / "routes.yaml", {"routes": _routes()})
    _yaml(folder / "approvals.yaml", _approvals())
    for name, steps in _policies().items():
        policy = {"name": name, "steps": steps, "repeat": 3, "last_resort": ["person:dan"]}
        _yaml(folder / "policies" / f"{name}.yaml", policy)
    for name, made in SERVICES.items():
        _yaml(folder / "services" / f"{name}.yaml", _service(name, made))
    for name, risk in (("undo", "medium"), ("undo-soon", "high")):
        _yaml(folder / "runbooks" / f"{name}.yaml", _runbook(name, risk))
    return folder


def _mainstay() -> dict[str, Any]:
    responder = ["responder", "approver", "commander"]
    tokens: list[dict[str, Any]] = [
        {"person": name, "roles": responder, "token": f"env:MAINSTAY_TOKEN_{name.upper()}"} for name in PEOPLE
    ]
    tokens += [
        {"person": "erin", "name": "only looks", "roles": ["viewer"], "token": "env:MAINSTAY_TOKEN_VICTOR"},
        {"source": "alertmanager", "roles": ["alert_source"], "token": "env:MAINSTAY_TOKEN_ALERTMANAGER"},
    ]
    return {
        "organisation": "Example Works",
        "time_zone": "Europe/Berlin",
        "business_hours": ["mon-sun 08:00-18:00"],
        "channels": {
            "email": {
                "type": "smtp",
                "host": "env:MAINSTAY_SMTP_HOST",
                "port": "env:MAINSTAY_SMTP_PORT",
                "sender": "mainstay@example.org",
                "security": "none",
            },
            "pager": {
                "type": "webhook",
                "url": "env:MAINSTAY_PAGER_URL",
                "secret": "env:MAINSTAY_PAGER_SECRET",
            },
        },
        "prometheus": {"default": {"url": "env:MAINSTAY_PROMETHEUS_URL"}},
        "clusters": {
            "default": {
                "kubeconfig": "env:MAINSTAY_KUBECONFIG",
                "allowed_namespaces": ["payments", *IN_CLUSTER],
            }
        },
        "tokens": tokens,
        "defaults": {"escalation_policy": "patient", "monitoring_hold": "1s"},
    }


def _person(name: str) -> dict[str, Any]:
    contacts = {"email": {"channel": "email", "address": f"{name}@example.org"}}
    if name == "erin":
        contacts["pager"] = {"channel": "pager", "address": name}
        notify = [{"method": "email"}, {"method": "pager", "after": f"{UNANSWERED:g}s"}]
    else:
        notify = [{"method": "email"}]
    return {
        "name": name.title(),
        "email": f"{name}@example.org",
        "contacts": contacts,
        "notify": notify,
        "manager": "dan",
    }


def _routes() -> list[dict[str, Any]]:
    named = {"name": "by-service", "match": {"service": "/.+/"}, "service_label": "service"}
    return [
        {**named, "group_by": ["alertname"]},
        {"name": "everything-else", "fallback": True, "service": "platform"},
    ]


def _approvals() -> dict[str, Any]:
    medium = {"votes": 1, "by": ["on_call", "commander", "access:approver"], "minimum_assurance": "link"}
    return {
        "low": {"votes": 0},
        "medium": {**medium, "expires_after": "30m", "remind_before": "10m"},
        "high": {**medium, "expires_after": "4s", "remind_before": "1s", "on_expiry": "deny"},
    }


def _policies() -> dict[str, list[dict[str, Any]]]:
    def step(person: str, wait: str) -> dict[str, Any]:
        return {"targets": [f"person:{person}"], "wait": wait}

    return {
        "patient": [step("alice", "15m"), step("bob", "15m")],
        "quick": [step("alice", f"{QUICK:g}s"), step("bob", "2m")],
        # Longer than a worker takes to start.
        "killed": [step("alice", "8s"), step("bob", "2m")],
        # Far longer than a test: who is reached sooner was reached because the person before could not be.
        "reach-erin": [step("alice", "10m"), step("erin", "10m")],
        "mail-only": [step("alice", "2s"), step("bob", "2s")],
    }


def _service(name: str, made: Made) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "team": "crew", "tier": 2, "escalation_policy": made.policy}
    if made.runbook:
        found["workload"] = {"cluster": "default", "namespace": name, "name": name}
        found["runbooks"] = {"*": made.runbook}
    return {**found, **made.more}


def _runbook(name: str, risk: str) -> dict[str, Any]:
    """Roll back, look at the rollout, end. A refused change waits for a person, so that the run lives on."""
    target = "{{ inputs.workload }}"
    act = {
        "act": "rollout_undo",
        "with": {"target": target, "to": "previous"},
        "risk": risk,
        "verify": {"looks": [{"probe": "rollout_status", "with": {"target": target}}], "within": "2m"},
        "undo": "never",
        "on": {"done": "done", "not_helped": "ask", "failed": "ask", "denied": "ask"},
    }
    ask = {
        "ask": "The rollback of {{ inputs.workload.name }} did not happen or did not help. Go on by hand?",
        "options": ["yes"],
        "timeout": "1h",
        "on": {"yes": "by_hand", "timeout": "by_hand"},
    }
    return {
        "name": name,
        "title": "Made up - roll back",
        "inputs": {"workload": {"type": "workload"}},
        "start": "roll_back",
        "nodes": {
            "roll_back": act,
            "ask": ask,
            "done": {"end": "mitigated", "summary": "rolled back: {{ facts.roll_back.title }}"},
            "by_hand": {"end": "escalated", "summary": "a person goes on by hand"},
        },
    }


def _yaml(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content, sort_keys=False))
