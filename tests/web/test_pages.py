"""Pages for responders: who may read them, and that hostile text stays text."""

from __future__ import annotations

import html.parser
from datetime import timedelta
from urllib.parse import quote

import httpx2
import pytest

from mainstay.desk.answers import HaltState
from mainstay.domain import names
from mainstay.domain.access import Actor, Assurance
from mainstay.domain.errors import Unavailable
from mainstay.domain.incident import Phase
from mainstay.domain.timeline import Noted
from mainstay.web.session import SESSION_LENGTH
from tests.web.standin import (
    ALICE_TOKEN,
    CHANGE,
    KEY,
    NUMBER,
    ROW,
    RUN,
    RUN_VIEW,
    SOURCE_TOKEN,
    VIEW,
    VIEWER_TOKEN,
    WORKFLOW,
    Door,
    ago,
    bearer,
)

ALICE = bearer(ALICE_TOKEN)
HOSTILE = (
    '"><script>alert(1)</script><img src=x onerror=alert(1)>\x1b[2J\u202egnp.exe\u0000 '
    "'--{{7*7}}{% raw %} javascript:alert(1)"
)


class Markup(html.parser.HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


def check_harmless(text: str) -> None:
    made = Markup(text)
    assert "script" not in made.tags
    assert "img" not in made.tags
    assert not [name for name, _ in made.attributes if name.startswith("on")]
    for name, value in made.attributes:
        if name in ("href", "src", "action"):
            assert value.startswith(("/", "http://", "https://", "#", "?", "data:,")), value
    assert not set(text) & {"\x1b", "\u202e", "\0"}
    assert "49" not in text.split("7*7", maxsplit=1)[0][-3:]


async def test_strangers_see_nothing(door: Door, http: httpx2.AsyncClient) -> None:
    paths = ["/", f"/incidents/{NUMBER}", "/incidents/INC-2026-9999", f"/runs/{RUN}", "/runs/none"]
    for path in paths:
        for headers in ({}, {"Cookie": "mainstay_session=x"}, {"Cookie": "mainstay_view_0=x"}):
            answer = await http.get(path, headers=headers)
            assert answer.status_code == 401, path
            assert "HighErrorRate" not in answer.text


async def test_an_alert_source_may_not_read(door: Door, http: httpx2.AsyncClient) -> None:
    assert (await http.get("/", headers=bearer(SOURCE_TOKEN))).status_code == 403
    assert (await http.get("/", headers=bearer("wrong"))).status_code == 401
    assert door.sample("mainstay_wrong_tokens_total", door="page") == 1


async def test_the_first_page_lists_open_incidents_and_who_is_on_call(http: httpx2.AsyncClient) -> None:
    text = (await http.get("/", headers=ALICE)).text
    for shown in (NUMBER, VIEW.title, "12 min", "Alice Example", "nobody", "payments-secondary"):
        assert shown in text


async def test_a_schedule_page_lists_shifts_by_day(http: httpx2.AsyncClient) -> None:
    """Who is on call day by day, gaps named, hostile names as text; only for readers, and only of schedules."""
    assert (await http.get("/oncall/primary")).status_code in (302, 303, 401)
    found = await http.get("/oncall/primary", headers=ALICE)
    assert found.status_code == 200
    check_harmless(found.text)
    for said in ("Sat 2026-11-21", "2026-11-21 14:30:00 UTC", "nobody", "weekly", "&lt;script&gt;"):
        assert said in found.text
    assert (await http.get("/oncall/none", headers=ALICE)).status_code == 404
    assert "/oncall/" in (await http.get("/", headers=ALICE)).text


@pytest.mark.parametrize("ref", [NUMBER, KEY, quote(WORKFLOW, safe=""), WORKFLOW])
async def test_an_incident_is_found_by_any_of_its_names(http: httpx2.AsyncClient, ref: str) -> None:
    answer = await http.get(f"/incidents/{ref}", headers=ALICE)
    assert answer.status_code == 200
    assert NUMBER in answer.text


async def test_the_incident_page_says_what_it_waits_for_and_what_would_change(
    http: httpx2.AsyncClient,
) -> None:
    text = (await http.get(f"/incidents/{NUMBER}", headers=ALICE)).text
    for shown in (
        VIEW.waits_for,
        CHANGE.title,
        CHANGE.command,
        "14:18:00",
        "declared by alert",
        "Still stands: the incident cannot close.",
        "https://grafana.example.com/d/payments",
        f"workflows/{quote(WORKFLOW, safe='')}",
        'http-equiv="refresh" content="15"',
    ):
        assert shown in text
    assert "javascript:" not in text, "a link of the service that no browser should follow"


async def test_buttons_are_links_of_the_reader_and_need_the_role(door: Door, http: httpx2.AsyncClient) -> None:
    text = (await http.get(f"/incidents/{NUMBER}", headers=ALICE)).text
    paths = [v for n, v in Markup(text).attributes if n == "href" and v.startswith("/a/")]
    assert len(paths) == 4, "acknowledge, page next, approve, reject"
    for path in paths:
        assert (await http.post(path)).status_code == 200
    made = {update[1] for update in door.desk.updates}
    assert made == {names.ACKNOWLEDGE, names.ESCALATE, names.APPROVE, names.REJECT}
    assert "/a/" not in (await http.get(f"/incidents/{NUMBER}", headers=bearer(VIEWER_TOKEN))).text


async def test_an_incident_that_is_over_offers_nothing_and_stands_still(door: Door, http: httpx2.AsyncClient) -> None:
    door.desk.current = VIEW.model_copy(update={"phase": Phase.CLOSED, "waits_for": ""})
    text = (await http.get(f"/incidents/{NUMBER}", headers=ALICE)).text
    assert "http-equiv" not in text


async def test_refreshing_can_be_stopped(http: httpx2.AsyncClient) -> None:
    assert "http-equiv" not in (await http.get(f"/incidents/{NUMBER}?live=0", headers=ALICE)).text


async def test_degraded_records_and_a_halt_are_said(door: Door, http: httpx2.AsyncClient) -> None:
    door.desk.degraded = True
    door.desk.halt_now = HaltState(on=True, by="carol", reason="wrong cluster")
    for path in ("/", f"/incidents/{NUMBER}"):
        text = (await http.get(path, headers=ALICE)).text
        assert "record store does not answer" in text
        assert "halted" in text
        assert "wrong cluster" in text


async def test_a_run_shows_its_path_and_question(http: httpx2.AsyncClient) -> None:
    text = (await http.get(f"/runs/{RUN}", headers=ALICE)).text
    for shown in ("recent_deployment:yes", CHANGE.title, "Approve…", NUMBER):
        assert shown in text
    assert (await http.get("/runs/none", headers=ALICE)).status_code == 404


async def test_when_temporal_is_down_the_page_says_so(door: Door, http: httpx2.AsyncClient) -> None:
    door.desk.refuse = Unavailable("Temporal does not answer")
    answer = await http.get("/", headers=ALICE)
    assert (answer.status_code, "Temporal does not answer" in answer.text) == (503, True)
    assert answer.headers["Retry-After"]


# ---- login --------------------------------------------------------------------------------------


async def test_logging_in_takes_a_post_and_lasts_a_shift(door: Door, http: httpx2.AsyncClient) -> None:
    form = await http.get(f"/login?token={ALICE_TOKEN}")
    assert f'value="{ALICE_TOKEN}"' in form.text
    assert "Set-Cookie" not in form.headers
    answer = await http.post("/login", data={"token": ALICE_TOKEN})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    cookie = answer.headers["Set-Cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", "Max-Age=28800"))
    assert ALICE_TOKEN not in cookie
    assert (await http.get("/")).status_code == 200
    door.now += SESSION_LENGTH + timedelta(seconds=1)
    assert (await http.get("/")).status_code == 401


