"""The probe ``dns``: does a name resolve?"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from dns.asyncresolver import Resolver
from dns.exception import DNSException, Timeout
from dns.resolver import NXDOMAIN, NoAnswer, NoNameservers

from activities.probes.hosts_allowed import require_allowed
from activities.probes.seen import Seen
from mainstay.domain.catalogue.probes.network import Dns as Parameters
from mainstay.domain.errors import InvalidArgument
from mainstay.domain.verdict import Verdict


class Dns:
    name: ClassVar[str] = "dns"

    def __init__(self, allowed: Callable[[], tuple[str, ...]]) -> None:
        self._allowed = allowed

    async def look(self, parameters: Parameters, at: datetime) -> Seen:  # noqa: ARG002 - now
        """Raises NotAllowed for a name or a server that is not allowed: a question, too, can carry data out.

        ``code`` is the answer's (RFC 1035, 2308): NOERROR, NXDOMAIN, NODATA, SERVFAIL, or TIMEOUT.
        """
        allowed = self._allowed()
        # Entries of one port allow the name as well
        hosts = tuple(entry.rsplit(":", 1)[0] for entry in allowed)
        require_allowed(parameters.name, parameters.port, hosts, "name")
        if parameters.server:
            require_allowed(parameters.server, parameters.port, allowed, "server")
        code, found = await _resolve(parameters)
        missing = sorted(_canonical(one) for one in parameters.expect if _canonical(one) not in found)
        held = bool(found) and not missing
        said = f"{parameters.name} {parameters.type}: " + (", ".join(found[:5]) or code)
        said += f"; missing {', '.join(missing[:5])}" if found and missing else ""
        return Seen(
            verdict=Verdict.HELD if held else Verdict.FAILED,
            facts={"found": bool(found), "addresses": list(found[:20]), "code": code},
            detail=said,
        )


async def _resolve(parameters: Parameters) -> tuple[str, list[str]]:
    resolver = Resolver(configure=not parameters.server)
    if parameters.server:
        resolver.nameservers = [_canonical(parameters.server)]
        resolver.port = parameters.port
    try:
        answer = await resolver.resolve(
            parameters.name, parameters.type, lifetime=parameters.timeout.total_seconds(), search=False
        )
    except NXDOMAIN:
        return "NXDOMAIN", []
    except NoAnswer:
        return "NODATA", []
    except Timeout:
        return "TIMEOUT", []
    except NoNameservers:
        return "SERVFAIL", []
    except DNSException as fault:
        raise InvalidArgument(f"{parameters.name} cannot be asked for: {type(fault).__name__}", field="name") from None
    return "NOERROR", sorted(_canonical(record.address) for record in answer)


def _canonical(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise InvalidArgument(f"{text[:60]!r} is no IP address", field="expect") from None
