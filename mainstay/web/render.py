"""Templates → HTML. Everything variable is cleaned and escaped here, so that no template can forget to."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from mainstay.domain.text import plain

_TEMPLATES = Path(__file__).parent / "templates"
MAX_SHOWN = 40_000
"""Longest text shown in one place, in characters (the diff of a large manifest)."""


def _shown(value: object) -> object:
    """What a variable looks like on a page: terminal escapes, bidi marks and control characters are gone."""
    if value is None:
        return ""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return plain(value, MAX_SHOWN, newlines=True)


def when(at: datetime | None) -> str:
    """``2026-11-21 13:05:09 UTC``, or a dash."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if at else "–"


def clock(at: datetime | None) -> str:
    """``13:05:09``: for lists whose days have headings of their own."""
    return at.astimezone(UTC).strftime("%H:%M:%S") if at else "–"


def minute(at: datetime | None) -> str:
    """``13:05 UTC``, as the public reads it."""
    return at.astimezone(UTC).strftime("%H:%M UTC") if at else "–"


def day(at: datetime | None) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d") if at else "–"


def machine(at: datetime) -> str:
    """For the ``datetime`` attribute of ``<time>``."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def span(length: timedelta) -> str:
    """``40 min``, ``1 h 05 min``, ``2 d 3 h``: the two largest units that matter."""
    minutes = max(int(length.total_seconds() // 60), 0)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes // (24 * 60)} d {minutes // 60 % 24} h"


def segment(text: str) -> str:
    """One path segment: a workflow id's slashes do not make further ones."""
    return quote(text, safe="")


def indented(line: str) -> Markup:
    """One line of a diff, cleaned, with the indentation that ``plain`` would strip."""
    bare = line.lstrip(" ")
    return Markup(" " * (len(line) - len(bare))) + escape(plain(bare, MAX_SHOWN))  # noqa: S704 - only spaces


def web_link(url: str) -> str:
    """``url`` if a browser may follow it, else nothing: no ``javascript:`` from a file or an alert."""
    return url if url.startswith(("http://", "https://")) else ""


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    made = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        when=when,
        clock=clock,
        minute=minute,
        day=day,
        machine=machine,
        span=span,
        segment=segment,
        web_link=web_link,
        indented=indented,
    )
    made.globals["style_version"] = hashlib.sha256(style()).hexdigest()[:12]
    return made


@cache
def style() -> bytes:
    return (_TEMPLATES / "style.css").read_bytes()


def html(template: str, **values: Any) -> str:
    """``values`` in ``template``; for people, so a missing value is a fault and not an empty place."""
    return _environment().get_template(template).render({"refresh": 0, "person": "", **values})


def page(
    template: str,
    request: Request,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """An HTML answer. ``refresh`` is the number of seconds after which the browser asks again; 0: never."""
    values.setdefault("person", getattr(request.state, "person", ""))
    return HTMLResponse(html(template, **values), status, headers)
