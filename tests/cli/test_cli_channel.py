"""``mainstay channel test`` on real parts: command, door, desk, Temporal, worker, adapter; only Twilio stands in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.channels.opening import Channels
from activities.paging import Paging
from mainstay.api.server import ApiServer
from mainstay.config import Config
from mainstay.config.channels import ConsoleChannel, TwilioChannel
from mainstay.desk.auth import Authenticator
from mainstay.desk.desk import Desk
from mainstay.domain.names import INCIDENT_QUEUE
from mainstay.domain.people import ContactMethod
from tests.activities.shop import holding
from tests.activities.web_servers import serving
from tests.cli.conftest import Cli
from tests.desk.fixtures import lab
from tests.desk.lab import TOKENS, WORKFLOWS, Lab, make_config
from tests.standins import providers as standins

__all__ = ["lab"]

CAROLS, BOBS = "+4930123456", standins.STOPPED_NUMBER


def configured(folder: Path, twilio: str) -> Config:
    """``sms`` works; ``wrong`` has a wrong token, ``unset`` one that is not set where the worker runs."""
    (folder / "token").write_text(standins.AUTH_TOKEN)
    (folder / "wrong").write_text("not-the-token-at-all-0000000")
    common = {"type": "twilio_sms", "account": standins.ACCOUNT, "sender": "+4930999999", "url": twilio}
    channels = {
        name: TwilioChannel.model_validate({**common, "auth_token": f"file:{folder}/{file}"})
        for name, file in (("sms", "token"), ("wrong", "wrong"), ("unset", "nothing"))
    }
    config = make_config(channels={**channels, "screen": ConsoleChannel(type="console")})
    people = dict(config.people)
    for handle, address in (("carol", CAROLS), ("bob", BOBS)):
        contacts = tuple(ContactMethod(name=f"on-{name}", channel=name, address=address) for name in channels)
        people[handle] = people[handle].model_copy(update={"contacts": contacts})
    return config.model_copy(update={"people": people})


@pytest_asyncio.fixture(loop_scope="session")
async def twilio() -> AsyncIterator[tuple[standins.Twilio, str]]:
    standin = standins.Twilio()
    async with serving(standin) as url:
        yield standin, url


@pytest_asyncio.fixture(loop_scope="session")
async def config(
    lab: Lab, twilio: tuple[standins.Twilio, str], tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Config]:
    """A server with this configuration, and nobody who works yet; the caller is carol, an admin."""
    config = configured(tmp_path, twilio[1])
    desk = Desk(lab.client, config, lab.store, lab.signer)
    server = ApiServer(desk, Authenticator(config, "grpc"), "127.0.0.1:0")
    monkeypatch.setenv("MAINSTAY_ADDRESS", f"127.0.0.1:{await server.start()}")
    monkeypatch.setenv("MAINSTAY_TOKEN", TOKENS["carol"])
    async with lab.without_workers():
        yield config
    await server.stop(timedelta(0))
    await desk.close()


@pytest_asyncio.fixture(loop_scope="session")
async def worker(lab: Lab, config: Config) -> AsyncIterator[None]:
    """A worker with the activity that sends pages."""
    async with httpx2.AsyncClient() as client:
        paging = Paging(holding(config), lab.signer, Channels(client), "http://127.0.0.1:8080")
        async with Worker(
            lab.client,
            task_queue=INCIDENT_QUEUE,
            workflows=WORKFLOWS,
            activities=[paging.send],
            workflow_runner=UnsandboxedWorkflowRunner(),
        ):
            yield


@pytest.mark.usefixtures("worker")
async def test_a_test_message_goes_the_way_of_a_page_and_is_sent_once(
    cli: Cli, twilio: tuple[standins.Twilio, str]
) -> None:
    """To the caller where nobody is named; the same request id again sends nothing and answers the same."""
    again = ("channel", "test", "sms", "--json", "--request-id", "5f2b0a1c-8f2e-4f0e-9a57-0f4f5f6b7c8d")
    first, second = await cli(*again), await cli(*again)
    assert (first.code, first.json) == (0, second.json)
    assert {k: first.json[k] for k in ("accepted", "channel_type", "person", "method")} == {
        "accepted": True,
        "channel_type": "twilio_sms",
        "person": "carol",
        "method": "on-sms",
    }
    (sms,) = twilio[0].taken
    assert sms["To"] == CAROLS
    assert "Test of channel sms" in sms["Body"]
    assert CAROLS not in first.out


@pytest.mark.usefixtures("worker")
async def test_what_went_wrong_is_said_with_what_to_do(cli: Cli, twilio: tuple[standins.Twilio, str]) -> None:
    """Twilio's own refusal, a wrong secret, and one that is missing where the workers run: each ends with 7."""
    stopped = await cli("channel", "test", "sms", "--person", "bob")
    assert stopped.code == 7
    said, advice = stopped.out.splitlines()
    assert said.startswith("refused by sms (twilio_sms) for bob: channel sms answered 400 (code 21610): Attempt to")
    assert advice == ("what to do: the person answered STOP: they must send START to your number to get SMS again")
    wrong = (await cli("channel", "test", "wrong", "--json")).json
    assert "answered 401 (code 20003)" in wrong["detail"]
    assert "check auth_token" in wrong["advice"]
    unset = (await cli("channel", "test", "unset", "--json")).json
    assert "cannot be used" in unset["detail"]
    assert "where the workers run" in unset["advice"]
    twilio[0].fault = (503, {})
    away = (await cli("channel", "test", "sms", "--json")).json
    assert (away["accepted"], away["permanent"]) == (False, False)
    assert "status page" in away["advice"]
    for answer in (stopped.out, str(wrong), str(unset), str(away)):
        assert not any(secret in answer for secret in (CAROLS, BOBS, standins.AUTH_TOKEN))


@pytest.mark.usefixtures("worker")
async def test_a_channel_without_recipients_needs_nobody(cli: Cli) -> None:
    result = await cli("channel", "test", "screen")
    assert result.code == 0
    assert result.out.startswith("accepted by screen (console)")


@pytest.mark.parametrize(
    ("who", "arguments", "code", "said"),
    [
        ("alice", ("sms",), 4, "needs the access role admin"),
        ("carol", ("smss",), 3, "did you mean sms?"),
        ("carol", ("sms", "--person", "zoe"), 3, "zoe"),
        ("carol", ("sms", "--person", "alice"), 3, "alice has no contact on channel sms; theirs are on: mail"),
        ("carol", (" ",), 2, "channel is required"),
    ],
)
@pytest.mark.usefixtures("config")
async def test_what_cannot_be_tested_is_refused_by_name(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, who: str, arguments: tuple[str, ...], code: int, said: str
) -> None:
    monkeypatch.setenv("MAINSTAY_TOKEN", TOKENS[who])
    result = await cli("channel", "test", *arguments)
    assert (result.code, said in result.err) == (code, True), result.err


@pytest.mark.usefixtures("config")
async def test_without_a_worker_it_is_said_that_none_answers(cli: Cli) -> None:
    result = await cli("channel", "test", "screen", "--timeout", "2s")
    assert result.code == 6
    assert "worker" in result.err
