"""TCP, TLS and DNS against real servers on loopback; nothing that is not allowed is asked."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from activities.probes.dns import Dns
from activities.probes.seen import Seen
from activities.probes.tcp import Tcp
from activities.probes.tls_certificate import TlsCertificate
from mainstay.domain.catalogue import PROBES, parse_parameters
from mainstay.domain.errors import InvalidArgument, NotAllowed
from mainstay.domain.verdict import Verdict
from tests.activities.samples import NOW
from tests.activities.web_servers import nobody

ALLOWED = ("127.0.0.1", "*.shop.example")
KINDS = {kind.name: kind for kind in (Tcp, TlsCertificate, Dns)}


async def look(probe: str, **parameters: Any) -> Seen:
    kind: Any = KINDS[probe](lambda: ALLOWED)
    seen: Seen = await kind.look(parse_parameters(PROBES[probe].parameters, parameters), NOW)
    assert set(seen.facts) == set(PROBES[probe].facts)
    return seen


@pytest.mark.parametrize(
    ("probe", "parameters"),
    [
        ("tcp", {"host": "db.internal", "port": 5432}),
        ("tls_certificate", {"host": "evil.example"}),
        ("dns", {"name": "secret-data.evil.example"}),
        ("dns", {"name": "api.shop.example", "server": "192.0.2.1"}),
    ],
)
async def test_only_what_the_operators_wrote_down_is_asked(probe: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(NotAllowed, match=r"not among the hosts that mainstay\.yaml allows"):
        await look(probe, **parameters)


async def test_a_port_that_accepts_and_one_that_does_not() -> None:
    """Accepted holds; refused fails, at once."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        seen = await look("tcp", host="127.0.0.1", port=server.sockets[0].getsockname()[1])
        assert (seen.verdict, seen.facts["reached"]) == (Verdict.HELD, True)
    async with nobody() as url:
        seen = await look("tcp", host="127.0.0.1", port=int(url.rpartition(":")[2]))
    assert (seen.verdict, seen.facts["reached"]) == (Verdict.FAILED, False)


def certificate(tmp_path: Path, days: float, name: str) -> tuple[ssl.SSLContext, str]:
    """A server's context and its self-signed certificate as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=100))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM).decode()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = tmp_path / "server.pem"
    file.write_text(pem + private.decode())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    return context, pem


@asynccontextmanager
async def tls_server(context: ssl.SSLContext) -> AsyncIterator[int]:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("days", "name", "trusted", "verdict", "problem"),
    [
        (30, "api.shop.example", True, Verdict.HELD, ""),
        (13, "api.shop.example", True, Verdict.FAILED, ""),
        (-1, "api.shop.example", True, Verdict.FAILED, "certificate has expired"),
        (30, "other.example", True, Verdict.FAILED, "Hostname mismatch"),
        (30, "api.shop.example", False, Verdict.FAILED, "self-signed certificate"),
    ],
    ids=["valid", "ends soon", "expired", "other name", "not trusted"],
)
async def test_certificates(
    tmp_path: Path, days: float, name: str, trusted: bool, verdict: Verdict, problem: str
) -> None:
    """Trusted, fitting and valid for two weeks holds; each fault is told, with the date all the same."""
    context, pem = certificate(tmp_path, days, name)
    async with tls_server(context) as port:
        seen = await look(
            "tls_certificate",
            host="127.0.0.1",
            port=port,
            server_name="api.shop.example",
            authority=pem if trusted else "",
        )
    assert (seen.verdict, seen.facts["valid"]) == (verdict, not problem)
    assert problem in str(seen.facts["problem"])
    assert float(str(seen.facts["days_left"])) == pytest.approx(days, abs=0.01)


async def test_no_certificate_and_no_authority() -> None:
    async with nobody() as url:
        seen = await look("tls_certificate", host="127.0.0.1", port=int(url.rpartition(":")[2]))
    assert (seen.verdict, seen.facts["reached"]) == (Verdict.FAILED, False)
    with pytest.raises(InvalidArgument, match="no certificate in PEM"):
        await look("tls_certificate", host="127.0.0.1", authority="-----BEGIN CERTIFICATE-----\nAAAA")


class _NameServer(asyncio.DatagramProtocol):
    """Answers A questions for three names of the shop, over UDP (RFC 1035)."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        question = dns.message.from_wire(data)
        answer = dns.message.make_response(question)
        name = question.question[0].name
        match str(name):
            case "api.shop.example.":
                if question.question[0].rdtype == 1:
                    answer.answer.append(dns.rrset.from_text(name, 60, "IN", "A", "192.0.2.7", "192.0.2.8"))
            case "broken.shop.example.":
                answer.set_rcode(dns.rcode.SERVFAIL)
            case "silent.shop.example.":
                return
            case _:
                answer.set_rcode(dns.rcode.NXDOMAIN)
        self.transport.sendto(answer.to_wire(), addr)


@contextmanager
def _closing(transport: asyncio.DatagramTransport) -> Iterator[int]:
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


@pytest.mark.parametrize(
    ("name", "more", "verdict", "code"),
    [
        ("api", {}, Verdict.HELD, "NOERROR"),
        ("api", {"expect": ["192.0.2.8"]}, Verdict.HELD, "NOERROR"),
        ("api", {"expect": ["192.0.2.9"]}, Verdict.FAILED, "NOERROR"),
        ("api", {"type": "AAAA"}, Verdict.FAILED, "NODATA"),
        ("gone", {}, Verdict.FAILED, "NXDOMAIN"),
        ("broken", {}, Verdict.FAILED, "SERVFAIL"),
        ("silent", {"timeout": "300ms"}, Verdict.FAILED, "TIMEOUT"),
    ],
)
async def test_names(name: str, more: dict[str, Any], verdict: Verdict, code: str) -> None:
    """Each answer of a name server has its code; expected addresses must all be there."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(_NameServer, local_addr=("127.0.0.1", 0))
    with _closing(transport) as port:
        seen = await look("dns", name=f"{name}.shop.example", server="127.0.0.1", port=port, **more)
    assert (seen.verdict, seen.facts["code"]) == (verdict, code)
    assert all(ipaddress.ip_address(str(one)) for one in list(seen.facts["addresses"]))  # type: ignore[arg-type]


async def test_an_address_that_is_none_is_named() -> None:
    with pytest.raises(InvalidArgument, match="no IP address"):
        await look("dns", name="api.shop.example", server="127.0.0.1", port=9, expect=["one"], timeout="100ms")
