"""Permanent or transient: decided here and nowhere else (architecture section 7).

409, 429, 5xx, timeouts and connection errors are transient: the outcome is unknown or may change, and
every write is idempotent. 400, 401, 403, 404, 415 and 422 are permanent unless the verb dealt with them
before. The type of each failure is the name of a refusal (``mainstay.domain.errors``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import aiohttp
import aiosmtplib
import httpx2
from kubernetes.aio.client.exceptions import ApiException
from temporalio.exceptions import ApplicationError

from mainstay.domain.errors import Refusal, Unavailable

LONGEST_TEXT = 500
LONGEST_DELAY = timedelta(minutes=5)
"""A server that asks for more is asked again after this long: people are waiting."""

_PERMANENT_KINDS = {
    HTTPStatus.BAD_REQUEST: "InvalidArgument",
    HTTPStatus.UNAUTHORIZED: "Unauthenticated",
    HTTPStatus.FORBIDDEN: "NotAllowed",
    HTTPStatus.NOT_FOUND: "NotFound",
    HTTPStatus.METHOD_NOT_ALLOWED: "InvalidArgument",
    HTTPStatus.GONE: "Expired",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "InvalidArgument",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "InvalidArgument",
    HTTPStatus.UNPROCESSABLE_ENTITY: "InvalidArgument",
}
_TRANSIENT_STATUS = (
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.CONFLICT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
)
_SECRETS = (
    (re.compile(r"(?i)\b(bearer|basic|token)\s+[\w.~+/=-]{8,}"), r"\1 ***"),
    (
        re.compile(r"(?i)\b(password|passwd|secret|token|api[_-]?key|signature)(\"?\s*[=:]\s*\"?)[^\s&\",}]+"),
        r"\1\2***",
    ),
    (re.compile(r"://[^/\s@]+@"), "://***@"),
    (re.compile(r"\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*"), "***"),
)
_FORBIDDEN = re.compile(
    r'cannot (?P<verb>\w+) resource "(?P<resource>[^"]+)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]+)")?'
)


def permanent(kind: str, message: str, field: str | None = None) -> ApplicationError:
    """A failure that trying again cannot mend. ``kind`` is a name of ``mainstay.domain.errors``."""
    return ApplicationError(bounded(message), *_details(field), type=kind, non_retryable=True)


def transient(message: str, after: timedelta | None = None, kind: str = Unavailable.kind) -> ApplicationError:
    """A failure that trying again may mend, not before ``after`` has passed if the other side said so."""
    return ApplicationError(bounded(message), type=kind, next_retry_delay=after)


def classify(failure: Exception, doing: str = "") -> ApplicationError:
    """The failure to raise to Temporal for what a library or the domain raised.

    ``doing`` says what was being done, for the person who reads it. Raises ``failure`` itself when it is
    none that is known: a bug is shown as what it is, and retried within the activity's bound.
    """
    match failure:
        case ApplicationError():
            return failure
        case Refusal():
            return _from_refusal(failure)
        case ApiException():
            return _from_kubernetes(failure, doing)
        case httpx2.HTTPStatusError():
            answer = failure.response
            return _from_status(answer.status_code, _said(doing, str(failure)), answer.headers)
        case aiohttp.ClientResponseError():
            text = _said(doing, f"{failure.status} {failure.message}")
            return _from_status(failure.status, text, failure.headers or {})
        case httpx2.InvalidURL() | httpx2.UnsupportedProtocol() | aiohttp.InvalidURL():
            return permanent("InvalidArgument", _said(doing, f"the address cannot be used: {failure}"))
        case aiosmtplib.SMTPException():
            return _from_smtp(failure, doing)
        case TimeoutError() | httpx2.TimeoutException():
            return transient(_said(doing, "no answer in time"))
        case aiohttp.ClientError() | httpx2.TransportError() | OSError():
            return transient(_said(doing, f"no connection ({type(failure).__name__}: {failure})"))
        case _:
            raise failure


def status_message(failure: ApiException) -> str:
    """What the Status object of a Kubernetes answer says, with its causes; else the HTTP reason."""
    status = _status_object(failure)
    causes = [
        f"{cause.get('field', '')}: {cause.get('message', '')}".strip(": ")
        for cause in (status.get("details") or {}).get("causes") or ()
    ]
    message = str(status.get("message") or failure.reason or "no reason given")
    return "; ".join([message, *(cause for cause in causes if cause and cause not in message)])


def bounded(text: str) -> str:
    """The text without credentials, control characters and everything beyond ``LONGEST_TEXT``."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


