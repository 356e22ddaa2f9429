"""What comes too late, twice, from the wrong person or for nothing: a named error at every door."""

from __future__ import annotations

import pytest

from devstack.player import Player
from devstack.processes import eventually
from mainstay.domain.incident import IncidentView
from mainstay.domain.names import ACKNOWLEDGE, ADD_NOTE, APPROVE, PAUSE, RESUME
from mainstay.domain.timeline import Refused
from mainstay.gen.mainstay.v1 import incident_service_pb2
from tests.e2e import doors, operators
from tests.e2e.world import SECONDS, Incident, World

NOBODY = "incident/nothing/at-all-00000000"


@pytest.mark.capability("S-374")
async def test_every_door_names_what_it_refuses(world: World) -> None:
    """Given an incident with a question, when somebody without the role, a second acknowledgement, a claim that
    nobody has signed, an unknown incident and a message after the close arrive, then each is refused by name at
    the gRPC door, by link and as a bare update in Temporal, an approve signal of somebody without any grant is
    refused and stands in the journal, and the incident goes on as if they had not come."""
    incident = await world.open("refusals")
    alice, reader = world.people["alice"], world.people[operators.READER]
    sender = Player(world.product.grpc, world.product.tokens["alertmanager"])
    link = await incident.link("acknowledge")
    run = await incident.asked()
    assert run.question
    digest = run.question.digest
    run_handle = world.client.get_workflow_handle(run.workflow_id)

    unknown = {
        "grpc": await doors.by_grpc(alice.acknowledge(NOBODY)),
        "number": await doors.by_grpc(alice.acknowledge("INC-1999-0001")),
        "link": await doors.by_link(link[:-4] + "AAAA"),
        "temporal": await doors.by_temporal(world.client.get_workflow_handle(NOBODY), ACKNOWLEDGE),
    }
    assert unknown == {
        "grpc": "NotFound",
        "number": "NotFound",
        "link": "Unauthenticated",
        "temporal": "NOT_FOUND",
    }

    claim = {"person": "alice", "assurance": 5, "roles": ["admin"]}
    wrong_role = {
        "viewer acknowledges": await doors.by_grpc(reader.acknowledge(incident.workflow_id)),
        "viewer approves": await doors.by_grpc(reader.approve(run.workflow_id, digest)),
        "alert source approves": await doors.by_grpc(sender.approve(run.workflow_id, digest)),
        "nobody proven approves": await doors.by_temporal(run_handle, APPROVE, digest=digest),
        "claimed to be proven": await doors.by_temporal(run_handle, APPROVE, digest=digest, actor=claim),
    }
    assert set(wrong_role.values()) == {"NotAllowed"}, wrong_role
    await run_handle.signal(APPROVE, {"actor": {"person": "mallory"}, "digest": digest})
    await _refused_by_signal(incident)
    assert (await incident.run()).question == run.question

    await incident.acknowledge()
    twice = {
        "grpc": await doors.by_grpc(world.people["bob"].acknowledge(incident.workflow_id)),
        "link": await doors.by_link(link),
        "temporal": await doors.by_temporal(incident.handle, ACKNOWLEDGE),
    }
    assert twice == {"grpc": "AlreadyDone", "link": "AlreadyDone", "temporal": "AlreadyDone"}

    # Paused, the run stays where it is while the late votes arrive.
    assert await doors.by_temporal(run_handle, PAUSE, reason="late votes") == doors.TAKEN
    await incident.approve(run)

    async def decided() -> bool:
        return (await incident.run()).question is None

    await eventually(decided, SECONDS, "the decision")
    again = {
        "grpc": await doors.by_grpc(world.people["bob"].approve(run.workflow_id, digest)),
        "link": await doors.by_link(await incident.link("approve", kind="approval")),
        "temporal": await doors.by_temporal(run_handle, APPROVE, digest=digest),
    }
    assert again == {"grpc": "AlreadyDone", "link": "AlreadyDone", "temporal": "AlreadyDone"}

    assert await doors.by_temporal(run_handle, RESUME) == doors.TAKEN
    await incident.mitigated()
    await incident.finish()
    note = incident_service_pb2.AddNoteRequest(incident=incident.key, text="one thing more")
    late = {
        "grpc": await doors.by_grpc(alice.call(alice.incidents.AddNote, note)),
        "link": await doors.by_link(link),
        "temporal": await doors.by_temporal(incident.handle, ADD_NOTE, text="one thing more"),
    }
    assert late == {"grpc": "WrongState", "link": "WrongState", "temporal": "NOT_FOUND"}
    incident.assert_rolled_back_once(run)
    await sender.close()


async def _refused_by_signal(incident: Incident) -> None:
    def refused(view: IncidentView) -> bool:
        entries = (entry for entry in view.timeline if isinstance(entry, Refused))
        return any("mallory" in entry.why and "approv" in entry.what for entry in entries)

    await incident.until(refused, "the signal being refused")


async def test_vote_after_its_time_is_expired_at_every_door(world: World) -> None:
    """Given a question that nobody has answered in time, when somebody votes on it after all, then each door says
    that it has expired, and nothing is changed."""
    incident = await world.open("expiring")
    await incident.acknowledge()
    run = await incident.asked()
    assert run.question
    digest = run.question.digest
    link = await incident.link("approve", kind="approval")

    async def expired() -> bool:
        return (await incident.run()).question is None

    await eventually(expired, SECONDS, "the question expiring")
    handle = world.client.get_workflow_handle(run.workflow_id)
    late = {
        "grpc": await doors.by_grpc(world.people["alice"].approve(run.workflow_id, digest)),
        "link": await doors.by_link(link),
        "temporal": await doors.by_temporal(handle, APPROVE, digest=digest),
    }
    assert late == {"grpc": "Expired", "link": "Expired", "temporal": "Expired"}
    assert incident.tags() == [operators.GOOD, operators.BAD]
    await world.people["alice"].cancel(incident.workflow_id, "the end of the test")
    await incident.ended()
