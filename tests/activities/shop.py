"""The configuration of a made-up shop, as activities see it."""

from __future__ import annotations

from datetime import time, timedelta
from pathlib import Path
from typing import Any

from activities.holder import ConfigHolder
from mainstay.config import Config
from mainstay.config.channels import ConsoleChannel, SmtpChannel, WebhookChannel
from mainstay.domain.escalation import EscalationPolicy, Step, Target
from mainstay.domain.oncall.schedule import Layer, Restriction, Schedule
from mainstay.domain.people import ContactMethod, Person, Team
from mainstay.domain.routing import Route
from mainstay.domain.service import Service
from tests.activities.samples import NOW

ALICE = Person(
    handle="alice",
    name="Alice",
    email="alice@example.com",
    contacts=(ContactMethod(name="mail", channel="mail", address="alice@example.com"),),
)
BOB = Person(
    handle="bob",
    name="Bob",
    email="bob@example.com",
    contacts=(
        ContactMethod(name="mail", channel="mail", address="bob@example.com"),
        ContactMethod(name="sms", channel="sms", address="+49 30 1234567"),
        ContactMethod(name="pager", channel="gone", address="4711"),
    ),
)
DAYS = Schedule(
    name="payments-primary",
    layers=(
        Layer(name="all", people=("bob",), start=NOW),
        Layer(
            name="office",
            people=("alice",),
            start=NOW,
            restrictions=(Restriction(start=time(9), end=time(17)),),
        ),
    ),
)
PRIMARY = Target(kind="schedule", name="payments-primary")


def shop(smtp_port: int = 25, webhook: str = "http://127.0.0.1:1", **more: Any) -> Config:
    """Alice is on call in office hours, Bob otherwise."""
    fields: dict[str, Any] = {
        "public_url": "https://mainstay.example.com/",
        "people": {"alice": ALICE, "bob": BOB},
        "teams": {"payments": Team(name="payments", members=("alice", "bob"))},
        "services": {
            "payment-service": Service(
                name="payment-service",
                team="payments",
                escalation_policy="payments-default",
                links={
                    "Dashboard": "https://grafana.example.com/d/payments",
                    "Runbook": "https://wiki.example.com/payments",
                },
            ),
            "catch-all": Service(name="catch-all", team="payments", escalation_policy="payments-default"),
        },
        "schedules": {"payments-primary": DAYS},
        "policies": {
            "payments-default": EscalationPolicy(
                name="payments-default",
                steps=(Step(targets=(PRIMARY,)), Step(targets=(Target(kind="person", name="bob"),))),
            )
        },
        "routes": (
            Route(name="payments", match={"app": "payments"}, service="payment-service", severity="SEV1"),
            Route(name="rest", service="catch-all", fallback=True),
        ),
        "channels": {
            "mail": SmtpChannel(
                type="smtp",
                host="127.0.0.1",
                port=smtp_port,
                sender="mainstay@example.com",
                security="none",
                timeout=timedelta(seconds=2),
            ),
            "sms": WebhookChannel(type="webhook", url=webhook),
            "console": ConsoleChannel(type="console"),
        },
        **more,
    }
    return Config(**fields)


def holding(config: Config, folder: Path = Path("/nonexistent")) -> ConfigHolder:
    return ConfigHolder(folder, lambda _: config)
