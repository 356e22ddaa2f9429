"""Does everything that Mainstay needs answer?"""

from __future__ import annotations

import asyncio
from importlib.metadata import PackageNotFoundError, version

from temporalio.client import Client

from mainstay.config import Config
from mainstay.desk.answers import HaltState, PartState, Status
from mainstay.desk.halt import Halts
from mainstay.domain.errors import Refusal
from mainstay.records import Store

PING_SECONDS = 2.0


class Health:
    def __init__(self, client: Client, config: Config, store: Store, halts: Halts) -> None:
        self._client = client
        self._config = config
        self._store = store
        self._halts = halts

    async def status(self) -> Status:
        """Never raises: a part that does not answer is told as such."""
        temporal, records, halt = await asyncio.gather(self.temporal(), self._records(), self._halt())
        return Status(version=_version(), halt=halt, parts=(temporal, records), config_digest=self._config.digest)

    async def temporal(self) -> PartState:
        try:
            async with asyncio.timeout(PING_SECONDS):
                answers = await self._client.service_client.check_health()
        except Exception as error:  # any fault means that it does not answer
            return PartState(name="temporal", answers=False, detail=_why(error))
        return PartState(name="temporal", answers=answers)

    async def _records(self) -> PartState:
        try:
            async with asyncio.timeout(PING_SECONDS):
                await self._store.ping()
        except Exception as error:  # any fault means that it does not answer
            return PartState(name="records", answers=False, detail=_why(error))
        return PartState(name="records", answers=True)

    async def _halt(self) -> HaltState:
        try:
            return await self._halts.state()
        except Refusal as refusal:
            return HaltState(on=False, reason=f"not known: {refusal.message}")


def _why(error: Exception) -> str:
    return "no answer in time" if isinstance(error, TimeoutError) else str(error)[:200]


def _version() -> str:
    try:
        return version("mainstay")
    except PackageNotFoundError:
        return "unpacked"
