"""Documents as Markdown files in the data folder."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from temporalio import activity

from activities.failures import transient
from mainstay.domain.postmortem import render
from mainstay.domain.work import Draft, PostmortemInput


class Documents:
    """Writes drafts, and never over what a person has written."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "postmortems"

    @activity.defn(name="draft_postmortem")
    async def draft_postmortem(self, request: PostmortemInput) -> Draft:
        """The draft, at ``postmortems/INC-2026-0042.md``; asked again, the same file.

        When somebody has edited that file, the new draft goes beside it (``….draft.md``) and the edited one
        stays. Full disks and the like are transient: the draft waits for them.
        """
        text = render(request)
        name = _name(request.incident.number or request.row.number or request.incident.key or request.row.key)
        try:
            return await asyncio.to_thread(self._write, name, text)
        except OSError as error:
            raise transient(f"the postmortem {name} cannot be written: {error.strerror}") from None

    def _write(self, name: str, text: str) -> Draft:
        self._folder.mkdir(parents=True, exist_ok=True)
        body = text.encode()
        digest = _digest(body)
        path = next(path for path in self._candidates(name) if _is_ours(path, digest))
        # The mark comes first and keeps the former digest: a retry after a death between the two writes must
        # not take either file for a person's
        _replace(_mark(path), "\n".join([digest, *_marked(path)[:1], ""]).encode())
        _replace(path, body)
        return Draft(path=str(path), digest=digest)

    def _candidates(self, name: str) -> Iterator[Path]:
        yield self._folder / f"{name}.md"
        yield self._folder / f"{name}.draft.md"
        number = 2
        while True:
            yield self._folder / f"{name}.draft-{number}.md"
            number += 1


def _name(ref: str) -> str:
    """A file name: nothing in it leads out of the folder."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", ref).strip(".-")[:100] or "incident"


def _is_ours(path: Path, digest: str) -> bool:
    """Is there nothing, or what we wrote last, or just what we are about to write?"""
    try:
        found = _digest(path.read_bytes())
    except FileNotFoundError:
        return True
    return found in (digest, *_marked(path))


def _marked(path: Path) -> list[str]:
    """The digests of what was generated last, newest first."""
    try:
        return _mark(path).read_text().split()
    except FileNotFoundError:
        return []


def _mark(path: Path) -> Path:
    return path.with_name(f".{path.name}.generated")


def _digest(body: bytes) -> str:
    return "sha256:" + hashlib.sha256(body).hexdigest()


def _replace(path: Path, body: bytes) -> None:
    """All or nothing, also when the machine dies in the middle."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
