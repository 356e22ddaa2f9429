"""Apprise's plugins, posting to real HTTP servers: what arrived, and what each answer means."""

from __future__ import annotations

import json
import logging
import re
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from activities.channels.channel import Later, Outgoing
from activities.channels.long_tail import LongTail
from mainstay.domain.letter import Offer
from mainstay.domain.message import AnyMessage
from mainstay.domain.work import Receipt
from tests.activities.samples import EVERY_KIND, HOSTILE, NOW, PAGE, hostile
from tests.activities.web_servers import dropping, fixed, never, nobody, serving

TOKEN = "AbCdEfGhIjKlMnO"
LINK = "https://mainstay.example.com/a/very-secret-token-0123456789"


async def post(url: str, message: AnyMessage = PAGE, *, form: str = "gotify", within: float = 4.0) -> Receipt:
    place = url.removeprefix("http://")
    address = {
        "gotify": f"gotify://{place}/{TOKEN}",
        "mattermost": f"mmost://{place}/{TOKEN}TOKEN/{{address}}",
        "json": f"json://{place}/hook/{{address}}",
    }[form]
    links = (Offer(label="Acknowledge", url=LINK, purpose="acknowledge"),)
    outgoing = Outgoing(key="k", message=message, at=NOW, person="bob", address="bob-4711", links=links)
    return await LongTail("tail", address, within=timedelta(seconds=within)).send(outgoing)


class Recorder:
    def __init__(self) -> None:
        self.taken: list[tuple[str, Any]] = []

    async def __call__(self, request: web.Request) -> web.Response:
        self.taken.append((request.path, json.loads(await request.read())))
        return web.json_response({"id": 1})


@pytest.mark.parametrize("message", EVERY_KIND, ids=lambda m: str(m.kind))
async def test_gotify_gets_the_words_and_nobodys_links(message: AnyMessage) -> None:
    """Its address is the channel's own: whoever reads there must not act as somebody else."""
    recorder = Recorder()
    async with serving(recorder) as url:
        assert (await post(url, hostile(message))).accepted
    ((path, body),) = recorder.taken
    assert path == "/message"
    assert HOSTILE not in json.dumps(body)
    assert "\x1b" not in body["title"] + body["message"]
    assert LINK not in body["message"]


async def test_an_address_of_the_persons_own_gets_the_links() -> None:
    recorder = Recorder()
    async with serving(recorder) as url:
        assert (await post(url, form="json")).accepted
    ((path, body),) = recorder.taken
    assert path.rstrip("/") == "/hook/bob-4711"
    assert LINK in body["message"]
    assert "nobody answered for 5 min" in body["message"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
async def test_these_answers_are_final(status: int) -> None:
    async with serving(fixed(status, f"{TOKEN} {LINK}")) as url:
        receipt = await post(url)
    assert receipt == Receipt(accepted=False, permanent=True, detail=f"channel tail answered {status}")


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_these_answers_may_pass(status: int) -> None:
    async with serving(fixed(status, TOKEN)) as url:
        with pytest.raises(Later, match=re.escape(f"channel tail answered {status}")):
            await post(url)


async def test_silence_and_broken_connections_may_pass(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(never) as url:
        with pytest.raises(Later, match=r"did not answer in 0\.3 s|could not hand it over"):
            await post(url, within=0.3)
    for broken in (dropping, nobody):
        async with broken() as url:
            with pytest.raises(Later, match="could not hand it over"):
                await post(url)
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("url", ["", "nothing", "discord://", "unknown-service://x/y"])
async def test_an_address_that_apprise_does_not_know_is_refused(url: str) -> None:
    receipt = await LongTail("tail", url).send(Outgoing(key="k", message=PAGE, at=NOW))
    assert receipt.permanent
    assert not url or url not in receipt.detail
