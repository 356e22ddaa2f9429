"""The probe ``tcp``: does something accept connections?"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from activities.probes.hosts_allowed import require_allowed
from activities.probes.seen import Seen
from mainstay.domain.catalogue.probes.network import Tcp as Parameters
from mainstay.domain.verdict import Verdict


class Tcp:
    name: ClassVar[str] = "tcp"

    def __init__(self, allowed: Callable[[], tuple[str, ...]]) -> None:
        self._allowed = allowed

    async def look(self, parameters: Parameters, at: datetime) -> Seen:  # noqa: ARG002 - now
        """A port that does not answer has failed, so nothing is raised but NotAllowed."""
        require_allowed(parameters.host, parameters.port, self._allowed(), "host")
        where, begun = f"{parameters.host}:{parameters.port}", time.monotonic()
        seconds = parameters.timeout.total_seconds()
        try:
            async with asyncio.timeout(seconds):
                _, writer = await asyncio.open_connection(parameters.host, parameters.port)
        except TimeoutError:
            return _silent(f"{where} did not answer within {seconds:g} s")
        except OSError as error:
            return _silent(f"{where} does not answer: {type(error).__name__}")
        took = time.monotonic() - begun
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        facts = {"reached": True, "latency_seconds": round(took, 6)}
        return Seen(verdict=Verdict.HELD, facts=dict(facts), detail=f"{where} accepted in {took:.3f} s")


def _silent(why: str) -> Seen:
    return Seen(verdict=Verdict.FAILED, facts={"reached": False, "latency_seconds": 0.0}, detail=why)
