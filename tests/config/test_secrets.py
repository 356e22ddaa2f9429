"""Secrets: looked up late, from where the reference says, and never shown."""

from __future__ import annotations

import hashlib
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mainstay.config import load
from mainstay.config.channels import SmtpChannel
from mainstay.config.keys import load_signer
from mainstay.config.secrets import is_reference, resolve, value_of
from mainstay.domain.errors import InvalidArgument, NotAllowed
from tests.config.conftest import SHOP


def test_references(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``env:`` and ``file:`` lead to the value; a file's last line break is no part of it."""
    (tmp_path / "secret").write_text("  from a file \n")
    monkeypatch.setenv("SHOP_SECRET", "from the environment")
    assert resolve("env:SHOP_SECRET") == "from the environment"
    assert resolve(f"file:{tmp_path / 'secret'}") == "  from a file "
    assert value_of("plain") == "plain"
    assert not is_reference("env:not a name")


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("env:SHOP_NOT_SET", "environment variable SHOP_NOT_SET is not set"),
        ("file:/does/not/exist", "file:/does/not/exist cannot be read"),
        ("env:SHOP_EMPTY", "env:SHOP_EMPTY is empty"),
        ("hunter2", "by reference"),
    ],
)
def test_references_that_lead_nowhere(reference: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal names the reference, and never quotes what may be the secret itself."""
    monkeypatch.setenv("SHOP_EMPTY", "")
    with pytest.raises(InvalidArgument, match=words) as refusal:
        resolve(reference)
    assert "hunter2" not in str(refusal.value)


def test_nothing_is_looked_up_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading needs no secret, and no value is in the loaded folder."""
    for name in list(os.environ):
        if name.startswith("MAINSTAY_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MAINSTAY_PAGER_SECRET", "hunter2")
    config = load(SHOP)
    assert "hunter2" not in repr(config) + config.model_dump_json()
    with pytest.raises(InvalidArgument) as refusal:
        config.credentials()
    for name in ("ALICE", "BOB", "CAROL", "DAN", "ALERTMANAGER"):
        assert f"MAINSTAY_TOKEN_{name} is not set" in refusal.value.message


def test_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each token is known by its SHA-256 and its owner."""
    for name in ("ALICE", "BOB", "CAROL", "DAN", "ALERTMANAGER"):
        monkeypatch.setenv(f"MAINSTAY_TOKEN_{name}", f"token of {name}")
    found = {token.owner: digest for token, digest in load(SHOP).credentials()}
    assert found["alice"] == hashlib.sha256(b"token of ALICE").hexdigest()
    assert list(found) == ["alice", "bob", "carol", "dan", "alertmanager"]


def test_mail_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Host and port are looked up when the channel is built; a port that is none is told."""
    channel = load(SHOP).channel("email")
    assert isinstance(channel, SmtpChannel)
    monkeypatch.setenv("MAINSTAY_SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("MAINSTAY_SMTP_PORT", "2525")
    settings = channel.settings()
    assert (settings.host, settings.port, settings.security) == ("127.0.0.1", 2525, "none")
    monkeypatch.setenv("MAINSTAY_SMTP_PORT", "seventy")
    with pytest.raises(InvalidArgument, match="env:MAINSTAY_SMTP_PORT is not a port"):
        channel.settings()


def test_kubeconfigs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder says which variable holds the path; the process's own settings go before."""
    monkeypatch.setenv("MAINSTAY_KUBECONFIG", "/etc/kube/config")
    config = load(SHOP)
    assert config.kubeconfigs() == {"default": ("/etc/kube/config", "")}
    assert config.kubeconfigs({"default": ("/other", "here")}) == {"default": ("/other", "here")}


def test_signing_key(tmp_path: Path) -> None:
    """A missing key is made once, for its owner alone, however many processes start at the same time."""
    path = tmp_path / "var" / "signing.key"
    with ThreadPoolExecutor(8) as pool:
        keys = {signer.public().key for signer in pool.map(lambda _: load_signer(path), range(16))}
    assert len(keys) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["signing.key"]


@pytest.mark.parametrize(("mode", "text", "refusal"), [(0o644, None, NotAllowed), (0o600, "no key", InvalidArgument)])
def test_bad_signing_keys(tmp_path: Path, mode: int, text: str | None, refusal: type[Exception]) -> None:
    """A key that others may read, or that is none, is refused with the way out."""
    path = tmp_path / "signing.key"
    load_signer(path)
    if text:
        path.write_text(text)
    path.chmod(mode)
    with pytest.raises(refusal, match=r"signing\.key"):
        load_signer(path)
