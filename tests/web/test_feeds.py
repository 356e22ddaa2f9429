"""Calendar feeds over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.applications import Starlette
from starlette.routing import Route

from mainstay.config import load
from mainstay.desk.feeds import Feeds
from mainstay.desk.pinning import Pins
from mainstay.domain.access import AccessRole, Actor, Assurance
from mainstay.domain.signature import Signer
from mainstay.records import Store
from mainstay.web.feeds import CalendarFeeds
from tests.config.conftest import SHOP

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


class _Desk:
    def __init__(self, feeds: Feeds) -> None:
        self.feeds = feeds


@pytest.mark.parametrize(("kind", "name"), [("schedule", "payments-primary"), ("person", "alice")])
async def test_a_feed_is_read_with_an_etag(tmp_path: object, kind: str, name: str) -> None:
    """The address gives the calendar, unchanged it answers 304, and a wrong or revoked one 404."""
    config = load(SHOP)
    alice = Actor(person="alice", roles=(AccessRole.RESPONDER,), assurance=Assurance.TOKEN)
    async with await Store.connect(f"sqlite+aiosqlite:///{tmp_path}/records.db") as store:
        feeds = Feeds(config, store, Pins(config, store, Signer(Ed25519PrivateKey.generate())), lambda: NOW)
        path = await feeds.create(kind, name, alice)  # type: ignore[arg-type]
        app = Starlette(routes=[Route("/calendar/{secret}.ics", CalendarFeeds(_Desk(feeds)).show)])  # type: ignore[arg-type]
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://door.example") as http:
            first = await http.get(path)
            assert (first.status_code, first.headers["content-type"]) == (200, "text/calendar; charset=utf-8")
            assert first.text.startswith("BEGIN:VCALENDAR")
            assert "Alice Example is on call" in first.text.replace("\r\n ", "")
            assert ("Bob Example is on call" in first.text.replace("\r\n ", "")) == (kind == "schedule")
            second = await http.get(path, headers={"If-None-Match": first.headers["etag"]})
            assert (second.status_code, second.content) == (304, b"")
            assert (await http.get("/calendar/guess.ics")).status_code == 404
            await feeds.revoke(kind, name, alice, everybody=False)  # type: ignore[arg-type]
            assert (await http.get(path)).status_code == 404
