"""TLS, and callers who prove themselves by a certificate."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mainstay.api.server import ApiServer, Tls
from mainstay.gen.mainstay.v1 import incident_service_pb2 as pb
from tests.api.door import Caller, refusal
from tests.desk.lab import Lab, request_id


class Authority:
    """Issues certificates that are good for an hour."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        self.pem = self._signed(self.name, self.key, authority=True).public_bytes(serialization.Encoding.PEM)

    def issue(self, common_name: str) -> tuple[bytes, bytes]:
        """(key, certificate) as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        certificate = self._signed(subject, key, authority=False)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return private, certificate.public_bytes(serialization.Encoding.PEM)

    def _signed(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, authority: bool) -> x509.Certificate:
        now = datetime.now(UTC)
        names_ = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(names_, critical=False)
            .sign(self.key, hashes.SHA256())
        )


async def test_a_client_certificate_proves_a_person(lab: Lab, tmp_path: Path) -> None:
    """The common name is a handle: her roles count, with the highest assurance; a stranger's is refused."""
    authority = Authority()
    key, certificate = authority.issue("server")
    files = {"key": key, "certificate": certificate, "ca": authority.pem}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    tls = Tls(tmp_path / "certificate", tmp_path / "key", client_ca=tmp_path / "ca")
    server = ApiServer(lab.desk, lab.authenticator(), "127.0.0.1:0", tls=tls)
    port = await server.start()
    view = await lab.opened("MutualTls")
    request = pb.AddNoteRequest(request_id=request_id("tls"), incident=view.key, text="by certificate")

    def channel(common_name: str) -> grpc.aio.Channel:
        mine = authority.issue(common_name)
        return grpc.aio.secure_channel(f"127.0.0.1:{port}", grpc.ssl_channel_credentials(authority.pem, *mine))

    async with channel("alice") as alice, channel("mallory") as mallory:
        await Caller(alice, None).incidents.AddNote(request)
        stranger = await refusal(Caller(mallory, None).incidents.AddNote(request))
    assert stranger.code is grpc.StatusCode.UNAUTHENTICATED
    after = await lab.desk.view(view.key)
    (entry,) = (entry for entry in after.timeline if entry.kind == "noted")
    assert (entry.actor.person, entry.actor.assurance.name) == ("alice", "MTLS")
    await server.stop(timedelta(0))
