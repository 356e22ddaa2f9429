"""What responders tell an incident."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from mainstay.cli.arguments import Incident, Reason, Words
from mainstay.cli.problem import usage
from mainstay.cli.prompts import text_of


def acknowledge(
    incident: Incident,
    /,
    *,
    round_: Annotated[
        int, Parameter(name="--round", help="The escalation round of your page; 0: whichever is on.")
    ] = 0,
) -> None:
    """Acknowledge the page: it is yours now, and nobody else is paged."""
    from mainstay.cli import calls

    request = calls.incident_pb.AcknowledgeRequest(incident=incident, round=round_)
    calls.change(calls.incidents().Acknowledge, request)


def page(
    incident: Incident,
    target: Annotated[str, Parameter(help="person:bob (or bob), team:payments, schedule:payments-primary.")],
    /,
    *,
    message: Annotated[str, Parameter(name=["--message", "-m"], help="What to tell them.")] = "",
) -> None:
    """Page somebody else, now."""
    from mainstay.cli import calls

    whom = target if ":" in target else f"person:{target}"
    request = calls.incident_pb.PagePeopleRequest(incident=incident, target=whom, message=message)
    calls.change(calls.incidents().PagePeople, request)


def severity(
    incident: Incident,
    level: Annotated[str, Parameter(help="SEV1, P2 … as your severity scale calls it.")],
    /,
    *,
    reason: Reason = "",
) -> None:
    """Set the severity by hand. Triage leaves it alone from then on."""
    from mainstay.cli import calls

    request = calls.incident_pb.SetSeverityRequest(incident=incident, severity=level, reason=reason)
    calls.change(calls.incidents().SetSeverity, request)


def role(
    incident: Incident,
    role: Annotated[str, Parameter(help="commander, operations, communications, scribe …")],
    person: Annotated[str, Parameter(help="Who takes it; without it, you.")] = "",
    /,
    *,
    release: Annotated[bool, Parameter(negative="", help="Give the role back instead.")] = False,
) -> None:
    """Take, give or release a role."""
    from mainstay.cli import calls

    if release and person:
        raise usage(
            "--release takes no person: a role has one holder",
            f"mainstay incident role {incident} {role} --release",
        )
    if release:
        let_go = calls.incident_pb.ReleaseRoleRequest(incident=incident, role=role)
        calls.change(calls.incidents().ReleaseRole, let_go)
    else:
        taken = calls.incident_pb.AssignRoleRequest(incident=incident, role=role, person=person)
        calls.change(calls.incidents().AssignRole, taken)


def note(incident: Incident, /, *text: Words) -> None:
    """Write something into the time line."""
    from mainstay.cli import calls

    request = calls.incident_pb.AddNoteRequest(incident=incident, text=_text(text))
    calls.change(calls.incidents().AddNote, request)


def decide(
    incident: Incident,
    /,
    *text: Words,
    because: Annotated[str, Parameter(name=["--because", "-b"], help="The rationale.")] = "",
) -> None:
    """Record a decision, and why."""
    from mainstay.cli import calls

    request = calls.incident_pb.RecordDecisionRequest(incident=incident, text=_text(text), rationale=because)
    calls.change(calls.incidents().RecordDecision, request)


def update(
    incident: Incident,
    /,
    *text: Words,
    public: Annotated[bool, Parameter(negative="", help="Also on the public status page.")] = False,
) -> None:
    """Tell everybody how it stands."""
    from mainstay.cli import calls

    request = calls.incident_pb.PostUpdateRequest(incident=incident, text=_text(text), public=public)
    calls.change(calls.incidents().PostUpdate, request)


def _text(parts: tuple[str, ...]) -> str:
    text = text_of(parts)
    if not text:
        raise usage("there is no text", "write it behind the incident, or - to read it from standard input")
    return text
