"""Probes that open a connection. Each host must be one that mainstay.yaml allows."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from mainstay.domain.catalogue.probes.shape import Host
from mainstay.domain.catalogue.spec import Parameters, ProbeSpec, Threshold
from mainstay.domain.duration import Duration

_Status = Annotated[int, Field(ge=100, le=599)]
_Port = Annotated[int, Field(ge=1, le=65_535)]
_Patience = Annotated[Duration, Field(gt=timedelta(0), le=timedelta(seconds=30))]


class Http(Parameters):
    """The host must be one that mainstay.yaml allows. Redirects are not followed."""

    url: str = Field(pattern=r"^https?://")
    expect_status: tuple[_Status, ...] = (200, 201, 202, 203, 204)
    latency_seconds: Threshold | None = None
    timeout: Duration = timedelta(seconds=5)


class Tcp(Parameters):
    """Connects and hangs up; nothing is sent."""

    host: Host
    port: _Port
    timeout: _Patience = timedelta(seconds=3)


class TlsCertificate(Parameters):
    """``at_least`` is how long the certificate must still be valid."""

    host: Host
    port: _Port = 443
    server_name: str = ""
    """The name to ask for and to check; empty: ``host``."""
    at_least: Duration = timedelta(days=14)
    authority: str = ""
    """A private authority's certificates as PEM; empty: those of the system."""
    timeout: _Patience = timedelta(seconds=5)


class Dns(Parameters):
    """``server`` is a name server's address, which must be allowed too; empty: those of the worker's host."""

    name: Host
    type: Literal["A", "AAAA"] = "A"
    expect: tuple[str, ...] = ()
    """Addresses that must all be among the answers; empty: any answer will do."""
    server: str = ""
    port: _Port = 53
    timeout: _Patience = timedelta(seconds=3)


NETWORK = (
    ProbeSpec(
        name="http",
        title="Ask an HTTP endpoint",
        group="network",
        parameters=Http,
        facts={"reached": "boolean", "status": "integer", "latency_seconds": "number"},
        held="it answered as expected and in time",
        failed="it did not answer, or not as expected",
    ),
    ProbeSpec(
        name="tcp",
        title="Does something accept connections on a port?",
        group="network",
        parameters=Tcp,
        facts={"reached": "boolean", "latency_seconds": "number"},
        held="the connection was accepted in time",
        failed="it was refused, or not answered in time",
    ),
    ProbeSpec(
        name="tls_certificate",
        title="Is the certificate valid, and for how long?",
        group="network",
        parameters=TlsCertificate,
        facts={
            "reached": "boolean",
            "valid": "boolean",
            "days_left": "number",
            "not_after": "string",
            "problem": "string",
        },
        held="it is trusted, fits the name and is valid for long enough",
        failed="it is not, or ends too soon",
    ),
    ProbeSpec(
        name="dns",
        title="Does a name resolve, and to what?",
        group="network",
        parameters=Dns,
        facts={"found": "boolean", "addresses": "list", "code": "string"},
        held="it resolves to all expected addresses",
        failed="it does not exist, or to others",
    ),
)
