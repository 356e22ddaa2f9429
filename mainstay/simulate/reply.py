"""The one answer of a simulation's process."""

from __future__ import annotations

from mainstay.domain.model import Record
from mainstay.domain.positioned import Problem
from mainstay.simulate.story import Told


class Fault(Record):
    """A refusal by its name."""

    kind: str
    message: str
    field: str = ""


class Reply(Record):
    """What was told; or the mistakes in the folder and the alerts; or why it could not be done."""

    told: Told | None = None
    problems: tuple[Problem, ...] = ()
    fault: Fault | None = None
