"""The long tail: whatever Apprise speaks (https://appriseit.com/services/), by one address.

Microsoft Teams, Mattermost, Discord, Telegram, Pushover, Gotify, Amazon SNS and many more. What Apprise tells of
a failure is less than a channel of our own knows: a status in its log decides between later and refused, and
where there is none, it is tried again.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterable
from datetime import timedelta
from http import HTTPStatus
from typing import ClassVar
from urllib.parse import quote

from apprise import Apprise, AppriseAsset, NotifyFormat

from activities.channels.channel import Later, Outgoing, refused
from activities.channels.webhook import TRANSIENT
from mainstay.domain.catalogue import CHANNELS
from mainstay.domain.catalogue.spec import Supports
from mainstay.domain.rendering import render_message
from mainstay.domain.work import Receipt

PLACE = "{address}"
_STATUS = re.compile(r"\berror=(\d{3})\b")
_MOST = timedelta(seconds=4.5)
# It logs addresses and what servers answer; the receipt says what may be said
_LOG = logging.getLogger("apprise")
_LOG.propagate = False
_LOG.addHandler(logging.NullHandler())


class LongTail:
    """Notifies one Apprise address; ``{address}`` in it is the person's own.

    Links are a right of one person, so they are in the message only where the address is that person's.
    """

    supports: ClassVar[Supports] = CHANNELS["apprise"].supports

    def __init__(self, name: str, url: str, *, within: timedelta = _MOST) -> None:
        self._name = name
        self._url = url
        self._within = min(within, _MOST).total_seconds()

    async def send(self, outgoing: Outgoing) -> Receipt:
        """Raises Later for 429, 5xx, silence and whatever has no status."""
        own = PLACE in self._url
        if own and not outgoing.address:
            return refused(f"channel {self._name} needs a person's address")
        asset = AppriseAsset(app_id="Mainstay", storage_mode="memory", service_timeout=self._within)
        notifier = Apprise(asset=asset)
        if not notifier.add(self._url.replace(PLACE, quote(outgoing.address, safe=""))):
            return refused(f"the address of channel {self._name} is none that Apprise knows")
        said = render_message(outgoing.message, outgoing.links if own else (), medium="text")
        # The plugins block, so Apprise runs them in threads. A silent one must not hold the page: it is left behind
        try:
            async with asyncio.timeout(self._within):
                result = await notifier.async_notify(
                    title=said.subject, body=said.body, body_format=NotifyFormat.TEXT, log_level=logging.WARNING
                )
        except TimeoutError:
            raise Later(f"channel {self._name} did not answer in {self._within:g} s") from None
        if result:
            return Receipt(accepted=True, detail="handed over by Apprise")
        status = _status(str(entry) for attempt in result.results for entry in attempt.logs())
        if not status:
            raise Later(f"channel {self._name} could not hand it over")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in TRANSIENT:
            raise Later(f"channel {self._name} answered {status}")
        return refused(f"channel {self._name} answered {status}")


def _status(logged: Iterable[str]) -> int:
    """The last status that Apprise noted, 0 for none."""
    found = [int(status) for line in logged for status in _STATUS.findall(line)]
    return found[-1] if found else 0
