"""Slack's Web API (https://docs.slack.dev/apis/web-api): one POST of JSON per method, with a bot token."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import httpx2

from activities.channels.channel import Later
from activities.channels.webhook import retry_after

_LATER = frozenset(
    {
        "ratelimited",
        "rate_limited",
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "request_timeout",
        "team_added_to_org",
    }
)
"""What Slack says when the same request may succeed in a moment; everything else is meant for good."""
_MEANS = {
    "invalid_auth": "the bot token is not valid",
    "not_authed": "the bot token is missing",
    "account_inactive": "the bot or its workspace was deleted",
    "token_revoked": "the bot token was revoked",
    "token_expired": "the bot token has expired",
    "missing_scope": "the bot lacks a scope: see docs/guides/slack.md",
    "channel_not_found": "there is no such channel or member, or the bot cannot see it",
    "user_not_found": "there is no such member",
    "not_in_channel": "the bot is not in this channel: /invite it",
    "is_archived": "the channel is archived",
    "cannot_dm_bot": "the address is that of a bot",
    "messages_tab_disabled": "the app's message tab is switched off",
}
_CODE = re.compile(r"[a-z_]{1,60}")
_MOST_ANSWER = 1024 * 1024


class SlackError(Exception):
    """Slack's no for good. ``code`` is its word for it, such as ``channel_not_found``."""

    def __init__(self, name: str, code: str) -> None:
        self.code = code
        meaning = f" ({_MEANS[code]})" if code in _MEANS else ""
        super().__init__(f"Slack channel {name} refused: {code}{meaning}")


class SlackApi:
    """Calls methods. Neither answers nor errors ever hold the token."""

    def __init__(self, name: str, url: str, token: str, client: httpx2.AsyncClient) -> None:
        """``name``: what mainstay.yaml calls the channel."""
        self.name = name
        self._url = url.rstrip("/")
        self._token = token
        self._client = client

    async def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """The answer. Raises SlackError, and Later for rate limits (with the wait asked for) and faults."""
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json; charset=utf-8"}
        body = json.dumps(arguments, ensure_ascii=False).encode()
        # Nothing of the cause is kept: it may name an address, and causes end up in workflow histories
        try:
            response = await self._client.post(
                f"{self._url}/{method}", content=body, headers=headers, follow_redirects=False
            )
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol):
            raise SlackError(self.name, "no_web_address") from None
        except (httpx2.HTTPError, OSError) as error:
            raise Later(f"Slack channel {self.name} broke off: {type(error).__name__}") from None
        return self._read(response)

    def _read(self, response: httpx2.Response) -> dict[str, Any]:
        if response.status_code == 429 or response.status_code >= 500:
            raise self._later(f"answered {response.status_code}", response)
        try:
            answer = json.loads(response.content[:_MOST_ANSWER])
        except (ValueError, RecursionError):
            raise SlackError(self.name, f"http_{response.status_code}") from None
        if isinstance(answer, dict) and answer.get("ok") is True:
            return answer
        said = answer.get("error") if isinstance(answer, dict) else None
        code = said if isinstance(said, str) and _CODE.fullmatch(said) else "unknown_error"
        if code in _LATER:
            raise self._later(f"answered {code}", response)
        raise SlackError(self.name, code)

    def _later(self, said: str, response: httpx2.Response) -> Later:
        asked = retry_after(response.headers.get("Retry-After", ""), datetime.now(UTC))
        return Later(f"Slack channel {self.name} {said}", retry_after=asked)
