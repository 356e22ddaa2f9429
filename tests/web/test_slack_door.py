"""Slack's requests at the real door: signatures, buttons, /incident and messages, on the real workflows."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from devstack.processes import eventually
from mainstay.config.channels import SlackChannel
from mainstay.config.settings import Settings
from mainstay.desk.auth import Authenticator
from mainstay.desk.desk import Desk
from mainstay.domain.access import Assurance
from mainstay.domain.approval import ApprovalPolicy, ApprovalRule
from mainstay.domain.errors import Unauthenticated
from mainstay.domain.incident import IncidentView
from mainstay.domain.people import ContactMethod
from mainstay.domain.slack_blocks import Pressed
from mainstay.domain.timeline import Acknowledged, ApprovalAnswered, Mitigated, Noted
from mainstay.telemetry import Metrics
from mainstay.web.app import build_app
from mainstay.web.server import WebServer
from mainstay.web.slack_signature import signature, verify
from tests.desk.lab import Lab, actor, make_config, request_id
from tests.slack_standin import MEMBERS, SIGNING_SECRET, TOKEN, SlackStandIn, deliver, headers, slack_server
from tests.web.test_real_door import CHANGING

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


@dataclass
class Door:
    lab: Lab
    url: str
    http: httpx2.AsyncClient
    slack: SlackStandIn

    async def press(self, view: IncidentView, purpose: str, member: str, **more: str) -> dict[str, Any]:
        """Press a button of a message about this incident; what Slack is told to show then."""
        means = {"workflow_id": view.workflow_id, "incident_key": view.key, "argument": "1", **more}
        value = Pressed(purpose=purpose, **means).model_dump_json(exclude_defaults=True)
        button = {"action_id": f"mainstay/{purpose}/0", "value": value, "text": {"type": "plain_text", "text": "x"}}
        said = {"type": "section", "text": {"type": "mrkdwn", "text": "what was shown"}}
        blocks = [said, {"type": "actions", "elements": [button]}]
        message = {"ts": "1.1", "text": "what was shown", "channel": "D1", "blocks": blocks}
        before = len(self.slack.responses)
        answer = await deliver(self.http, self.url, self.slack.button(message, purpose, member))
        assert (answer.status_code, answer.content) == (200, b"")

        async def responded() -> bool:
            return len(self.slack.responses) > before

        await eventually(responded, 20, f"an answer to {purpose}")
        return self.slack.responses[-1]

    async def type(self, text: str, member: str = "alice", **more: str) -> str:
        """What ``/incident TEXT`` answers."""
        answer = await deliver(self.http, self.url, self.slack.command(text, member, **more))
        assert answer.status_code == 200, answer.text
        assert answer.json()["response_type"] == "ephemeral"
        return str(answer.json()["text"])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    secrets = tmp_path_factory.mktemp("slack")
    (secrets / "token").write_text(TOKEN)
    (secrets / "signing").write_text(SIGNING_SECRET)
    async with slack_server() as slack:
        channel = SlackChannel(
            type="slack", token=f"file:{secrets}/token", signing_secret=f"file:{secrets}/signing", api_url=slack.url
        )
        people = {
            handle: person.model_copy(
                update={"contacts": (ContactMethod(name="slack", channel="slack", address=MEMBERS[handle]),)}
            )
            for handle, person in lab.config.people.items()
        }
        config = lab.config.model_copy(update={"channels": {"slack": channel}, "people": people})
        app = build_app(lab.desk, Authenticator(config, "http"), lambda: config, lab.signer, Settings(), Metrics())
        async with (
            WebServer(app, "127.0.0.1:0") as server,
            httpx2.AsyncClient(timeout=30) as http,
        ):
            yield Door(lab, server.url, http, slack)


# ---- whose request is it


def test_slacks_own_example_verifies() -> None:
    """The example of https://docs.slack.dev/authentication/verifying-requests-from-slack."""
    secret, stamp = "8f742231b10e8888abcd99yyyzzz85a5", "1531420618"
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&"
        b"channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&"
        b"response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&"
        b"trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    given = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    assert signature(secret, stamp, body) == given
    verify(secret, stamp, given, body, datetime.fromtimestamp(1531420618 + 299, UTC))
    with pytest.raises(Unauthenticated, match="too old"):
        verify(secret, stamp, given, body, datetime.fromtimestamp(1531420618 + 301, UTC))


