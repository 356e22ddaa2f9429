"""Mail that comes back: real shapes of bounces, and mail that only looks like one."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from activities.channels.channel import Outgoing
from activities.channels.mail import compose
from mainstay.config.channels import SmtpChannel
from mainstay.domain.errors import Unavailable
from tests.activities.samples import NOW, PAGE
from tests.web.standin import Door

SECRET = "secret-of-the-mail-door"
SENT = compose(
    Outgoing(key="k/1/0/bob", message=PAGE, at=NOW, person="bob", address="bob@example.com"), "m@example.com"
)
ID = str(SENT["Message-ID"])


@pytest.fixture(autouse=True)
def channels(door: Door, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET)
    smtp = SmtpChannel(
        type="smtp", host="mx.example.com", sender="m@example.com", inbound_secret=f"file:{tmp_path}/secret"
    )
    plain = SmtpChannel(type="smtp", host="mx.example.com", sender="m@example.com")
    door.config = door.config.model_copy(update={"channels": {"mail": smtp, "plain": plain}})


def bounce(action: str = "failed", status: str = "5.1.1", original: str = "message/rfc822", about: str = ID) -> bytes:
    """As Postfix and RFC 3464's appendix write it."""
    headers = f"Message-ID: {about}\r\nSubject: [SEV1] x\r\n"
    returned = headers + ("\r\nbody\r\n" if original == "message/rfc822" else "")
    return (
        "From: MAILER-DAEMON@mx.example.com\r\nTo: m@example.com\r\nSubject: Undelivered Mail Returned to Sender\r\n"
        "MIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b1"\r\n\r\n'
        "--b1\r\nContent-Type: text/plain\r\n\r\nI'm sorry to have to inform you about <bob@example.com>\r\n"
        "--b1\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.com\r\n\r\n"
        f"Final-Recipient: rfc822; bob@example.com\r\nAction: {action}\r\nStatus: {status}\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1 <bob@example.com>: no such user\r\n\r\n"
        f"--b1\r\nContent-Type: {original}\r\n\r\n{returned}\r\n--b1--\r\n"
    ).encode()


async def hand_in(
    http: httpx2.AsyncClient, content: bytes, channel: str = "mail", token: str = SECRET
) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "message/rfc822"}
    return await http.post(f"/mail/{channel}", content=content, headers=headers)


@pytest.mark.parametrize("original", ["message/rfc822", "text/rfc822-headers"])
async def test_a_bounce_ends_its_notification(door: Door, http: httpx2.AsyncClient, original: str) -> None:
    """By the Message-ID, which is what the ledger knows the mail by; the address is in no detail."""
    assert (await hand_in(http, bounce(original=original))).status_code == 200
    (report,) = door.desk.reported
    assert (report.state, report.provider_id, report.channel) == ("dead", ID, "mail")
    assert report.detail == "the mail came back: 5.1.1"


@pytest.mark.parametrize(
    "content",
    [
        bounce(action="delayed", status="4.4.1"),
        bounce(action="delivered", status="2.0.0"),
        bounce(about="none"),
        SENT.as_bytes(),
        b"",
        b"\xff\xfe\x00 nonsense",
        b"Content-Type: multipart/report; boundary=x\r\n\r\n--x\r\nContent-Type: message/delivery-status\r\n",
    ],
    ids=["delayed", "delivered", "without-id", "ordinary", "empty", "binary", "cut"],
)
async def test_other_mail_is_taken_and_left_alone(door: Door, http: httpx2.AsyncClient, content: bytes) -> None:
    response = await hand_in(http, content)
    assert (response.status_code, response.json()["bounce"]) == (200, False)
    assert door.desk.reported == []


async def test_only_with_the_secret_of_the_channel(door: Door, http: httpx2.AsyncClient) -> None:
    for channel, token in (("mail", "wrong"), ("mail", SECRET + "x"), ("plain", SECRET), ("none", SECRET)):
        assert (await hand_in(http, bounce(), channel, token)).status_code == 401
    assert door.desk.reported == []
    assert door.sample("mainstay_wrong_tokens_total", door="mail") == 4


async def test_while_the_records_are_down_it_is_asked_for_again(door: Door, http: httpx2.AsyncClient) -> None:
    door.desk.refuse = Unavailable("the record store is down")
    assert (await hand_in(http, bounce())).status_code == 503
