"""Signed links: a GET shows, a POST acts, once, as the person of the link, on its incident alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mainstay.domain import names
from mainstay.domain.access import Actor, Assurance
from mainstay.domain.approval import Vote, VoteKind
from mainstay.domain.errors import AlreadyDone, Halted, NotAllowed, Refusal, Stale, Unavailable, WrongState
from mainstay.domain.incident import Acknowledge, Escalate, Phase
from mainstay.domain.item_commands import ItemControl
from mainstay.domain.runbook.run import AnswerQuestion, CastVote
from mainstay.domain.signature import Signer
from mainstay.domain.timeline import ApprovalAnswered
from mainstay.domain.work import ItemRow
from tests.web.standin import (
    ALICE_TOKEN,
    CHANGE,
    KEY,
    NOW,
    QUESTION,
    RUN,
    RUN_VIEW,
    VIEW,
    VIEWER_TOKEN,
    WORKFLOW,
    Door,
    acknowledged,
    ago,
)

ITEM = ItemRow(
    id="ai-7",
    incident_key=KEY,
    incident_number="INC-2026-0042",
    text="Add an alert on the pool's size",
    owner="alice",
    due=NOW + timedelta(days=3),
)


def prepare(door: Door) -> None:
    door.desk.items_now = (ITEM,)


PURPOSES: list[tuple[str, str, dict[str, Any], str, type]] = [
    ("acknowledge", "1", {}, names.ACKNOWLEDGE, Acknowledge),
    ("escalate", "1", {}, names.ESCALATE, Escalate),
    ("approve", CHANGE.digest, {}, names.APPROVE, CastVote),
    ("reject", CHANGE.digest, {}, names.REJECT, CastVote),
    ("item_done", "", {"workflow_id": "action-item/ai-7"}, names.DONE_ITEM, ItemControl),
]


@pytest.mark.parametrize(("purpose", "argument", "fields", "update", "command"), PURPOSES, ids=[p[0] for p in PURPOSES])
async def test_a_get_shows_and_a_post_acts(
    door: Door,
    http: httpx2.AsyncClient,
    purpose: str,
    argument: str,
    fields: dict[str, Any],
    update: str,
    command: type,
) -> None:
    prepare(door)
    url = door.link(purpose, argument, **fields)
    for method in ("GET", "HEAD", "GET"):
        shown = await http.request(method, url)
        assert shown.status_code == 200
    assert "You act as <strong>alice</strong>" in shown.text
    assert "INC-2026-0042" in shown.text
    assert door.desk.updates == [], "mail scanners follow links"
    done = await http.post(url)
    assert done.status_code == 200
    assert all(made[1] == update and isinstance(made[2], command) for made in door.desk.updates)
    caller = door.desk.updates[0][3]
    assert (caller.person, caller.assurance, caller.door) == ("alice", Assurance.LINK, "web")


async def test_acknowledging_names_the_round_and_the_incident_key(door: Door, http: httpx2.AsyncClient) -> None:
    await http.post(door.link("acknowledge", "3"))
    ref, _, command, *_ = door.desk.updates[0]
    assert (ref, command) == (KEY, Acknowledge(round=3))


async def test_pressing_twice_is_one_intent(door: Door, http: httpx2.AsyncClient) -> None:
    url = door.link("acknowledge", "1")
    first, second = await http.post(url), await http.post(url)
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.text == second.text
    assert len(door.desk.updates) == 1


async def test_the_approve_page_shows_exactly_what_is_voted_on(door: Door, http: httpx2.AsyncClient) -> None:
    shown = (await http.get(door.link("approve", CHANGE.digest))).text
    for text in (
        CHANGE.command,
        "registry.example.com/payment-service:v41",
        CHANGE.digest[7:19],
        "2 of 6 replicas are not ready",
        "2026-11-21 14:59:00 UTC",
        "Break glass",
    ):
        assert text in shown
    form = {"comment": "v42 is bad", "break_glass": "yes"}
    await http.post(door.link("approve", CHANGE.digest), data=form)
    ref, _, command, *_ = door.desk.updates[0]
    assert ref == RUN
    assert command == CastVote(digest=CHANGE.digest, comment="v42 is bad", break_glass=True)


async def test_an_answer_is_given_by_its_link(door: Door, http: httpx2.AsyncClient) -> None:
    door.desk.run_now = RUN_VIEW.model_copy(
        update={
            "question": None,
            "change": None,
            "ask": "Is the gateway down?",
            "ask_options": ("yes", "no"),
        }
    )
    assert "Is the gateway down?" in (await http.get(door.link("answer", "no"))).text
    await http.post(door.link("answer", "no"), data={"comment": "their status page is green"})
    assert door.desk.updates[0][2] == AnswerQuestion(option="no", comment="their status page is green")
    late = await http.get(door.link("answer", "maybe"))
    assert (late.status_code, "asks something else" in late.text) == (409, True)


async def test_paging_the_next_is_the_step_of_that_round(door: Door, http: httpx2.AsyncClient) -> None:
    await http.post(door.link("escalate", "1"))
    assert [made[2] for made in door.desk.updates] == [Escalate(round=1)]


async def test_whoever_was_called_by_hand_may_join(door: Door, http: httpx2.AsyncClient) -> None:
    """Though bob has it, the link of the page that alice was asked for by says that she is coming."""
    door.desk.current = acknowledged("bob").model_copy(update={"asked": ("alice",)})
    assert "bob has it" in (await http.get(door.link("acknowledge", "1"))).text
    assert (await http.post(door.link("acknowledge", "1"))).status_code == 200


async def test_a_view_link_opens_the_one_incident(door: Door, http: httpx2.AsyncClient) -> None:
    opened = await http.post(door.link("view"))
    assert (opened.status_code, opened.headers["Location"]) == (303, "/incidents/INC-2026-0042")
    cookie = opened.headers["Set-Cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", "Path=/"))
    page = await http.get(opened.headers["Location"])
    assert page.status_code == 200
    assert "/a/" not in page.text, "a view link lets nobody act"
    assert (await http.get("/")).status_code == 401
    assert (await http.get(f"/runs/{RUN}")).status_code == 200


# ---- links that must not work -------------------------------------------------------------------

FORGED = Signer(Ed25519PrivateKey.generate())


async def test_forged_cut_and_strange_links_are_named(door: Door, http: httpx2.AsyncClient) -> None:
    good = door.link("acknowledge", "1")
    claim = door.link("acknowledge", "1").removeprefix("/a/")
    body, _, signature = claim.partition(".")
    forged = [f"/a/{body}.{'A' * len(signature)}", good[:-5], "/a/x", "/a/x/y", f"/a/{'y' * 6000}"]
    for url in forged:
        for method in ("GET", "POST"):
            answer = await http.request(method, url)
            assert answer.status_code in (401, 404), url
    assert door.desk.updates == []
    assert door.sample("mainstay_wrong_tokens_total", door="link") >= 6


async def test_an_expired_link_says_so(door: Door, http: httpx2.AsyncClient) -> None:
    url = door.link("acknowledge", "1", expires_at=NOW)
    for method in ("GET", "POST"):
        answer = await http.request(method, url)
        assert answer.status_code == 410
        assert "Too late" in answer.text
        assert "Expired" in answer.text
    assert door.desk.updates == []


async def test_an_old_link_does_nothing_to_a_new_incident(door: Door, http: httpx2.AsyncClient) -> None:
    door.desk.current = VIEW.model_copy(update={"key": "0190f3a4-aaaa", "number": "INC-2026-0099"})
    answer = await http.get(door.link("acknowledge", "1"))
    assert answer.status_code == 409
    assert "INC-2026-0099 has begun since" in answer.text
    posted = await http.post(door.link("acknowledge", "1"))
    assert (posted.status_code, "Stale" in posted.text) == (409, True)
    assert door.desk.updates == []


async def test_a_link_of_an_incident_that_is_over_says_so(door: Door, http: httpx2.AsyncClient) -> None:
    door.desk.current = VIEW.model_copy(update={"phase": Phase.CLOSED})
    answer = await http.get(door.link("acknowledge", "1"))
    assert (answer.status_code, "WrongState" in answer.text) == (409, True)


async def test_what_is_done_already_is_said_with_who_and_when(door: Door, http: httpx2.AsyncClient) -> None:
    door.desk.current = acknowledged("bob")
    answer = await http.get(door.link("acknowledge", "1"))
    assert answer.status_code == 409
    assert "Already done" in answer.text
    assert "bob acknowledged it at 14:28:00 UTC" in answer.text
    nobody = await http.get(door.link("escalate", "1"))
    assert nobody.status_code == 200, "somebody may still be needed while a step is due"


@pytest.mark.parametrize(
    ("change", "status", "text"),
    [
        ({"question": QUESTION.model_copy(update={"digest": "sha256:other"})}, 409, "plan has changed"),
        ({"question": None}, 409, "not waiting for approval any more"),
        (
            {
                "question": None,
                "timeline": (
                    ApprovalAnswered(
                        at=ago(1),
                        run=RUN,
                        step="rollback",
                        answer="approved",
                        digest=CHANGE.digest,
                        actor=Actor(person="bob", assurance=Assurance.TOKEN),
                    ),
                ),
            },
            409,
            "approved at 14:29:00 UTC by bob",
        ),
        (
            {
                "question": None,
                "timeline": (
                    ApprovalAnswered(at=ago(1), run=RUN, step="rollback", answer="expired", digest=CHANGE.digest),
                ),
            },
            410,
            "expired",
        ),
        (
            {
                "question": QUESTION.model_copy(
                    update={
                        "votes": (
                            Vote(
                                kind=VoteKind.APPROVE,
                                actor=Actor(person="alice"),
                                digest=CHANGE.digest,
                                at=ago(1),
                            ),
                        )
                    }
                )
            },
            409,
            "you have voted",
        ),
    ],
    ids=["changed", "gone", "answered", "expired", "voted"],
)
async def test_a_vote_on_something_else_is_refused_by_name(
    door: Door, http: httpx2.AsyncClient, change: dict[str, Any], status: int, text: str
) -> None:
    door.desk.run_now = RUN_VIEW.model_copy(update=change)
    answer = await http.get(door.link("approve", CHANGE.digest))
    assert (answer.status_code, text in answer.text) == (status, True)
    assert "<form" not in answer.text.replace('<form class="who"', "")


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (WrongState("this incident is closed"), 409),
        (AlreadyDone("bob acknowledged it"), 409),
        (Stale("the plan has changed"), 409),
        (NotAllowed("high risk needs a token"), 403),
        (Halted("alice halted all changes"), 423),
        (Unavailable("Temporal does not answer"), 503),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
async def test_every_refusal_has_a_page_and_a_status(
    door: Door, http: httpx2.AsyncClient, refusal: Refusal, status: int
) -> None:
    door.desk.refuse = refusal
    answer = await http.post(door.link("acknowledge", "1"))
    assert answer.status_code == status
    assert refusal.message in answer.text
    assert refusal.kind in answer.text
    json = await http.post(door.link("acknowledge", "1"), headers={"Accept": "application/json"})
    assert (json.status_code, json.json()["error"]) == (status, refusal.kind)


async def test_a_link_of_somebody_who_has_left_is_refused(door: Door, http: httpx2.AsyncClient) -> None:
    answer = await http.get(door.link("acknowledge", "1", person="mallory"))
    assert (answer.status_code, "mallory is not known" in answer.text) == (403, True)


async def test_another_sites_form_is_refused(door: Door, http: httpx2.AsyncClient) -> None:
    url = door.link("acknowledge", "1")
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example.org"}):
        assert (await http.post(url, headers=headers)).status_code == 403
    assert door.desk.updates == []
    for headers in ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, {"Origin": "null"}):
        assert (await http.post(url, headers=headers)).status_code == 200


async def test_a_login_of_the_same_person_gives_its_assurance(door: Door, http: httpx2.AsyncClient) -> None:
    await http.post("/login", data={"token": ALICE_TOKEN})
    await http.post(door.link("approve", CHANGE.digest))
    assert door.desk.updates[0][3].assurance is Assurance.TOKEN


async def test_a_link_sent_to_somebody_else_is_not_for_the_one_who_is_logged_in(
    door: Door, http: httpx2.AsyncClient
) -> None:
    await http.post("/login", data={"token": VIEWER_TOKEN})
    answer = await http.post(door.link("acknowledge", "1"))
    assert (answer.status_code, "was sent to alice" in answer.text) == (403, True)
    assert door.desk.updates == []


@pytest.mark.parametrize("form", [b"\xff\xff", b"a=" + b"x" * 70_000, b"&".join([b"a=1"] * 200)])
async def test_a_strange_form_is_refused(door: Door, http: httpx2.AsyncClient, form: bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await http.post(door.link("acknowledge", "1"), content=form, headers=headers)
    assert answer.status_code == 400
    assert (await http.post(door.link("acknowledge", "1"), json={"a": 1})).status_code == 400
    assert door.desk.updates == []


async def test_a_link_for_an_unlisted_incident_falls_back_to_its_workflow_id(
    door: Door, http: httpx2.AsyncClient
) -> None:
    """The key of an incident that began a moment ago may not be listed yet."""
    door.desk.unlisted.add(KEY)
    assert (await http.post(door.link("acknowledge", "1"))).status_code == 200
    assert door.desk.updates[0][0] == WORKFLOW
