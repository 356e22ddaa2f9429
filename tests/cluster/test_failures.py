"""Permanent or transient, with a text that says what is wrong and keeps secrets."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import aiosmtplib
import httpx2
import pytest
from kubernetes.aio.client.exceptions import ApiException

from activities.failures import LONGEST_TEXT, bounded, classify, permanent, retry_after
from mainstay.domain.errors import KINDS, Halted, InvalidArgument, Stale, Unavailable


def kubernetes(status: int, headers: dict[str, str] | None = None, **body: Any) -> ApiException:
    failure = ApiException(status=status, reason="reason", body=json.dumps(body))
    failure.headers = headers or {}
    return failure


def http(status: int, **headers: str) -> httpx2.HTTPStatusError:
    request = httpx2.Request("POST", "https://hooks.example.com/x")
    return httpx2.HTTPStatusError("refused", request=request, response=httpx2.Response(status, headers=headers))


@pytest.mark.parametrize(
    ("failure", "kind", "is_permanent"),
    [
        (kubernetes(400, message="bad"), "InvalidArgument", True),
        (kubernetes(401, message="who"), "Unauthenticated", True),
        (kubernetes(403, message="no"), "NotAllowed", True),
        (kubernetes(404, message="gone"), "NotFound", True),
        (kubernetes(415, message="type"), "InvalidArgument", True),
        (kubernetes(422, message="invalid"), "InvalidArgument", True),
        (kubernetes(409, message="conflict"), "Unavailable", False),
        (kubernetes(429, message="slow down"), "Unavailable", False),
        (kubernetes(500), "Unavailable", False),
        (kubernetes(503), "Unavailable", False),
        (kubernetes(0), "Unavailable", False),
        (http(400), "InvalidArgument", True),
        (http(403), "NotAllowed", True),
        (http(429), "Unavailable", False),
        (http(502), "Unavailable", False),
        (httpx2.ConnectError("refused"), "Unavailable", False),
        (httpx2.ReadTimeout("slow"), "Unavailable", False),
        (httpx2.InvalidURL("no"), "InvalidArgument", True),
        (aiohttp.ClientConnectionError("cut"), "Unavailable", False),
        (aiohttp.ServerTimeoutError("slow"), "Unavailable", False),
        (TimeoutError(), "Unavailable", False),
        (ConnectionResetError("cut"), "Unavailable", False),
        (aiosmtplib.SMTPDataError(450, "mailbox busy"), "Unavailable", False),
        (aiosmtplib.SMTPDataError(552, "too big"), "InvalidArgument", True),
        (aiosmtplib.SMTPAuthenticationError(535, "bad credentials"), "Unauthenticated", True),
        (aiosmtplib.SMTPServerDisconnected("cut"), "Unavailable", False),
        (aiosmtplib.SMTPTimeoutError("slow"), "Unavailable", False),
        (
            aiosmtplib.SMTPRecipientsRefused([aiosmtplib.SMTPRecipientRefused(550, "no", "a@example.com")]),
            "InvalidArgument",
            True,
        ),
        (Halted("halted"), "Halted", True),
        (Unavailable("later"), "Unavailable", False),
        (Stale("changed"), "Stale", True),
    ],
    ids=lambda value: (
        f"{type(value).__name__}-{getattr(value, 'status', '')}" if isinstance(value, Exception) else None
    ),
)
def test_each_failure_has_one_name_and_one_answer(failure: Exception, kind: str, is_permanent: bool) -> None:
    """The table of section 7: what is transient is retried, what is permanent is not."""
    raised = classify(failure, "doing it")
    assert (raised.type, raised.non_retryable) == (kind, is_permanent)
    assert raised.type in KINDS


def test_what_is_not_known_stays_what_it_is() -> None:
    """A bug is shown as a bug; a failure that is classified already stays so."""
    with pytest.raises(KeyError):
        classify(KeyError("x"))
    known = permanent("NotFound", "no such thing", "name")
    assert classify(known) is known
    assert known.details == ("name",)


def test_a_refusal_keeps_its_field() -> None:
    """The door shows which field is at fault."""
    assert classify(InvalidArgument("bad", field="target.name")).details == ("target.name",)


FORBIDDEN = (
    'deployments.apps "shop" is forbidden: User "system:serviceaccount:x:y" cannot patch resource '
    '"deployments" in API group "apps" in the namespace "shop"'
)


def test_a_forbidden_request_names_verb_and_resource() -> None:
    """One clear line: what is missing, where, and what to do."""
    text = str(classify(kubernetes(403, message=FORBIDDEN)))
    assert "may not patch deployments.apps in namespace shop" in text
    assert "deploy/rbac.yaml" in text
    assert "exceeded quota" in str(classify(kubernetes(403, message="exceeded quota: small")))


def test_a_namespace_that_goes_away_is_waited_for() -> None:
    """403 with the cause NamespaceTerminating passes by itself."""
    raised = classify(kubernetes(403, message="no", details={"causes": [{"reason": "NamespaceTerminating"}]}))
    assert not raised.non_retryable


def test_causes_are_shown() -> None:
    """A 422 tells which field the server did not like."""
    causes = [{"field": "spec.replicas", "message": "must be positive"}]
    assert "spec.replicas: must be positive" in str(
        classify(kubernetes(422, message="invalid", details={"causes": causes}))
    )


@pytest.mark.parametrize(
    ("failure", "seconds"),
    [
        (kubernetes(429, {"Retry-After": "7"}), 7),
        (kubernetes(429, details={"retryAfterSeconds": 3}), 3),
        (http(503, **{"retry-after": "2"}), 2),
        (http(429, **{"retry-after": "999999999"}), 300),
        (http(429, **{"retry-after": "soon"}), None),
        (kubernetes(409), None),
    ],
)
def test_the_other_sides_wish_to_wait_is_kept(failure: Exception, seconds: int | None) -> None:
    """Retry-After becomes the delay of the next try, up to five minutes."""
    wanted = None if seconds is None else timedelta(seconds=seconds)
    assert classify(failure).next_retry_delay == wanted


def test_retry_after_may_be_a_date() -> None:
    """RFC 9110 allows a date; one in the past means now."""
    now = datetime(2026, 4, 8, 14, 32, tzinfo=UTC)
    assert retry_after({"Retry-After": "Wed, 08 Apr 2026 14:33:00 GMT"}, now) == timedelta(minutes=1)
    assert retry_after({"Retry-After": "Wed, 08 Apr 2026 14:31:00 GMT"}, now) == timedelta(0)


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abcdefghijklmnop",
        "https://alice:abcdefghijklmnop@example.com/x",
        "POST /x?token=abcdefghijklmnop&a=1",
        '{"password": "abcdefghijklmnop"}',
        "eyJabcdefghijklmnop.eyJabcdefghijklmnop.sig",
    ],
)
def test_secrets_do_not_get_into_a_failure(text: str) -> None:
    """Failures live in histories: credentials are cut out."""
    assert "abcdefghijklmnop" not in bounded(text)


def test_a_failures_text_is_bounded_and_plain() -> None:
    """Terminal escapes and endless bodies of other systems do not reach people."""
    text = bounded("a\x1b[31m\n" + "b" * 10_000)
    assert len(text) == LONGEST_TEXT
    assert text.isprintable()
