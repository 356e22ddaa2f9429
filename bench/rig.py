"""The servers of one benchmark: Temporal, Mainstay's worker and doors, the bare worker, and the receivers."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import secrets
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from bench.bare import READY
from bench.posting import Connection
from bench.receiver import Arrivals, Receivers
from devstack.processes import Process
from devstack.product import Product, stack_env
from devstack.temporal import TemporalServer

FOLDER = Path(__file__).resolve().parent / "folder"
ROOT = FOLDER.parent.parent
WEBHOOK = "/webhooks/alertmanager"


@dataclass
class Rig:
    """What a benchmark works with. All of it runs on this machine, the floor on the same server."""

    temporal: TemporalServer
    product: Product
    bare: Process
    client: Client
    arrivals: Arrivals
    synchronous: str
    _count: itertools.count[int] = field(default_factory=itertools.count)
    _salt: int = field(default_factory=lambda: secrets.randbelow(0x1000))

    def token(self) -> str:
        """A new ``bench-…``, by which a page is known again."""
        return f"bench-{self._salt:03x}{next(self._count):05x}"

    def connection(self) -> Connection:
        """To the alert webhook."""
        return Connection(self.product.http, WEBHOOK, self.product.tokens["alertmanager"])

    async def pause_workers(self) -> None:
        """Stop both workers, so that nothing but accepting happens."""
        await asyncio.gather(self.product.worker.stop(), self.bare.stop())

    async def resume_workers(self) -> None:
        """Start them again; they are ready when it returns."""
        self.product_log.unlink(missing_ok=True)
        await asyncio.gather(self.product.worker.start(), self.bare.start())
        await self.product.worker.wait_ready(self.product.serving, 60)

    @property
    def product_log(self) -> Path:
        return self.product.data_dir / "worker.log"

    def processor_ms(self) -> dict[str, float]:
        """Processor time that each process has used: steadier than a clock when others use the machine."""
        server = self.temporal._server  # devstack shows no process id
        pids = {
            "temporal": server.pid if server else None,
            "door": self.product.server.pid,
            "worker": self.product.worker.pid,
            "client": os.getpid(),
        }
        return {name: _used_ms(pid) for name, pid in pids.items() if pid is not None}

    def settings(self) -> dict[str, str]:
        return {
            "temporal": "1.32.2, one process, SQLite on disk, one history shard",
            "sqlite_synchronous": self.synchronous,
            "product": "one worker process (all queues), one server process",
        }


@asynccontextmanager
async def rig(*, synchronous: str = "2", worker: tuple[str, ...] = ("worker.py",)) -> AsyncIterator[Rig]:
    """Everything started, and stopped again. ``worker``: arguments of Python that serve Mainstay's queues."""
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mainstay-bench-")))
        temporal = await stack.enter_async_context(
            TemporalServer(folder / "temporal", synchronous=synchronous, report=say)
        )
        receivers = await stack.enter_async_context(Receivers())
        env = stack_env(smtp=receivers.smtp, prometheus="http://127.0.0.1:9", kubeconfig=folder / "none")
        env["MAINSTAY_PAGER_URL"] = f"http://{receivers.pager}/"
        product = Product(folder / "mainstay", temporal=temporal.address, env=env, config_dir=FOLDER)
        product.worker = Process(
            "worker",
            [sys.executable, *worker],
            log=product.data_dir / "worker.log",
            env=product.env,
            cwd=ROOT,
        )
        bare = Process(
            "bare worker",
            [sys.executable, "-m", "bench.bare", temporal.address],
            log=folder / "bare.log",
            cwd=ROOT,
        )
        await asyncio.gather(stack.enter_async_context(product), _start_bare(stack, bare, folder / "bare.log"))
        client = await Client.connect(temporal.address, data_converter=pydantic_data_converter)
        yield Rig(temporal, product, bare, client, receivers.arrivals, synchronous)


async def _start_bare(stack: contextlib.AsyncExitStack, bare: Process, log: Path) -> None:
    async def ready() -> bool:
        return log.exists() and READY in log.read_text()

    await stack.enter_async_context(bare)
    await bare.wait_ready(ready, 60)


def used(before: dict[str, float], after: dict[str, float], count: float) -> dict[str, float]:
    """Milliseconds of processor time for each of ``count``, by process."""
    return {name: round((after[name] - before[name]) / count, 3) for name in after if name in before}


def _used_ms(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def say(line: str) -> None:
    """Progress goes to standard error: standard output is JSON."""
    print(line, file=sys.stderr, flush=True)
