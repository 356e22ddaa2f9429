"""The severity scales of the five guides, as data (M-1 to M-4, D-01, D-02, D-21, D-37).

Where a guide gives words and no figure ("immediate", "urgent") the figure is a default to change: five
minutes for immediate, a quarter of an hour for urgent. Guide 002 gives no paging matrix: all its levels page,
and routes say what is only a ticket.
"""

from __future__ import annotations

from datetime import timedelta

from mainstay.domain.severity import Level, SeverityProfile

_MIN = timedelta(minutes=1)
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)

_COMMAND = ("commander", "operations_lead", "communications_lead")
_COMMAND_AND_SCRIBE = (*_COMMAND, "scribe")

GUIDE_000 = SeverityProfile(
    name="000",
    triage="guide_000",
    aliases={f"P{n}": (f"SEV-{n}",) for n in range(5)},
    levels=(
        Level(
            rank=0,
            label="P0",
            title="Critical",
            meaning="Whole service out for every user, heavy revenue loss, data loss or security breach",
            response_warn=2 * _MIN,
            response_breach=5 * _MIN,
            tell=("executives", "stakeholders"),
            update_every=30 * _MIN,
            public_update_every=_HOUR,
            required_roles=_COMMAND_AND_SCRIBE,
            postmortem=True,
        ),
        Level(
            rank=1,
            label="P1",
            title="High",
            meaning="Major function broken with wide impact, possible revenue loss",
            response_warn=15 * _MIN,
            response_breach=30 * _MIN,
            tell=("stakeholders",),
            update_every=30 * _MIN,
            required_roles=_COMMAND_AND_SCRIBE,
            postmortem=True,
        ),
        Level(
            rank=2,
            label="P2",
            title="Medium",
            meaning="Partial degradation, important but non-critical features unavailable",
            response_breach=_HOUR,
            required_roles=("commander",),
        ),
        Level(
            rank=3,
            label="P3",
            title="Low",
            meaning="Minor, limited impact; a workaround exists",
            response_business_days=1,
            page="business_hours",
        ),
        Level(
            rank=4,
            label="P4",
            title="Minimal",
            meaning="Cosmetic, no functional effect; goes with a regular release",
            page="ticket",
        ),
    ),
)

GUIDE_001 = SeverityProfile(
    name="001",
    triage="criteria",
    aliases={f"P{n}": (f"SEV{n + 1}",) for n in range(4)},
    levels=(
        Level(
            rank=0,
            label="P0",
            title="Critical",
            meaning="Full outage or severe degradation for all or most users",
            response_breach=5 * _MIN,
            page_whom="everyone",
            tell=("customers",),
            update_every=30 * _MIN,
            public_update_every=_HOUR,
            required_roles=_COMMAND,
            postmortem=True,
        ),
        Level(
            rank=1,
            label="P1",
            title="High",
            meaning="Important feature degraded or partial outage for a subset of users",
            response_breach=15 * _MIN,
            update_every=_HOUR,
            postmortem=True,
        ),
        Level(
            rank=2,
            label="P2",
            title="Medium",
            meaning="Minor feature trouble, or slowness with a workaround",
            response_breach=_HOUR,
            page="business_hours",
            postmortem=True,
        ),
        Level(
            rank=3,
            label="P3",
            title="Low",
            meaning="Minimal user effect",
            response_business_days=1,
            page="ticket",
            postmortem=True,
        ),
    ),
)

GUIDE_002 = SeverityProfile(
    name="002",
    triage="guide_002",
    aliases={f"P{n}": (f"SEV{n}",) for n in range(1, 5)},
    levels=(
        Level(
            rank=0,
            label="P1",
            title="Critical",
            meaning="Full outage or severe business impact",
            response_breach=5 * _MIN,
            tell=("executives", "stakeholders"),
            update_every=30 * _MIN,
            public_update_every=_HOUR,
            required_roles=_COMMAND_AND_SCRIBE,
            postmortem=True,
        ),
        Level(
            rank=1,
            label="P2",
            title="High",
            meaning="Partial outage or significant degradation",
            response_breach=15 * _MIN,
            tell=("stakeholders",),
            update_every=_HOUR,
            required_roles=_COMMAND_AND_SCRIBE,
            postmortem=True,
        ),
        Level(
            rank=2,
            label="P3",
            title="Medium",
            meaning="Minor degradation, isolated errors",
            response_breach=_HOUR,
            postmortem=True,
        ),
        Level(
            rank=3,
            label="P4",
            title="Low",
            meaning="Minimal or no user impact",
            response_breach=_DAY,
            postmortem=True,
        ),
    ),
)

GUIDE_003 = SeverityProfile(
    name="003",
    triage="criteria",
    levels=(
        Level(
            rank=0,
            label="SEV1",
            title="Critical",
            meaning="Service fully down, data loss or security breach",
            response_breach=5 * _MIN,
            tell=("executives", "team", "customers"),
            update_every=30 * _MIN,
            public_update_every=30 * _MIN,
            required_roles=("commander", "communications_lead"),
            postmortem=True,
        ),
        Level(
            rank=1,
            label="SEV2",
            title="Major",
            meaning="Significant degradation, major feature broken",
            response_breach=15 * _MIN,
            tell=("team",),
            update_every=30 * _MIN,
            required_roles=("commander", "communications_lead"),
            postmortem=True,
        ),
        Level(
            rank=2,
            label="SEV3",
            title="Minor",
            meaning="Minor feature broken, with a workaround",
            response_breach=_HOUR,
            page="ticket",
            tell=("team",),
        ),
        Level(
            rank=3,
            label="SEV4",
            title="Low",
            meaning="Cosmetic, no user impact",
            response_business_days=1,
            page="ticket",
        ),
    ),
)

GUIDE_004 = SeverityProfile(
    name="004",
    triage="criteria",
    levels=(
        Level(
            rank=0,
            label="SEV1",
            title="Critical",
            meaning="Complete outage, core function unavailable",
            response_breach=5 * _MIN,
            page_whom="everyone",
            tell=("customers",),
            update_every=30 * _MIN,
            public_update_every=30 * _MIN,
            update_owner="commander",
            required_roles=_COMMAND,
            postmortem=True,
        ),
        Level(
            rank=1,
            label="SEV2",
            title="Major",
            meaning="Significant degradation, major feature unavailable or very slow",
            response_breach=15 * _MIN,
            page_whom="team",
            tell=("team", "customers"),
            update_every=30 * _MIN,
            public_update_every=_HOUR,
            update_owner="commander",
            required_roles=_COMMAND,
            postmortem=True,
        ),
        Level(
            rank=2,
            label="SEV3",
            title="Minor",
            meaning="Limited impact on a non-critical feature",
            response_business_days=1,
            page="business_hours",
            update_owner="commander",
        ),
        Level(
            rank=3,
            label="SEV4",
            title="Low",
            meaning="Minimal or cosmetic",
            response_business_days=1,
            page="business_hours",
            update_owner="commander",
        ),
    ),
)

PROFILES: dict[str, SeverityProfile] = {
    profile.name: profile for profile in (GUIDE_000, GUIDE_001, GUIDE_002, GUIDE_003, GUIDE_004)
}
"""Every shipped scale by its name."""
