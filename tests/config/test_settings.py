"""Settings of one process, from its environment."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from mainstay.config.settings import Settings


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("MAINSTAY_"):
            monkeypatch.delenv(name)


def test_defaults_listen_to_this_machine_alone() -> None:
    """Nothing is open beyond loopback unless somebody says so."""
    settings = Settings()
    assert settings.http_listen.startswith("127.0.0.1:")
    assert settings.grpc_listen.startswith("127.0.0.1:")
    assert settings.records_url == "sqlite+aiosqlite:///var/records.db"
    assert settings.signing_key_path == Path("var/signing.key")


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each setting is MAINSTAY_ and its name; durations are written with a unit."""
    for name, value in {
        "DATA_DIR": "/data",
        "RECORDS_TIMEOUT": "1500ms",
        "KUBECONFIGS": '{"eu": ["/etc/kube", "prod"]}',
        "LOG_JSON": "true",
        "CONFIG_OVERLAY": "demo",
    }.items():
        monkeypatch.setenv(f"MAINSTAY_{name}", value)
    settings = Settings()
    assert settings.records_url == "sqlite+aiosqlite:////data/records.db"
    assert settings.records_timeout == timedelta(seconds=1.5)
    assert settings.kubeconfigs["eu"] == ("/etc/kube", "prod")
    assert (settings.log_json, settings.config_overlay) == (True, "demo")


def test_a_wrong_setting_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting that cannot be read stops the start, by its name."""
    monkeypatch.setenv("MAINSTAY_RECORDS_TIMEOUT", "five")
    with pytest.raises(ValidationError, match="records_timeout"):
        Settings()
