"""Keys in a call and answers by SMS: signed by Twilio, from the person's own number, once."""

from __future__ import annotations

import hashlib
import hmac
import json
import xml.etree.ElementTree as ET
from base64 import b64encode
from typing import Any

import httpx2
import pytest

from mainstay.config.channels import PagerDutyChannel, TwilioChannel
from mainstay.domain import names
from mainstay.domain.access import Assurance
from mainstay.domain.errors import AlreadyDone, Unavailable
from mainstay.domain.incident import Acknowledge, Escalate
from mainstay.domain.people import ContactMethod
from mainstay.domain.telephone import code_of
from tests.web.standin import KEY, NOW, ROW, VIEW, Door, ago

TOKEN, SECRET = "twilio-auth-token", "pagerduty-signing-secret"
ALICES = "+4930123456"
BASE = "http://127.0.0.1:8080"
CODE = code_of(KEY)


@pytest.fixture(autouse=True)
def channels(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("T_TOKEN", TOKEN)
    monkeypatch.setenv("P_SECRET", SECRET)
    common: dict[str, Any] = {"account": "AC" + "0" * 32, "auth_token": "env:T_TOKEN", "sender": "+4930999999"}
    alice = door.config.people["alice"].model_copy(
        update={
            "contacts": (
                ContactMethod(name="sms", channel="sms", address=ALICES),
                ContactMethod(name="pd", channel="pd", address="PALICE1"),
            )
        }
    )
    door.config = door.config.model_copy(
        update={
            "people": {**door.config.people, "alice": alice},
            "channels": {
                "sms": TwilioChannel(type="twilio_sms", **common),
                "voice": TwilioChannel(type="twilio_voice", **common),
                "pd": PagerDutyChannel(type="pagerduty", routing_key="env:P_KEY", signing_secret="env:P_SECRET"),
            },
        }
    )


def signed(path: str, fields: dict[str, str], token: str = TOKEN) -> dict[str, str]:
    """As Twilio's page on security says: address, then each field's name and value, in the order of names."""
    text = BASE + path + "".join(name + fields[name] for name in sorted(fields))
    return {"X-Twilio-Signature": b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()}


async def answer(http: httpx2.AsyncClient, text: str, number: str = ALICES, sid: str = "SM1") -> str:
    fields = {"From": number, "To": "+4930999999", "Body": text, "MessageSid": sid}
    response = await http.post("/twilio/sms/sms", data=fields, headers=signed("/twilio/sms/sms", fields))
    assert response.status_code == 200
    return "".join(ET.fromstring(response.text).itertext())


def voice(door: Door, argument: str = "3") -> str:
    tokens = [door.link(purpose, argument).removeprefix("/a/") for purpose in ("acknowledge", "escalate")]
    return "/twilio/voice/voice/" + "/".join(tokens)


async def press(http: httpx2.AsyncClient, path: str, digits: str) -> str:
    fields = {"CallSid": "CA1", "Digits": digits}
    response = await http.post(path, data=fields, headers=signed(path, fields))
    assert response.status_code == 200
    return "".join(ET.fromstring(response.text).itertext())


@pytest.mark.parametrize(
    ("text", "name", "command"),
    [
        (f"1 {CODE}", names.ACKNOWLEDGE, Acknowledge()),
        ("1", names.ACKNOWLEDGE, Acknowledge()),
        (f"ack {CODE}", names.ACKNOWLEDGE, Acknowledge()),
        (f"2 {CODE}", names.ESCALATE, Escalate()),
    ],
)
async def test_an_answer_by_sms_acts_as_the_person_of_the_number(
    door: Door, http: httpx2.AsyncClient, text: str, name: str, command: Acknowledge | Escalate
) -> None:
    said = await answer(http, text)
    ((ref, made, given, caller, _),) = door.desk.updates
    assert (ref, made, given) == (KEY, name, command)
    assert (caller.person, caller.assurance, caller.door) == ("alice", Assurance.LINK, "twilio")
    assert said == f"alice: {name}"


async def test_a_repeated_delivery_is_one_acknowledgement(door: Door, http: httpx2.AsyncClient) -> None:
    for _ in range(3):
        await answer(http, f"1 {CODE}")
    assert len(door.desk.updates) == 1


async def test_a_stranger_learns_nothing(door: Door, http: httpx2.AsyncClient) -> None:
    assert await answer(http, f"1 {CODE}", number="+4930000000") == ""
    assert door.desk.updates == []


@pytest.mark.parametrize(("text", "said"), [("hello <b>&", "Not understood"), ("1 0000", "not called to any")])
async def test_what_is_not_understood_is_answered(door: Door, http: httpx2.AsyncClient, text: str, said: str) -> None:
    assert said in await answer(http, text)
    assert door.desk.updates == []


async def test_of_several_incidents_the_code_says_which(door: Door, http: httpx2.AsyncClient) -> None:
    other = "0190f3a4-1111-7222-8333-94445556abcd"
    door.desk.earlier = {other: VIEW.model_copy(update={"key": other, "workflow_id": "incident/x", "number": "I-2"})}
    door.desk.rows = (ROW, ROW.model_copy(update={"key": other}))
    said = await answer(http, "1")
    assert CODE in said
    assert "abcd" in said
    assert door.desk.updates == []
    await answer(http, "1 ABCD")
    assert door.desk.updates[0][0] == other


async def test_too_late_is_said_in_words(door: Door, http: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def already(*_: Any, **__: Any) -> None:
        raise AlreadyDone("bob acknowledged it at 14:28")

    monkeypatch.setattr(door.desk, "update", already)
    assert await answer(http, f"1 {CODE}") == "bob acknowledged it at 14:28"


@pytest.mark.parametrize(
    ("digits", "name", "command"),
    [("1", names.ACKNOWLEDGE, Acknowledge(round=3)), ("2", names.ESCALATE, Escalate(round=3))],
)
async def test_a_key_in_a_call_acts(
    door: Door, http: httpx2.AsyncClient, digits: str, name: str, command: Acknowledge | Escalate
) -> None:
    await press(http, voice(door), digits)
    ((ref, made, given, caller, _),) = door.desk.updates
    assert (ref, made, given, caller.person) == (KEY, name, command, "alice")


async def test_other_keys_swapped_and_old_links_do_nothing(door: Door, http: httpx2.AsyncClient) -> None:
    assert "does nothing" in await press(http, voice(door), "9")
    ack, escalate = voice(door).rsplit("/", 2)[1:]
    assert "not for" in await press(http, f"/twilio/voice/voice/{escalate}/{ack}", "1")
    old = door.link("acknowledge", "3", expires_at=ago(1)).removeprefix("/a/")
    assert "expired" in await press(http, f"/twilio/voice/voice/{old}/{escalate}", "1")
    assert door.desk.updates == []
    assert ago(1) < NOW


async def test_what_twilio_did_not_sign_is_refused_and_counted(door: Door, http: httpx2.AsyncClient) -> None:
    fields = {"From": ALICES, "Body": f"1 {CODE}"}
    good = signed("/twilio/sms/sms", fields)
    tries: list[tuple[str, dict[str, str], dict[str, str]]] = [
        ("/twilio/sms/sms", fields, {}),
        ("/twilio/sms/sms", fields, signed("/twilio/sms/sms", fields, "another token")),
        ("/twilio/sms/sms", {**fields, "Body": f"2 {CODE}"}, good),
        ("/twilio/sms/sms?x=1", fields, good),
        ("/twilio/voice/voice/a/b", fields, good),
    ]
    for path, sent, headers in tries:
        assert (await http.post(path, data=sent, headers=headers)).status_code == 401
    assert (await http.post("/twilio/voice/sms", data=fields, headers=good)).status_code == 404
    assert door.desk.updates == []
    assert door.sample("mainstay_wrong_tokens_total", door="twilio") == len(tries)


@pytest.mark.parametrize(
    ("channel", "fields", "state"),
    [
        ("sms", {"MessageSid": "SM9", "MessageStatus": "delivered"}, "delivered"),
        ("sms", {"MessageSid": "SM9", "MessageStatus": "undelivered", "ErrorCode": "30003"}, "dead"),
        ("sms", {"MessageSid": "SM9", "MessageStatus": "sent"}, ""),
        ("voice", {"CallSid": "CA9", "CallStatus": "completed"}, "delivered"),
        ("voice", {"CallSid": "CA9", "CallStatus": "no-answer"}, "dead"),
        ("voice", {"CallSid": "CA9", "CallStatus": "ringing"}, ""),
    ],
)
async def test_what_became_of_a_message_is_written_down(
    door: Door, http: httpx2.AsyncClient, channel: str, fields: dict[str, str], state: str
) -> None:
    path = f"/twilio/{channel}/status?key={KEY}%2F1%2Falice"
    done = await http.post(path, data=fields, headers=signed(path, fields))
    assert done.status_code == 204
    assert [(r.state, r.key, r.channel) for r in door.desk.reported] == (
        [(state, f"{KEY}/1/alice", channel)] if state else []
    )
    assert (await http.post(path, data=fields, headers=signed(path, fields, "other"))).status_code == 401
    door.desk.refuse = Unavailable("the record store is down")
    if state:
        assert (await http.post(path, data=fields, headers=signed(path, fields))).status_code == 503


def pd_event(**more: Any) -> bytes:
    event = {
        "id": "01EVENT",
        "event_type": "incident.acknowledged",
        "resource_type": "incident",
        "agent": {"id": "PALICE1", "type": "user_reference", "summary": "Alice"},
        "data": {"id": "PINC1", "type": "incident", "incident_key": KEY, "status": "acknowledged"},
    }
    return json.dumps({"event": {**event, **more}}).encode()


async def pd(http: httpx2.AsyncClient, content: bytes, secret: str = SECRET) -> httpx2.Response:
    mac = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()
    headers = {"X-PagerDuty-Signature": f"v1={'0' * 64}, v1={mac}", "Content-Type": "application/json"}
    return await http.post("/pagerduty/pd", content=content, headers=headers)


async def test_an_acknowledgement_in_pagerduty_counts_here_once(door: Door, http: httpx2.AsyncClient) -> None:
    for _ in range(2):
        assert (await pd(http, pd_event())).status_code == 200
    ((ref, name, command, caller, _),) = door.desk.updates
    assert (ref, name, command) == (KEY, names.ACKNOWLEDGE, Acknowledge())
    assert (caller.person, caller.door) == ("alice", "pagerduty")


async def test_other_events_of_pagerduty_change_nothing(door: Door, http: httpx2.AsyncClient) -> None:
    for content in (
        pd_event(event_type="incident.triggered"),
        pd_event(agent={"id": "PSOMEBODY"}),
        pd_event(agent=None),
        pd_event(data=[]),
        b"[]",
        b"{",
    ):
        assert (await pd(http, content)).status_code == 200
    assert (await pd(http, pd_event(), "another secret")).status_code == 401
    assert (await http.post("/pagerduty/sms", content=b"{}")).status_code == 401
    assert door.desk.updates == []
