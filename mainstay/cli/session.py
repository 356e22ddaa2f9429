"""The global options of this invocation, and what is made of them once."""

from __future__ import annotations

import os
import secrets
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from mainstay.cli.problem import usage

DEFAULT_ADDRESS = "127.0.0.1:8090"
DEFAULT_TIMEOUT = timedelta(seconds=15)
LONGEST_TIMEOUT = timedelta(hours=1)


def new_request_id() -> str:
    """A random UUID: one intent of one person."""
    return str(UUID(bytes=secrets.token_bytes(16), version=4))


class Credentials(NamedTuple):
    """A bearer token, and where it came from, for messages. Empty: none."""

    token: str
    source: str


@dataclass(frozen=True)
class Session:
    """What the global options said. The token is in no repr."""

    address: str = DEFAULT_ADDRESS
    given_token: str = field(default="", repr=False)
    token_file: Path | None = None
    json: bool = False
    verbose: bool = False
    colour: bool = True
    timeout: timedelta = DEFAULT_TIMEOUT
    request_id: str = field(default_factory=new_request_id)
    tls: bool = False
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    plaintext: bool = False

    @cached_property
    def credentials(self) -> Credentials:
        """Looked up when the first call needs it: what works offline needs no token.

        Raises Problem for a file that was named and cannot be read, or holds what no token can be.
        """
        found = _find_token(self.given_token, self.token_file)
        if not found.token.isascii() or not found.token.isprintable():
            raise usage(f"the token from {found.source} has characters that no token has")
        return found


_current: ContextVar[Session] = ContextVar("mainstay_cli_session")


def begin(session: Session) -> None:
    _current.set(session)


def current() -> Session:
    """The session of this command; the defaults before the options were read."""
    return _current.get(None) or Session()


def now() -> datetime:
    """The wall clock, for relative times only: deadlines are judged by the server."""
    return datetime.now(UTC)


def _find_token(given: str, file: Path | None) -> Credentials:
    if given:
        from_environment = given == os.environ.get("MAINSTAY_TOKEN")
        return Credentials(given.strip(), "MAINSTAY_TOKEN" if from_environment else "--token")
    if file is not None:
        return Credentials(_read(file), str(file))
    default = default_token_file()
    return Credentials(_read(default), str(default)) if default.is_file() else Credentials("", "")


def default_token_file() -> Path:
    """``~/.config/mainstay/token``, or where XDG_CONFIG_HOME puts it."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(base) if base else Path("~/.config").expanduser()) / "mainstay" / "token"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not text"
        raise usage(f"the token file {path} cannot be read: {why}", "give another one with --token-file") from None


def read_timeout(text: str) -> timedelta:
    """``15s``, ``2m``. Raises Problem: a deadline of nothing would fail every call."""
    from mainstay.domain import duration
    from mainstay.domain.errors import InvalidArgument

    try:
        found = duration.parse(text)
    except InvalidArgument as error:
        raise usage(error.message, "for example --timeout 30s", field="timeout") from None
    if not timedelta(0) < found <= LONGEST_TIMEOUT:
        raise usage("--timeout must be more than nothing and at most 1h", "for example 30s", field="timeout")
    return found


def read_request_id(text: str) -> str:
    """A UUID in its canonical spelling, so that two spellings are not two intents."""
    try:
        return str(UUID(text))
    except ValueError:
        raise usage(
            f"--request-id must be a UUID, not {text!r}",
            "leave it out for a new request, or repeat the one that was shown",
            field="request_id",
        ) from None
