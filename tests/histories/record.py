"""``make record``: plays every scenario on a real server and keeps the histories beside this file."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from devstack.temporal import TemporalServer
from mainstay.simulate.recording import Recorder
from tests.histories import fingerprint
from tests.histories.scenarios import SCENARIOS
from tests.workflows.conftest import Stage, make_pinned, workers

HERE = Path(__file__).parent
IDENTITY = "golden"
"""Instead of process, user and machine."""


async def record(folder: Path) -> None:
    """Write ``WORKFLOW/SCENARIO.json`` for each, and the fingerprints."""
    with tempfile.TemporaryDirectory() as data:
        async with TemporalServer(Path(data), synchronous="1") as server:
            client = await Client.connect(server.address, data_converter=pydantic_data_converter, identity=IDENTITY)
            for name, scenario in SCENARIOS.items():
                recorder = Recorder(pinned=make_pinned())
                async with workers(client, recorder):
                    for handle in await scenario(Stage(client), recorder):
                        await _keep(folder, name, handle)
    fingerprint.write()


async def _keep(folder: Path, name: str, handle: object) -> None:
    history = await handle.fetch_history()  # type: ignore[attr-defined] # a WorkflowHandle of any type
    kind = str(handle.id).split("/")[0].removeprefix("golden-")  # type: ignore[attr-defined] # as above
    path = folder / kind / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    document = json.dumps(json.loads(history.to_json()), separators=(",", ":"))
    path.write_text(document + "\n")
    print(f"{path.relative_to(folder)}: {len(document) // 1024} KiB")


if __name__ == "__main__":
    asyncio.run(record(HERE))
