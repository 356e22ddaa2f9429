"""The probe ``condition``: looks at nothing; its cases decide by what is already known."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from activities.probes.seen import Seen
from mainstay.domain.catalogue import probes as catalogue
from mainstay.domain.verdict import Verdict


class Condition:
    name: ClassVar[str] = "condition"

    async def look(self, parameters: catalogue.NoParameters, at: datetime) -> Seen:  # noqa: ARG002
        return Seen(verdict=Verdict.HELD)
