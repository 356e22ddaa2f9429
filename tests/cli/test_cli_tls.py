"""Secure connections."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from tests.api.test_api_tls import Authority
from tests.cli.conftest import Cli
from tests.cli.fakeserver import FakeServer


@pytest.fixture
async def secure(tmp_path: Path) -> AsyncIterator[FakeServer]:
    """Asks its callers for a certificate of the same authority; all PEM files are in the test's folder."""
    authority, other = Authority(), Authority()
    key, certificate = authority.issue("server")
    mine = dict(zip(("alice.key", "alice.pem"), authority.issue("alice"), strict=True))
    for name, content in {**mine, "ca.pem": authority.pem, "other.pem": other.pem}.items():
        (tmp_path / name).write_bytes(content)
    made = FakeServer()
    await made.start(grpc.ssl_server_credentials([(key, certificate)], authority.pem, True))
    yield made
    await made.stop()


async def test_a_client_certificate_is_shown(cli: Cli, secure: FakeServer, tmp_path: Path) -> None:
    """With the server's authority and one's own certificate, the call goes through."""
    files = ["--ca", str(tmp_path / "ca.pem"), "--cert", str(tmp_path / "alice.pem")]
    files += ["--key", str(tmp_path / "alice.key")]
    result = await cli("incident", "ack", "INC-1", "--address", secure.address, *files)
    assert (result.code, result.err) == (0, "")
    assert len(secure.of("Acknowledge")) == 1


async def test_a_server_of_another_authority_is_not_trusted(
    cli: Cli, secure: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 6; it names the options to check, and nothing was sent."""
    monkeypatch.setattr("mainstay.cli.calls.REPEAT_AFTER", ())
    ca = str(tmp_path / "other.pem")
    result = await cli("incident", "ack", "INC-1", "--address", secure.address, "--ca", ca)
    assert (result.code, secure.requests) == (6, [])
    assert "no secure connection" in result.err
    assert "--ca" in result.err
