"""Which hosts the HTTP probe may ask: those that the operators themselves have written down."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from mainstay.config import Config


def named_hosts(config: Config) -> tuple[str, ...]:
    """``http_hosts``, and ``HOST:PORT`` of every address among the services' links and runbook inputs.

    Alert text can reach a probe's address through a template, but never one of these fields.
    """
    return (*config.hosts(), *sorted(set(_hosts(config))))


def _hosts(config: Config) -> Iterator[str]:
    for service in config.services.values():
        for text in (*service.links.values(), *service.runbook_inputs.values()):
            if not isinstance(text, str):
                continue
            try:
                url = urlsplit(text)
                port = url.port or {"http": 80, "https": 443}.get(url.scheme)
            except ValueError:
                continue
            if url.hostname and port:
                yield f"{url.hostname}:{port}"
