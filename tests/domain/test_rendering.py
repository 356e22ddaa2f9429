"""What a person reads when they are paged, asked, told or chased."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Literal, get_args

import pytest

from mainstay.domain.letter import Offer
from mainstay.domain.message import AnyMessage
from mainstay.domain.postmortem import GROUND_RULES
from mainstay.domain.rendering import Medium, Rendered, offers, render_message
from tests.activities.samples import (
    ACK,
    APPROVAL,
    EVERY_KIND,
    HANDLED,
    INCIDENT,
    INVITATION,
    ITEM,
    PAGE,
    QUESTION,
    STATUS,
    hostile,
)

MEDIA: tuple[Medium, ...] = ("text", "html", "line")
LINKS = (("Approve", "https://m.example.com/a/yes"), ("Reject", "https://m.example.com/a/no"))


def text(message: AnyMessage, *links: tuple[str, str] | Offer) -> str:
    return render_message(message, links, medium="text").body


def test_a_page_says_incident_why_you_what_alerts_and_what_to_press() -> None:
    page = text(PAGE, *offers((ACK,), ("https://m.example.com/a/1",)))
    assert page == (
        "You are paged because of step 2 of payments-default: nobody answered for 5 min.\n"
        "\n"
        "Incident: INC-2026-0042\n"
        "Title: HighErrorRate: 5xx over 5%\n"
        "Severity: SEV1\n"
        "Service: payment-service\n"
        "\n"
        "Firing alerts:\n"
        "  - HighErrorRate: 15% of requests fail\n"
        "\n"
        "To do by hand:\n"
        "    kubectl -n payments get pods\n"
        "\n"
        "What to press:\n"
        "  Acknowledge – stops the paging; you take it from here\n"
        "  https://m.example.com/a/1\n"
    )


def test_an_approval_shows_what_the_vote_binds_to() -> None:
    said = text(APPROVAL, *LINKS)
    assert "Roll back deployment/payment-service in payments to revision 4" in said
    assert "Risk: medium" in said
    assert "    -  image: shop:v2\n    +  image: shop:v1" in said
    assert "kubectl -n payments rollout undo deployment/payment-service --to-revision=4" in said
    assert "Fingerprint of the plan: 0123456789ab\n" in said
    assert "Answer before: 2026-04-08 14:35 UTC" in said
    assert "an autoscaler also writes replicas" in said
    assert "Without an answer in time nothing is changed." in said
    assert said.index("https://m.example.com/a/yes") < said.index("https://m.example.com/a/no")


@pytest.mark.parametrize(
    ("message", "subject"),
    [
        (PAGE, "[SEV1] INC-2026-0042 payment-service: HighErrorRate: 5xx over 5%"),
        (
            APPROVAL,
            (
                "[SEV1] INC-2026-0042 payment-service: "
                "Approval needed: Roll back deployment/payment-service in payments to revision 4"
            ),
        ),
        (
            APPROVAL.model_copy(update={"reminder": True, "what": "Scale"}),
            "[SEV1] INC-2026-0042 payment-service: Still waiting for your approval: Scale",
        ),
        (QUESTION, "[SEV1] INC-2026-0042 payment-service: Question: Is the gateway down?"),
        (STATUS, "[SEV1] INC-2026-0042 payment-service: Identified: HighErrorRate: 5xx over 5%"),
        (HANDLED, "[SEV1] INC-2026-0042 payment-service: handled by alice"),
        (ITEM, "[SEV1] INC-2026-0042 payment-service: Action item overdue by 3 days: Add a canary"),
        (
            PAGE.model_copy(update={"incident": INCIDENT.model_copy(update={"exercise": True})}),
            "[EXERCISE] [SEV1] INC-2026-0042 payment-service: HighErrorRate: 5xx over 5%",
        ),
        (
            PAGE.model_copy(update={"incident": INCIDENT.model_copy(update={"number": ""})}),
            "[SEV1] incident 0198-key payment-service: HighErrorRate: 5xx over 5%",
        ),
    ],
)
def test_the_subject_can_be_judged_on_a_lock_screen(message: AnyMessage, subject: str) -> None:
    assert all(render_message(message, medium=medium).subject == subject for medium in MEDIA)


@pytest.mark.parametrize("medium", ["text", "html"])
def test_an_exercise_says_so_first(medium: Literal["text", "html"]) -> None:
    drill = STATUS.model_copy(update={"incident": INCIDENT.model_copy(update={"exercise": True})})
    body = render_message(drill, medium=medium).body
    assert "This is an exercise. No real incident is behind it." in body
    assert body.index("exercise") < body.index("payment-service</td>" if medium == "html" else "Identified")


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ("assigned", "This action item is bob's, to be done by 2026-04-05."),
        ("reminder", "This action item is due on 2026-04-05."),
        ("overdue", "This action item was due on 2026-04-05 and is 3 days overdue."),
        ("escalated", "You are told as bob's manager"),
        ("done", "bob's action item is done."),
    ],
)
def test_an_action_item_says_what_happened_to_it(event: str, said: str) -> None:
    assert said in text(ITEM.model_copy(update={"event": event}))


def test_a_status_update_names_the_next_one_or_leaves_the_line_out() -> None:
    assert "Next update: 2026-04-08 14:35 UTC" in text(STATUS)
    assert "Next update" not in text(STATUS.model_copy(update={"next_update_at": None}))


def test_very_many_alerts_and_a_huge_diff_are_cut_and_say_so() -> None:
    assert "… and 80 more" in text(PAGE.model_copy(update={"alerts": ("a",) * 100}))
    huge = text(APPROVAL.model_copy(update={"diff": "+ line\n" * 100_000}))
    assert len(huge) < 100_000
    assert "… cut here" in huge


def test_a_diff_keeps_its_columns() -> None:
    diff = " context\n-\told\n+    new\n"
    assert "     context\n    - old\n    +    new\n" in text(APPROVAL.model_copy(update={"diff": diff}))


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]


@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize("message", EVERY_KIND, ids=lambda m: str(m.kind))
def test_hostile_text_is_shown_and_obeyed_nowhere(message: AnyMessage, medium: Medium) -> None:
    made = render_message(hostile(message), (("\x1b[31mGo<b>", "https://m.example.com/a/1"),), medium=medium)
    assert_clean(made)
    if medium == "html":
        tags = _Tags()
        tags.feed(made.body)
        assert tags.found <= {
            "html", "head", "meta", "title", "body", "p", "table", "tr", "th", "td", "ul", "li",
            "pre", "a", "b", "br",
        }  # fmt: skip
        assert tags.links == ["https://m.example.com/a/1"]


def test_only_web_addresses_become_links() -> None:
    made = render_message(PAGE, (("Go", "javascript:alert(1)"),), medium="html")
    assert "javascript" not in made.body


def test_links_are_kept_out_of_reprs() -> None:
    assert "secret" not in repr(Offer(label="Go", url="https://m.example.com/a/secret"))


def test_every_kind_of_message_has_a_sample() -> None:
    kinds = {m.model_fields["kind"].default for m in get_args(get_args(AnyMessage)[0])}
    assert {m.kind for m in EVERY_KIND} == kinds


def assert_clean(made: Rendered) -> None:
    assert not any(char in made.subject + made.body for char in "\r\x00\x07\x1b\u202e\u2028\u2029")
    assert "\n" not in made.subject


@pytest.mark.capability("S-271")
@pytest.mark.parametrize("medium", ["text", "html"])
def test_an_invitation_has_the_ground_rules(medium: Literal["text", "html"]) -> None:
    """Given a meeting invite rendered, then the ground rules are attached, and they are about systems."""
    body = render_message(INVITATION, medium=medium).body
    assert all(rule in body for rule in GROUND_RULES)
    assert "what and how, not who" in body