async def test_logging_out_ends_it(http: httpx2.AsyncClient) -> None:
    await http.post("/login", data={"token": ALICE_TOKEN})
    assert (await http.post("/logout", headers={"Sec-Fetch-Site": "cross-site"})).status_code == 403
    assert (await http.get("/")).status_code == 200
    await http.post("/logout")
    assert (await http.get("/")).status_code == 401


@pytest.mark.parametrize("token", ["", "wrong", SOURCE_TOKEN, HOSTILE])
async def test_a_wrong_token_logs_nobody_in(door: Door, http: httpx2.AsyncClient, token: str) -> None:
    answer = await http.post("/login", data={"token": token})
    assert answer.status_code in (401, 403)
    assert "Set-Cookie" not in answer.headers
    check_harmless(answer.text)


async def test_a_session_is_no_link_and_a_link_no_session(door: Door, http: httpx2.AsyncClient) -> None:
    login = await http.post("/login", data={"token": ALICE_TOKEN})
    session = login.headers["Set-Cookie"].split("=", 1)[1].split(";")[0]
    assert (await http.post(f"/a/{session}")).status_code == 400
    http.cookies.clear()
    link = door.link("view").removeprefix("/a/")
    assert (await http.get("/", headers={"Cookie": f"mainstay_session={link}"})).status_code == 401


