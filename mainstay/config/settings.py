"""How one process is wired: addresses, folders and keys, from the environment (``MAINSTAY_…``).

What the organisation decides (services, people, channels, tokens) is in the operators' folder instead.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from mainstay.domain.duration import Duration


class Kubeconfig(NamedTuple):
    """Where the access to one cluster is. An empty path means the pod's own service account."""

    path: str = ""
    context: str = ""


class Settings(BaseSettings):
    """Every setting has a default that serves one machine; nothing listens beyond loopback by default."""

    model_config = SettingsConfigDict(env_prefix="MAINSTAY_", frozen=True, extra="ignore")

    temporal_address: str = "127.0.0.1:7233"
    temporal_namespace: str = "default"
    temporal_ui_url: str = "http://127.0.0.1:8233"
    config_dir: Path = Path("config")
    """The operators' folder."""
    config_overlay: str = ""
    """A file of its ``overlays/`` (without ``.yaml``) whose times replace those of the folder."""
    data_dir: Path = Path("var")
    """Documents, the embedded database and keys."""
    database_url: str = ""
    """An SQLAlchemy address; empty: SQLite in ``data_dir``. See ``records_url``."""
    records_timeout: Duration = timedelta(seconds=5)
    """A record store that has not answered by then counts as down."""
    http_listen: str = "127.0.0.1:8080"
    grpc_listen: str = "127.0.0.1:8090"
    public_url: str = "http://127.0.0.1:8080"
    signing_key: Path | None = None
    """File of the Ed25519 private key; generated if missing. See ``signing_key_path``."""
    kubeconfigs: dict[str, Kubeconfig] = Field(default_factory=dict)
    """Cluster name → (path, context), as JSON; goes before what mainstay.yaml says of that cluster."""
    grpc_tls_cert: Path | None = None
    """Certificate chain of the gRPC door (PEM); with ``grpc_tls_key`` it speaks TLS only."""
    grpc_tls_key: Path | None = None
    grpc_client_ca: Path | None = None
    """Callers must then prove themselves with a certificate of this authority (mutual TLS)."""
    otlp_endpoint: str = ""
    """Where OpenTelemetry spans go; empty: nowhere."""
    halt_file: Path | None = None
    """While this file exists, nothing is changed on any cluster by this process."""
    log_json: bool = False

    @property
    def records_url(self) -> str:
        """The address of the record store, ``sqlite+aiosqlite:///…/records.db`` unless it is set."""
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir / 'records.db'}"

    @property
    def signing_key_path(self) -> Path:
        return self.signing_key or self.data_dir / "signing.key"
