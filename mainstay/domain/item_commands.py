"""Arguments of the updates of postmortems and action items."""

from __future__ import annotations

from datetime import datetime

from mainstay.domain.access import Command
from mainstay.domain.incident import ItemDraft


class ItemControl(Command):
    """start and done."""

    comment: str = ""


class DeferItem(Command):
    due: datetime | None = None
    reason: str = ""


class Publish(Command):
    """The postmortem has been reviewed; its action items begin."""

    url: str = ""
    items: tuple[ItemDraft, ...] = ()
    comment: str = ""