@pytest.mark.parametrize("how", ["unsigned", "wrong secret", "too old", "changed"])
async def test_what_slack_did_not_sign_is_refused(door: Door, how: str) -> None:
    path, content = door.slack.command("list", "alice")
    signed = {
        "unsigned": {},
        "wrong secret": headers(content, secret="another"),
        "too old": headers(content, age=301),
        "changed": headers(content + b"&x=1"),
    }[how]
    answer = await door.http.post(f"{door.url}/chat/slack/slack/{path}", content=content, headers=signed)
    assert answer.status_code == 401
    assert SIGNING_SECRET not in answer.text


async def test_a_channel_without_a_signing_secret_has_no_door(door: Door) -> None:
    answer = await deliver(door.http, door.url, door.slack.command("list", "alice"), "elsewhere")
    assert answer.status_code == 404


async def test_somebody_unknown_is_told_what_to_do(door: Door) -> None:
    assert "people.yaml" in await door.type("list", "U0STRANGER")
    view = await door.lab.opened("SlackStranger")
    assert "people.yaml" in (await door.press(view, "acknowledge", "U0STRANGER"))["text"]
    assert not (await door.lab.desk.view(view.key)).acknowledged_by


# ---- buttons


async def test_a_button_acknowledges_as_its_member_and_the_message_shows_it(door: Door) -> None:
    view = await door.lab.opened("SlackAcked")
    shown = await door.press(view, "acknowledge", "alice")
    acked = await door.lab.until(view.key, lambda v: v.acknowledged_by == "alice", "alice has it")
    (entry,) = [e for e in acked.timeline if isinstance(e, Acknowledged)]
    assert (entry.actor.shown, entry.actor.assurance, entry.actor.door) == ("alice", Assurance.CHAT, "slack")
    assert shown["replace_original"] is True
    assert [block["type"] for block in shown["blocks"]] == ["section", "context"]
    assert "alice: acknowledged" in json.dumps(shown["blocks"])
    again = await door.press(view, "acknowledge", "bob")
    assert "alice acknowledged before" in again["text"]


async def test_a_button_of_an_earlier_incident_does_nothing_to_a_later_one(door: Door) -> None:
    view = await door.lab.opened("SlackStale")
    old = view.model_copy(update={"key": request_id("an earlier incident")})
    assert "earlier incident" in (await door.press(old, "acknowledge", "alice"))["text"]
    assert not (await door.lab.desk.view(view.key)).acknowledged_by


async def test_a_viewer_may_not_escalate(door: Door) -> None:
    view = await door.lab.opened("SlackViewer")
    assert "needs the access role" in (await door.press(view, "escalate", "vera"))["text"]


async def test_a_button_votes_on_exactly_the_shown_digest(door: Door) -> None:
    """A vote on another digest is refused; the right one is alice's, with the assurance of a chat."""
    view = (await door.lab.opened("SlackVote")).model_copy(update={"key": ""})  # a run of its own
    rule = ApprovalRule(votes=1, by=("access:responder",), minimum_assurance=Assurance.CHAT)
    config = make_config(runbooks={"restart-it": CHANGING}, approvals=ApprovalPolicy(medium=rule))
    store, signer = door.lab.store, door.lab.signer
    desk = Desk(door.lab.client, config.with_keys(signer.public()), store, signer)
    started = await desk.run_runbook("restart-it", {}, actor("bob"), request_id("SlackVote"), service="api")
    run = await door.lab.until_run(started.run, lambda r: r.question, "the change is to be approved")
    assert run.question
    where = {"workflow_id": run.workflow_id}
    wrong = await door.press(view, "approve", "alice", argument="sha256:another", **where)
    assert "blocks" not in wrong, wrong
    right = await door.press(view, "approve", "alice", argument=run.question.digest, **where)
    assert right["replace_original"] is True, right
    answered = await door.lab.until_run(
        run.workflow_id, lambda r: any(isinstance(e, ApprovalAnswered) for e in r.timeline), "the vote counts"
    )
    (entry,) = [e for e in answered.timeline if isinstance(e, ApprovalAnswered)]
    assert (entry.digest, entry.answer) == (run.question.digest, "approve")
    assert (entry.actor.person, entry.actor.assurance) == ("alice", Assurance.CHAT)


# ---- commands


