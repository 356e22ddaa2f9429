"""The probe ``tls_certificate``: trusted, fitting the name, and valid for how long?"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from cryptography import x509

from activities.probes.hosts_allowed import require_allowed
from activities.probes.seen import Seen
from mainstay.domain.catalogue.probes.network import TlsCertificate as Parameters
from mainstay.domain.errors import InvalidArgument
from mainstay.domain.text import plain
from mainstay.domain.verdict import Verdict

_DAY = timedelta(days=1)


class TlsCertificate:
    name: ClassVar[str] = "tls_certificate"

    def __init__(self, allowed: Callable[[], tuple[str, ...]]) -> None:
        self._allowed = allowed

    async def look(self, parameters: Parameters, at: datetime) -> Seen:  # noqa: ARG002 - now
        """Raises NotAllowed, and InvalidArgument for an authority that is no PEM. The rest is an answer."""
        require_allowed(parameters.host, parameters.port, self._allowed(), "host")
        where = f"{parameters.host}:{parameters.port}"
        trusting = _context(parameters.authority)
        not_after: datetime | None
        try:
            not_after, problem = await _handshake(parameters, trusting), ""
        except ssl.SSLCertVerificationError as refused:
            # A second handshake that trusts anything reads the dates of what was refused; nothing is sent
            problem = plain(refused.verify_message, 200)
            not_after = await _dates_of_the_refused(parameters)
        except (TimeoutError, OSError) as error:
            why = f"{where} gives no certificate: {type(error).__name__}"
            facts = {"reached": False, "valid": False, "days_left": 0.0, "not_after": "", "problem": why}
            return Seen(verdict=Verdict.FAILED, facts=dict(facts), detail=why)
        left = (not_after - datetime.now(UTC)) if not_after else timedelta(0)
        enough = not problem and left >= parameters.at_least
        facts = {
            "reached": True,
            "valid": not problem,
            "days_left": round(left / _DAY, 3),
            "not_after": not_after.isoformat() if not_after else "",
            "problem": problem,
        }
        said = f"{where}: " + (problem or f"valid for another {left / _DAY:.1f} days")
        return Seen(verdict=Verdict.HELD if enough else Verdict.FAILED, facts=dict(facts), detail=said)


def _context(authority: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cadata=authority or None)
    except ssl.SSLError:
        raise InvalidArgument("the authority is no certificate in PEM", field="authority") from None


async def _dates_of_the_refused(parameters: Parameters) -> datetime | None:
    anything = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anything.check_hostname, anything.verify_mode = False, ssl.CERT_NONE
    with contextlib.suppress(TimeoutError, OSError, ValueError):
        return await _handshake(parameters, anything)
    return None


async def _handshake(parameters: Parameters, context: ssl.SSLContext) -> datetime:
    async with asyncio.timeout(parameters.timeout.total_seconds()):
        _, writer = await asyncio.open_connection(
            parameters.host,
            parameters.port,
            ssl=context,
            server_hostname=parameters.server_name or parameters.host,
        )
    try:
        encoded: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return x509.load_der_x509_certificate(encoded).not_valid_after_utc
    finally:
        writer.transport.abort()
