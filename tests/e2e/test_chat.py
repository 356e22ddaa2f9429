"""Chat through the whole product: worker, server and Temporal, Slack's stand-in and a real Synapse."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
import yaml
from temporalio.client import Client

from devstack.processes import eventually
from devstack.product import Product
from devstack.synapse import Synapse
from devstack.temporal import TemporalServer
from mainstay.domain.access import Assurance
from mainstay.domain.incident import IncidentView
from mainstay.domain.timeline import Acknowledged, Paged
from mainstay.matrix import Matrix
from tests.e2e.world import alert, connect, payload
from tests.slack_standin import MEMBERS, ROOM, SIGNING_SECRET, TOKEN, SlackStandIn, deliver, slack_server


@dataclass
class Chats:
    product: Product
    client: Client
    slack: SlackStandIn
    synapse: Synapse
    http: httpx2.AsyncClient
    bob: Matrix

    async def fire(self, service: str) -> str:
        """Workflow id of the incident that an alert of this service opens."""
        headers = {"Authorization": f"Bearer {self.product.tokens['alertmanager']}"}
        url = f"{self.product.url}/webhooks/alertmanager"
        answer = await self.http.post(url, json=payload(alert(service)), headers=headers)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["incidents"][0])

    async def until(self, workflow_id: str, check: Any, what: str) -> IncidentView:
        seen: list[IncidentView] = []

        async def ok() -> bool:
            handle = self.client.get_workflow_handle(workflow_id)
            seen.append(await handle.query("view", result_type=IncidentView))
            return bool(check(seen[-1]))

        await eventually(ok, 60, what)
        return seen[-1]

    def without_secrets(self) -> None:
        """Neither token nor signing secret stands in any log."""
        for name in ("worker.log", "server.log"):
            text = (self.product.data_dir / name).read_text()
            assert TOKEN not in text
            assert SIGNING_SECRET not in text
            assert self.product.env["MATRIX_TOKEN"] not in text


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def chats(
    temporal_server: TemporalServer, synapse: Synapse, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Chats]:
    folder = tmp_path_factory.mktemp("chats")
    async with slack_server() as slack, httpx2.AsyncClient(timeout=30) as http:
        env = {
            "SLACK_TOKEN": TOKEN,
            "SLACK_SIGNING": SIGNING_SECRET,
            "SLACK_URL": slack.url,
            "MATRIX_URL": synapse.url,
            "MATRIX_TOKEN": await synapse.login("mainstay-e2e"),
        }
        bob = Matrix("bob", synapse.url, synapse.user("bob-e2e"), await synapse.login("bob-e2e"), http)
        product = Product(
            folder / "data",
            temporal=temporal_server.address,
            env=env,
            config_dir=write(folder / "operators", synapse),
            tokens={"alertmanager": "token-of-alertmanager"},
        )
        async with product:
            yield Chats(product, await connect(temporal_server), slack, synapse, http, bob)


def write(folder: Path, synapse: Synapse) -> Path:
    """Alice is reached by Slack; bob by Slack, and by Matrix where that fails."""
    slack = {"type": "slack", "token": "env:SLACK_TOKEN", "signing_secret": "env:SLACK_SIGNING", "room": ROOM}
    matrix = {"type": "matrix", "homeserver": "env:MATRIX_URL", "token": "env:MATRIX_TOKEN"}
    people = {
        "alice": {"contacts": {"slack": {"channel": "slack", "address": MEMBERS["alice"]}}},
        "bob": {
            "contacts": {
                "slack": {"channel": "slack", "address": MEMBERS["bob"]},
                "matrix": {"channel": "matrix", "address": synapse.user("bob-e2e")},
            },
            "notify": [{"method": "slack"}],
        },
    }
    files: dict[str, Any] = {
        "mainstay.yaml": {
            "organisation": "Example Works",
            "channels": {
                "slack": {**slack, "api_url": "env:SLACK_URL"},
                "matrix": {**matrix, "user": synapse.user("mainstay-e2e")},
            },
            "tokens": [
                {"source": "alertmanager", "roles": ["alert_source"], "token": "env:MAINSTAY_TOKEN_ALERTMANAGER"}
            ],
        },
        "people.yaml": {"people": {handle: {"name": handle.title(), **one} for handle, one in people.items()}},
        "teams.yaml": {"teams": {"crew": {"members": ["alice", "bob"], "manager": "alice"}}},
        "severity.yaml": {"profile": "002"},
        "routes.yaml": {
            "routes": [
                {"name": "by-service", "match": {"service": "/.+/"}, "service_label": "service"},
                {"name": "rest", "fallback": True, "service": "for-alice"},
            ]
        },
    }
    for person, called in (("alice", ["alice"]), ("bob", ["bob"]), ("both", ["alice", "bob"])):
        step = {"targets": [f"person:{one}" for one in called], "wait": "15m"}
        files[f"policies/{person}.yaml"] = {"name": person, "steps": [step], "last_resort": ["person:alice"]}
        service = {"name": f"for-{person}", "team": "crew", "tier": 2, "escalation_policy": person}
        files[f"services/for-{person}.yaml"] = service
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(yaml.safe_dump(content, sort_keys=False))
    return folder


async def test_a_page_by_slack_is_acknowledged_by_its_button(chats: Chats) -> None:
    """From the alert to the button and back, with nothing of ours in between but the product."""
    workflow_id = await chats.fire("for-alice")

    async def paged() -> bool:
        return bool(chats.slack.to("alice"))

    await eventually(paged, 60, "alice's page")
    page = chats.slack.to("alice")[0]
    answer = await deliver(chats.http, chats.product.url, chats.slack.button(page, "acknowledge", "alice"))
    assert answer.status_code == 200
    view = await chats.until(workflow_id, lambda v: v.acknowledged_by == "alice", "alice has it")
    (entry,) = [e for e in view.timeline if isinstance(e, Acknowledged)]
    assert (entry.actor.assurance, entry.actor.door) == (Assurance.CHAT, "slack")

    async def shown() -> bool:
        return any(r.get("replace_original") for r in chats.slack.responses)

    await eventually(shown, 30, "the message showing it")
    chats.without_secrets()


async def test_who_was_called_too_sees_their_page_change_when_somebody_has_it(chats: Chats) -> None:
    """Bob's page says "handled by alice", without buttons, and its thread tells him so."""
    workflow_id = await chats.fire("for-both")
    pages: list[dict[str, Any]] = []

    async def paged() -> bool:
        pages[:] = [m for name in ("alice", "bob") for m in chats.slack.to(name) if "for-both" in m["text"]]
        return len(pages) >= 2

    await eventually(paged, 60, "both being paged")
    assert (
        await deliver(chats.http, chats.product.url, chats.slack.button(pages[0], "acknowledge", "alice"))
    ).is_success
    await chats.until(workflow_id, lambda v: v.acknowledged_by == "alice", "alice has it")

    async def told() -> bool:
        return any(m.get("thread_ts") == pages[1]["ts"] for m in chats.slack.to("bob"))

    await eventually(told, 60, "bob being told in the thread")
    page = next(m for m in chats.slack.to("bob") if m["ts"] == pages[1]["ts"])
    assert "handled by alice" in page["text"]
    assert "acknowledge" not in str(page["blocks"])


