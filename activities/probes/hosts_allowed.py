"""The one rule by which a host may be asked at all."""

from __future__ import annotations

from mainstay.domain.errors import NotAllowed


def require_allowed(host: str, port: int, allowed: tuple[str, ...], field: str) -> None:
    """Alert text may reach an address through a template: only hosts that the operators name are asked.

    Raises NotAllowed.
    """
    host = host.lower()
    for entry in map(str.lower, allowed):
        if entry in (host, f"{host}:{port}") or (entry.startswith("*.") and host.endswith(entry[1:])):
            return
    raise NotAllowed(
        f"the host {host} is not among the hosts that mainstay.yaml allows to be probed: add it there",
        field=field,
    )
