"""A telephone in front of the real desk: the workflow itself takes the key and the answer."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio

from activities.channels.channel import Outgoing
from activities.channels.twilio import twiml
from mainstay.config.channels import TwilioChannel
from mainstay.config.settings import Settings
from mainstay.desk.auth import Authenticator
from mainstay.domain.incident import IncidentView
from mainstay.domain.letter import Offer
from mainstay.domain.message import IncidentRef, PageMessage
from mainstay.domain.people import ContactMethod
from mainstay.domain.telephone import code_of
from mainstay.domain.timeline import Acknowledged
from mainstay.web.app import build_app
from mainstay.web.server import WebServer
from mainstay.web.twilio import signature
from tests.web.fixtures import RealDoor
from tests.web.test_real_door import opened

TOKEN, ALICES, BASE = "twilio-auth-token", "+4930123456", "https://mainstay.example.com"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def phone(real: RealDoor, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx2.AsyncClient]:
    secret: Path = tmp_path_factory.mktemp("twilio") / "token"
    secret.write_text(TOKEN)
    common = {"account": "AC" + "0" * 32, "auth_token": f"file:{secret}", "sender": "+4930999999"}
    config = real.lab.config
    number = ContactMethod(name="sms", channel="sms", address=ALICES)
    alice = config.people["alice"].model_copy(update={"contacts": (*config.people["alice"].contacts, number)})
    channels = {kind: TwilioChannel.model_validate({"type": f"twilio_{kind}", **common}) for kind in ("sms", "voice")}
    told = config.model_copy(
        update={
            "people": {**config.people, "alice": alice},
            "channels": {**config.channels, **channels},
            "public_url": BASE,
        }
    )
    app = build_app(real.lab.desk, Authenticator(told, "http"), lambda: told, real.lab.signer, Settings())
    async with (
        WebServer(app, "127.0.0.1:0") as server,
        httpx2.AsyncClient(base_url=server.url, timeout=30) as client,
    ):
        yield client


async def twilio(phone: httpx2.AsyncClient, path: str, **fields: str) -> str:
    headers = {"X-Twilio-Signature": signature(TOKEN, BASE + path, fields)}
    response = await phone.post(path, data=fields, headers=headers)
    assert response.status_code == 200, response.text
    return "".join(ET.fromstring(response.text).itertext())


async def taken_by_alice(real: RealDoor, view: IncidentView) -> None:
    now = await real.lab.desk.view(view.key)
    assert now.acknowledged_by == "alice"
    (entry,) = [e for e in now.timeline if isinstance(e, Acknowledged)]
    assert (entry.actor.person, entry.actor.door) == ("alice", "twilio")


async def test_an_answer_by_sms_acknowledges_the_real_incident_once(real: RealDoor, phone: httpx2.AsyncClient) -> None:
    view = await opened(real, "SmsAnswered")
    await real.lab.until(view.workflow_id, lambda v: "alice" in v.responders, "alice is paged")
    answer = {"From": ALICES, "Body": f"1 {code_of(view.key)}", "MessageSid": "SM1"}
    first = await twilio(phone, "/twilio/sms/sms", **answer)
    assert await twilio(phone, "/twilio/sms/sms", **answer) == first
    await taken_by_alice(real, view)


async def test_the_keys_of_the_call_that_was_made_act_on_the_real_incident(
    real: RealDoor, phone: httpx2.AsyncClient
) -> None:
    """The address that the call's TwiML names is the one that the key is posted to."""
    view = await opened(real, "CallAnswered")
    await real.lab.until(view.workflow_id, lambda v: "alice" in v.responders, "alice is paged")
    links = tuple(
        Offer(label=purpose, url=BASE + real.link(view, purpose, "1"), purpose=purpose)
        for purpose in ("acknowledge", "escalate")
    )
    page = PageMessage(incident=IncidentRef(key=view.key, title=view.title, severity=view.severity))
    said = ET.fromstring(twiml(Outgoing(key="k", message=page, at=datetime.now(UTC), links=links), "voice"))
    gather = said.find("Gather")
    assert gather is not None
    path = gather.attrib["action"].removeprefix(BASE)
    assert "nothing" in await twilio(phone, path, CallSid="CA1", Digits="7")
    await twilio(phone, path, CallSid="CA1", Digits="1")
    await taken_by_alice(real, view)