async def test_where_slack_refuses_the_page_falls_through_to_matrix_and_a_reaction_acknowledges(chats: Chats) -> None:
    chats.slack.broken.add(MEMBERS["bob"])
    workflow_id = await chats.fire("for-bob")

    def reached(view: IncidentView) -> bool:
        return any(isinstance(e, Paged) and e.delivered and e.channel == "matrix" for e in view.timeline)

    view = await chats.until(workflow_id, reached, "bob being paged by Matrix")
    pages = [e for e in view.timeline if isinstance(e, Paged)]
    assert [(e.channel, e.delivered) for e in pages][:2] == [("slack", False), ("matrix", True)]
    assert "channel_not_found" in pages[0].detail
    invited = (await chats.bob.get("sync", query={"timeout": "0"}))["rooms"]["invite"]
    (room,) = invited
    await chats.bob.post("join", room, body={})
    found = (await chats.bob.get("rooms", room, "messages", query={"dir": "b", "limit": "20"}))["chunk"]
    page = next(e for e in found if e["type"] == "m.room.message")
    relation = {"rel_type": "m.annotation", "event_id": page["event_id"], "key": "\u2705"}
    await chats.bob.put("rooms", room, "send", "m.reaction", "ack", body={"m.relates_to": relation})
    await chats.until(workflow_id, lambda v: v.acknowledged_by == "bob", "bob has it")
    chats.without_secrets()
