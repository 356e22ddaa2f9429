"""What is said to a person, before it is put into one medium.

A letter is a subject and a few blocks. Its text is still hostile: only ``media`` turns it into mail text,
HTML or one line, and escapes there, once, so that no message kind can forget to.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mainstay.domain.model import Record


class Offer(Record):
    """A link that a person may follow, and what it does. ``url`` is signed: kept out of every repr."""

    label: str
    url: str = Field(repr=False)
    does: str = ""
    purpose: str = ""
    """As in ``Link``, where the medium has buttons or keys of its own."""


class Paragraph(Record):
    kind: Literal["paragraph"] = "paragraph"
    text: str


class Facts(Record):
    """Names and values, one a line. A fact without a value is left out: no blank ever stands for unknown."""

    kind: Literal["facts"] = "facts"
    facts: tuple[tuple[str, str], ...]


class Bullets(Record):
    kind: Literal["bullets"] = "bullets"
    title: str
    items: tuple[str, ...]


class Verbatim(Record):
    """Commands and diffs: shown exactly, line by line."""

    kind: Literal["verbatim"] = "verbatim"
    title: str
    text: str


class Offers(Record):
    kind: Literal["offers"] = "offers"
    title: str
    offers: tuple[Offer, ...]


Block = Annotated[Paragraph | Facts | Bullets | Verbatim | Offers, Field(discriminator="kind")]


class Letter(Record):
    """``subject`` says what it is and of which incident; ``brief`` is the one line for small media."""

    subject: str
    brief: str = ""
    blocks: tuple[Block, ...] = ()
