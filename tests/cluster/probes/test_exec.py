"""Exit codes through the real API server. kwok runs the commands on this machine: fixed ones only."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from kubernetes.aio.client.exceptions import ApiException

from activities.probes.exec import exit_code
from devstack.cluster import Cluster
from devstack.processes import eventually
from mainstay.domain.errors import InvalidArgument, NotAllowed, Unavailable
from mainstay.domain.verdict import Verdict
from tests.cluster.lab import Lab, NoHalt
from tests.cluster.probes.setting import has, look, until
from tests.cluster.probes.test_probe_rights import account, documented


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def lab(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    """A cluster of its own that lets commands run, with one ready pod."""
    async with Cluster(tmp_path_factory.mktemp("exec"), nodes=1, allow_exec=True) as cluster:
        opened = Lab(cluster, "exec", NoHalt())
        await cluster.service_account("exec", "default")
        await opened.workload("shop", "v1")
        await until(opened, "pod_health", has(Verdict.HELD))
        yield opened
        await opened.close()


async def test_the_exit_code_decides(lab: Lab) -> None:
    """0 holds, another fails unless it is expected; arguments arrive as they are, because there is no shell."""
    said = await look(lab, "exec", command=["printf", "%s|", "a b", "$HOME; true"])
    assert (said.verdict, said.facts["output"]) == (Verdict.HELD, "a b|$HOME; true|")
    assert str(said.facts["pod"]).startswith("shop-")
    assert (await look(lab, "exec", command=["true"], expect_exit=[1])).verdict is Verdict.FAILED
    # kwok tells another exit code as an error of its own; as a command that could not run it is no answer
    with pytest.raises(InvalidArgument, match=r"could not be run: .*exit status 1"):
        await look(lab, "exec", command=["false"])


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        ({"status": "Success"}, 0),
        (
            {
                "status": "Failure",
                "reason": "NonZeroExitCode",
                "message": "command terminated with non-zero exit code",
                "details": {"causes": [{"reason": "ExitCode", "message": "2"}]},
            },
            2,
        ),
        ({"status": "Failure", "reason": "InternalError", "message": "no such file"}, None),
        ("Success", None),
    ],
)
def test_the_status_of_a_kubelet_is_understood(status: object, wanted: int | None) -> None:
    """As kubelets send it (remotecommand, NonZeroExitCode); what is no exit code is no answer."""
    encoded = json.dumps(status).encode()
    if wanted is None:
        with pytest.raises(InvalidArgument, match="could not be run"):
            exit_code(encoded)
    else:
        assert exit_code(encoded) == wanted


async def test_it_ends_in_time_and_output_is_bounded(lab: Lab) -> None:
    with pytest.raises(Unavailable, match=r"sleep in shop-\S+ did not end within 0\.5 s"):
        await look(lab, "exec", command=["sleep", "5"], timeout="500ms")
    seen = await look(lab, "exec", command=["seq", "1", "100000"])
    assert (seen.verdict, len(str(seen.facts["output"])) <= 400) == (Verdict.HELD, True)


async def test_without_a_pod_nobody_can_be_asked(lab: Lab) -> None:
    await lab.workload("empty", "v1", replicas=0)
    seen = await look(lab, "exec", target={"name": "empty"}, command=["true"])
    assert seen.verdict is Verdict.INCONCLUSIVE
    with pytest.raises(InvalidArgument, match="command"):
        await look(lab, "exec", command=[])


async def test_the_rights_suffice_and_a_missing_one_is_named(lab: Lab) -> None:
    """With both it runs. A WebSocket is a GET, and this API server (1.34) asks for that right; from 1.35 on it
    asks for create too (KEP-4006), so the message names both."""
    rights = documented("exec")
    granted = await account(lab, rights)
    lacking = await account(lab, tuple(r for r in rights if (r[0].resource, r[1]) != ("pods/exec", "get")))
    one: dict[str, Any] = {"target": {"name": "shop"}, "command": ["true"]}

    async def runs() -> bool:
        try:
            return (await look(lab, "exec", clusters=granted, **one)).verdict is Verdict.HELD
        except (NotAllowed, ApiException):
            return False

    async def is_named() -> bool:
        try:
            await look(lab, "exec", clusters=lacking, **one)
        except NotAllowed as refused:
            return "verbs get and create on pods/exec" in refused.message
        except ApiException:
            return False
        return False

    await eventually(runs, 20, "exec with its verbs")
    await eventually(is_named, 20, "exec without get")
    await granted.close()
    await lacking.close()
