"""The global options, each with its environment variable → the session."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from mainstay.cli import session

_TRUE = ("1", "true", "yes", "on")


def _text(variable: str) -> Callable[[], str]:
    return lambda: os.environ.get(variable, "")


def _path(variable: str) -> Callable[[], Path | None]:
    return lambda: Path(found) if (found := os.environ.get(variable)) else None


def _flag(variable: str) -> Callable[[], bool]:
    return lambda: os.environ.get(variable, "").casefold() in _TRUE


def _option(help_: str, variable: str = "", *names: str) -> Parameter:
    return Parameter(name=list(names) or None, env_var=variable or None, negative="", help=help_, show_default=False)


@Parameter(name="*")
@dataclass(frozen=True)
class GlobalOptions:
    """What every command takes, before or after it. Made without arguments, it is the environment's word."""

    address: Annotated[
        str, _option(f"HOST:PORT of the server. [default: {session.DEFAULT_ADDRESS}]", "MAINSTAY_ADDRESS")
    ] = field(default_factory=_text("MAINSTAY_ADDRESS"))
    token: Annotated[
        str,
        _option("Bearer token. Here others on this machine can see it: prefer the other ways.", "MAINSTAY_TOKEN"),
    ] = field(default_factory=_text("MAINSTAY_TOKEN"), repr=False)
    token_file: Annotated[
        Path | None,
        _option("File with the token. [default: ~/.config/mainstay/token]", "MAINSTAY_TOKEN_FILE"),
    ] = field(default_factory=_path("MAINSTAY_TOKEN_FILE"))
    json: Annotated[bool, _option("One JSON document on standard output; errors as JSON on standard error.")] = False
    timeout: Annotated[str, _option("How long a call may take. [default: 15s]", "MAINSTAY_TIMEOUT")] = field(
        default_factory=_text("MAINSTAY_TIMEOUT")
    )
    request_id: Annotated[
        str, _option("UUID of this request; the same one again cannot apply it twice. [default: a new one]")
    ] = ""
    tls: Annotated[bool, _option("Connect with TLS.", "MAINSTAY_TLS")] = field(default_factory=_flag("MAINSTAY_TLS"))
    ca: Annotated[Path | None, _option("The server's authority (PEM); means --tls.", "MAINSTAY_CA")] = field(
        default_factory=_path("MAINSTAY_CA")
    )
    cert: Annotated[Path | None, _option("Client certificate (PEM); means --tls.", "MAINSTAY_CERT")] = field(
        default_factory=_path("MAINSTAY_CERT")
    )
    key: Annotated[Path | None, _option("Key of the client certificate (PEM).", "MAINSTAY_KEY")] = field(
        default_factory=_path("MAINSTAY_KEY")
    )
    plaintext: Annotated[bool, _option("Let a token travel beyond this machine without TLS.", "MAINSTAY_PLAINTEXT")] = (
        field(default_factory=_flag("MAINSTAY_PLAINTEXT"))
    )
    no_color: Annotated[bool, _option("No colour; so does the variable NO_COLOR.")] = False
    verbose: Annotated[bool, _option("Tell the request id and every repeat.", "", "--verbose", "-v")] = False

    def begin(self) -> None:
        """The session of this process. Raises Problem for a duration or an id that is none."""
        session.begin(
            session.Session(
                address=self.address or session.DEFAULT_ADDRESS,
                given_token=self.token,
                token_file=self.token_file,
                json=self.json,
                verbose=self.verbose,
                colour=not self.no_color,
                timeout=session.read_timeout(self.timeout) if self.timeout else session.DEFAULT_TIMEOUT,
                request_id=session.read_request_id(self.request_id) if self.request_id else session.new_request_id(),
                tls=self.tls,
                ca=self.ca,
                certificate=self.cert,
                key=self.key,
                plaintext=self.plaintext,
            )
        )