def _from_refusal(refusal: Refusal) -> ApplicationError:
    if isinstance(refusal, Unavailable):
        return transient(refusal.message)
    return permanent(refusal.kind, refusal.message, refusal.field)


def _from_kubernetes(failure: ApiException, doing: str) -> ApplicationError:
    status = int(failure.status or 0)
    message = _missing_right(failure) if status == HTTPStatus.FORBIDDEN else f"{status} {status_message(failure)}"
    if namespace_goes_away(failure):
        return transient(_said(doing, message))
    after = retry_after(failure.headers or {}) or _retry_after_body(failure)
    return _from_status(status, _said(doing, message), {}, after)


def _from_status(
    status: int, message: str, headers: Mapping[str, Any], after: timedelta | None = None
) -> ApplicationError:
    after = after or retry_after(headers)
    known = status in _TRANSIENT_STATUS or status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == 0
    if known:
        return transient(message, after)
    return permanent(_PERMANENT_KINDS.get(HTTPStatus(status), "InvalidArgument"), message)


def _missing_right(failure: ApiException) -> str:
    message = status_message(failure)
    found = _FORBIDDEN.search(message)
    if not found:
        return f"403 {message}"
    resource = ".".join(part for part in (found["resource"], found["group"]) if part)
    where = f" in namespace {found['namespace']}" if found["namespace"] else " in the whole cluster"
    return (
        f"403: Mainstay's account may not {found['verb']} {resource}{where}. "
        f"Grant the verb {found['verb']} on {resource} (deploy/rbac.yaml), then retry the step"
    )


def namespace_goes_away(failure: ApiException) -> bool:
    """Whether a 403 is only that the namespace is being deleted."""
    causes = (_status_object(failure).get("details") or {}).get("causes") or ()
    return any(cause.get("reason") == "NamespaceTerminating" for cause in causes)


def _from_smtp(failure: aiosmtplib.SMTPException, doing: str) -> ApplicationError:
    """RFC 5321 section 4.2.1: 4yz may pass later, 5yz will not."""
    codes = [refused.code for refused in _refused(failure)]
    message = _said(doing, str(failure))
    if codes and all(500 <= code < 600 for code in codes):
        denied = isinstance(failure, aiosmtplib.SMTPAuthenticationError)
        return permanent("Unauthenticated" if denied else "InvalidArgument", message)
    if isinstance(failure, aiosmtplib.SMTPNotSupported):
        return permanent("InvalidArgument", message)
    return transient(message)


def _refused(failure: aiosmtplib.SMTPException) -> list[aiosmtplib.SMTPResponseException]:
    match failure:
        case aiosmtplib.SMTPRecipientsRefused():
            return list(failure.recipients)
        case aiosmtplib.SMTPResponseException():
            return [failure]
        case _:
            return []


def retry_after(headers: Mapping[str, Any], now: datetime | None = None) -> timedelta | None:
    """The header ``Retry-After`` (RFC 9110 section 10.2.3: seconds or a date), at most ``LONGEST_DELAY``."""
    text = next((str(value).strip() for key, value in headers.items() if key.lower() == "retry-after"), "")
    if text.isdecimal():
        return min(timedelta(seconds=min(int(text), 86_400)), LONGEST_DELAY)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    now = now or datetime.now(UTC)
    return min(max(until - now, timedelta(0)), LONGEST_DELAY) if until.tzinfo else None


def _retry_after_body(failure: ApiException) -> timedelta | None:
    seconds = (_status_object(failure).get("details") or {}).get("retryAfterSeconds")
    return min(timedelta(seconds=seconds), LONGEST_DELAY) if isinstance(seconds, int) and seconds > 0 else None


def _status_object(failure: ApiException) -> dict[str, Any]:
    try:
        parsed = json.loads(failure.body or "")
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _said(doing: str, message: str) -> str:
    return f"{doing}: {message}" if doing else message


def _details(field: str | None) -> tuple[str, ...]:
    return (field,) if field else ()