async def test_an_incident_is_declared_shown_and_moved_by_commands(door: Door) -> None:
    said = await door.type('declare api "Checkout & <cart> is slow" severity=SEV3', trigger="d1")
    assert "is declared" in said
    assert "&lt;cart&gt;" in said
    again = await door.type('declare api "Checkout & <cart> is slow" severity=SEV3', trigger="d1")
    assert "already" in again

    async def listed() -> bool:
        return "Checkout" in await door.type("list")

    await eventually(listed, 20, "the incident is listed")
    line = next(row for row in (await door.type("list")).splitlines() if "Checkout" in row)
    number = line.split()[0]
    assert "acknowledged" in await door.type(f"ack {number}", trigger="d2")
    assert "noted" in await door.type(f"note {number} it is the cache", trigger="d3")
    assert "commander" in await door.type(f"role {number} commander alice", trigger="d4")
    assert "update posted" in await door.type(f"update {number} we know more", trigger="d5")
    shown = await door.type(f"show {number}")
    assert "acknowledged by alice" in shown
    assert "commander: alice" in shown
    assert "it is the cache" in shown
    assert "resolved" in await door.type(f"resolve {number} all", trigger="d6")
    view = await door.lab.desk.view(number)
    notes = [e for e in view.timeline if isinstance(e, Noted) and e.text == "it is the cache"]
    assert [(e.actor.person, e.actor.assurance) for e in notes] == [("alice", Assurance.CHAT)]


@pytest.mark.capability("S-183")
async def test_mitigate_is_logged_and_moves_the_incident(door: Door) -> None:
    """Given `Rerouted traffic to backup database`, then a timeline event kind=mitigation exists and state
    becomes Mitigating/Mitigated."""
    view = await door.lab.opened("SlackMitigated")
    said = await door.type(f'mitigate {view.number} "Rerouted traffic to backup database"', trigger="m1")
    assert view.number in said
    after = await door.lab.desk.view(view.key)
    (entry,) = [e for e in after.timeline if isinstance(e, Mitigated)]
    assert (entry.text, entry.actor.person) == ("Rerouted traffic to backup database", "alice")
    assert after.phase.value in ("mitigating", "monitoring")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "/incident ack"),
        ("help", "/incident declare SERVICE TITLE"),
        ("frobnicate", "no command 'frobnicate'"),
        ("note", "note [INC-…] TEXT"),
        ("declare api", "declare SERVICE TITLE"),
        ("declare nowhere it is broken", "no service"),
        ("ack INC-2001-9999", "INC-2001-9999"),
        ("oncall", "primary:"),
    ],
)
async def test_every_mistake_gets_a_helpful_answer(door: Door, text: str, said: str) -> None:
    assert said in await door.type(text, trigger=f"h-{text}")


async def test_without_a_worker_slack_hears_at_once_and_the_outcome_later(door: Door) -> None:
    """Slack gives three seconds: "working on it" comes in time, and what became of it when it is known."""
    view = await door.lab.opened("SlackLater")
    async with door.lab.without_workers():
        said = await door.type(f"ack {view.number}", trigger="later")
        assert said == "Working on it …"
        before = len(door.slack.responses)

    async def responded() -> bool:
        return len(door.slack.responses) > before

    await eventually(responded, 20, "the outcome")
    assert "acknowledged" in door.slack.responses[-1]["text"]


async def test_a_note_typed_as_a_message_lands_in_the_time_line(door: Door) -> None:
    view = await door.lab.opened("SlackTalk")
    for _ in range(2):  # Slack repeats events that were answered late
        sent = door.slack.said(f"!note {view.number} a &lt;cache&gt; was cold", "alice", "C0GENERAL1", "Ev-note")
        assert (await deliver(door.http, door.url, sent)).status_code == 200
    notes: list[str] = []

    async def noted() -> bool:
        found = (await door.lab.desk.view(view.key)).timeline
        notes[:] = [e.text for e in found if isinstance(e, Noted) and "cold" in e.text]
        return bool(notes) and len(door.slack.ephemeral) >= 2

    await eventually(noted, 20, "the note")
    assert notes == ["a <cache> was cold"]
    talk = door.slack.said("just talking about !ack", "alice", "C0GENERAL1", "Ev-talk")
    assert (await deliver(door.http, door.url, talk)).status_code == 200
    challenge = ("events", b'{"type": "url_verification", "challenge": "abc"}')
    assert (await deliver(door.http, door.url, challenge)).json() == {"challenge": "abc"}