async def test_tokens_are_not_taken_over_an_open_line() -> None:
    from mainstay.web.server import WebServer

    door = Door(public_url="http://mainstay.example.com")
    async with WebServer(door.app, "127.0.0.1:0") as server, httpx2.AsyncClient(base_url=server.url) as http:
        assert (await http.post("/login", data={"token": ALICE_TOKEN})).status_code == 403
    door = Door(public_url="https://mainstay.example.com")
    async with WebServer(door.app, "127.0.0.1:0") as server, httpx2.AsyncClient(base_url=server.url) as http:
        answer = await http.post("/login", data={"token": ALICE_TOKEN})
        assert "Secure" in answer.headers["Set-Cookie"]
        assert answer.headers["Strict-Transport-Security"]


# ---- hostile text -------------------------------------------------------------------------------


async def test_hostile_text_stays_text_on_every_page(door: Door, http: httpx2.AsyncClient) -> None:
    note = Noted(at=ago(1), text=HOSTILE, actor=Actor(person=HOSTILE, assurance=Assurance.UNVERIFIED))
    change = CHANGE.model_copy(
        update={"title": HOSTILE, "diff": f"+{HOSTILE}\n-</pre>", "command": HOSTILE, "warnings": (HOSTILE,)}
    )
    door.desk.current = VIEW.model_copy(
        update={
            "title": HOSTILE,
            "waits_for": HOSTILE,
            "firing_names": (HOSTILE,),
            "severity": HOSTILE,
            "commander": HOSTILE,
            "roles": {HOSTILE: HOSTILE},
            "public_text": HOSTILE,
            "mitigations": (VIEW.mitigations[0].model_copy(update={"text": HOSTILE, "inverse": HOSTILE}),),
            "timeline": (note,),
        }
    )
    door.desk.run_now = RUN_VIEW.model_copy(
        update={"change": change, "runbook": HOSTILE, "timeline": (note,), "path": (HOSTILE,)}
    )
    door.desk.rows = (ROW.model_copy(update={"title": HOSTILE, "severity": HOSTILE, "public_text": HOSTILE}),)
    door.desk.journal = {KEY: (note,)}
    pages = ["/", f"/incidents/{NUMBER}", f"/runs/{RUN}", door.link("approve", CHANGE.digest)]
    for path in (*pages, door.link("acknowledge", "1"), "/status"):
        answer = await http.get(path, headers=ALICE)
        assert answer.status_code == 200, (path, answer.text[:2000])
        check_harmless(answer.text)
        assert "&lt;script&gt;" in answer.text
        assert "{{7*7}}" in answer.text


@pytest.mark.parametrize(
    "path",
    [
        f"/incidents/{quote(HOSTILE, safe='')}",
        f"/runs/{quote(HOSTILE, safe='')}",
        f"/{quote(HOSTILE, safe='')}",
        "/incidents/",
        "/incidents/..%2f..%2fetc",
    ],
)
async def test_hostile_addresses_are_answered_calmly(http: httpx2.AsyncClient, path: str) -> None:
    answer = await http.get(path, headers=ALICE)
    assert answer.status_code in (400, 404)
    check_harmless(answer.text)


async def test_every_answer_is_hardened(door: Door, http: httpx2.AsyncClient) -> None:
    for path in ("/", "/status", "/healthz", "/nothing", door.link("acknowledge", "1"), "/metrics"):
        headers = (await http.get(path)).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "server" not in headers


async def test_pages_fetch_nothing_from_elsewhere(door: Door, http: httpx2.AsyncClient) -> None:
    for path in ("/", f"/incidents/{NUMBER}", "/status", "/login", door.link("approve", CHANGE.digest)):
        made = Markup((await http.get(path, headers=ALICE)).text)
        assert "script" not in made.tags
        assert "style" not in made.tags
        assert not [v for n, v in made.attributes if n == "style"]
        assert [v for n, v in made.attributes if n == "src"] == []
    style = await http.get("/style.css")
    assert style.headers["Content-Type"].startswith("text/css")
    assert "url(" not in style.text
    assert "@import" not in style.text
