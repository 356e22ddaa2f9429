"""`make run`: one real incident on real parts, from a bad rollout to a chased action item."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import secrets
import shutil
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from rich.console import Console
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from devstack.player import Player, links_of, press
from devstack.processes import eventually, free_ports, port_answers
from devstack.product import PEOPLE, Product, stack_env
from devstack.stack import Stack
from mainstay.domain.incident import CONFIRMATIONS
from mainstay.domain.text import plain

WANTED_PORTS = {
    "http": 8080,
    "grpc": 8090,
    "temporal": 7233,
    "ui": 8233,
    "prometheus": 9090,
    "alertmanager": 9093,
}
PHASES = (
    "",
    "declared",
    "investigating",
    "mitigating",
    "monitoring",
    "resolved",
    "closed",
    "cancelled",
    "merged",
)
ITEM_DUE = timedelta(days=14)


@dataclass
class Stage:
    """The demo's moment and what it has cost."""

    console: Console
    began: float = field(default_factory=time.monotonic)
    marks: list[tuple[str, float]] = field(default_factory=list)

    def say(self, text: str) -> None:
        """One line with the seconds since the bad rollout."""
        self.console.print(f"[dim]{time.monotonic() - self.began:7.1f} s[/]  {text}", soft_wrap=True)

    def mark(self, what: str) -> None:
        self.marks.append((what, time.monotonic() - self.began))


def main() -> int:
    """Exit code 0 when the story was played to its end."""
    parser = argparse.ArgumentParser(prog="make run ARGS=…", description=__doc__)
    parser.add_argument("--once", action="store_true", help="end after the story; leaves nothing running")
    parser.add_argument("--yes", action="store_true", help="answer every question with yes")
    parser.add_argument("--context", default="", help="a kubeconfig context in place of the embedded cluster")
    parser.add_argument("--temporal", default="", metavar="ADDRESS", help="an existing Temporal server")
    parser.add_argument("--data-dir", type=Path, default=Path("var"), help="where data and logs go (var)")
    parser.add_argument("--fresh", action="store_true", help="forget what earlier runs left in the data folder")
    chosen = parser.parse_args()
    console = Console(highlight=False)
    if chosen.fresh:
        shutil.rmtree(chosen.data_dir, ignore_errors=True)
    try:
        asyncio.run(_main(chosen, console))
    except KeyboardInterrupt:
        console.print("\nstopped")
    except Exception as fault:
        console.print(f"[red]the demo failed:[/] {plain(str(fault), 4000, newlines=True)}", markup=True)
        console.print(f"logs are in {chosen.data_dir}/")
        if os.environ.get("MAINSTAY_DEBUG"):
            raise
        return 1
    return 0


async def _main(chosen: argparse.Namespace, console: Console) -> None:
    ports = await _ports()
    token = secrets.token_urlsafe(24)
    parts = [
        part
        for part in ("cluster", "shop", "alertmanager", "prometheus", "smtp")
        if not (part == "cluster" and chosen.context)
    ]
    if not chosen.temporal:
        parts.append("temporal")
    console.print("[bold]Mainstay[/] starts its embedded stack (the first time builds it: about a quarter of an hour)")
    async with _stack(chosen, console, parts, ports, token) as (stack, temporal):
        env = stack_env(
            smtp=stack.smtp.address,
            prometheus=stack.prometheus.url,
            kubeconfig=_kubeconfig(chosen, stack),
            context=chosen.context,
        )
        if not chosen.temporal and stack.temporal.ui_url:
            env["MAINSTAY_TEMPORAL_UI_URL"] = stack.temporal.ui_url
        tokens = {name: secrets.token_urlsafe(24) for name in PEOPLE} | {"alertmanager": token}
        product = Product(
            chosen.data_dir / "mainstay",
            temporal=temporal,
            env=env,
            overlay="demo",
            tokens=tokens,
            http_port=ports["http"],
            grpc_port=ports["grpc"],
        )
        async with product:
            _token_file(product)
            await _play(chosen, console, stack, product, temporal)
            if not chosen.once:
                console.print("\nEverything stays up until Ctrl-C.")
                await asyncio.Event().wait()


async def _ports() -> dict[str, int]:
    """The usual ports where they are free, others where they are not."""
    found = {}
    for name, wanted in WANTED_PORTS.items():
        try:
            taken = await port_answers(wanted)
        except OSError:
            taken = False
        found[name] = free_ports(1)[0] if taken else wanted
    return found


@contextlib.asynccontextmanager
async def _stack(
    chosen: argparse.Namespace, console: Console, parts: list[str], ports: dict[str, int], token: str
) -> AsyncIterator[tuple[Stack, str]]:
    stack = Stack(
        chosen.data_dir,
        parts,
        ui=not chosen.temporal,
        webhook_url=f"http://127.0.0.1:{ports['http']}/webhooks/alertmanager",
        webhook_token=token,
        synchronous="1",
        ports={name: ports[name] for name in ("temporal", "ui", "prometheus", "alertmanager")},
        context=chosen.context,
        report=lambda line: console.print(f"  [dim]{line}[/]", markup=True),
    )
    async with stack:
        yield stack, chosen.temporal or stack.temporal.address


def _kubeconfig(chosen: argparse.Namespace, stack: Stack) -> Path:
    if chosen.context:
        return Path(os.environ.get("KUBECONFIG", str(Path.home() / ".kube" / "config")))
    return Path(stack.cluster.kubeconfig)


def _token_file(product: Product) -> None:
    """The commander's token, for the CLI in another terminal."""
    file = product.data_dir / "carol.token"
    file.touch(mode=0o600)
    file.write_text(product.tokens["carol"])


# ---- the story ------------------------------------------------------------------------------------


async def _play(chosen: argparse.Namespace, console: Console, stack: Stack, product: Product, temporal: str) -> None:
    alice, bob = Player(product.grpc, product.tokens["alice"]), Player(product.grpc, product.tokens["bob"])
    people = {name: Player(product.grpc, product.tokens[name]) for name in PEOPLE}
    _urls(console, stack, product, chosen)
    await _tidy(console, people["carol"])
    stack.smtp.clear()
    await stack.shop.reset()
    stage = Stage(console)
    stage.say(f"[bold]a bad version is rolled out[/]: payments/payment-service → {stack.shop.bad_tag}")
    before = {incident.key for incident in await alice.open_incidents()}
    await stack.shop.release(stack.shop.bad_tag)

    incident = await _declared(stage, alice, before)
    ref = incident.number or incident.key
    watching = asyncio.create_task(_watch(stage, alice, incident.key))
    console.print(f"          incident page  {product.url}/incidents/{ref}")
    try:
        await _acknowledgement(chosen, stage, stack, product, people, incident.key)
        await _approval(chosen, stage, people, incident.key)
        await _monitored(stage, alice, incident.key)
        await _resolution(chosen, stage, people, incident.key)
        item = await _learning(chosen, stage, stack, product, people, incident.key)
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
    await _time_lapse(stage, stack, temporal, item)
    _summary(stage, product, stack, ref)
    for player in (alice, bob, *people.values()):
        await player.close()


async def _tidy(console: Console, commander: Player) -> None:
    """Incidents that an interrupted run left open would take the new alert in: cancel them first."""
    left = await commander.open_incidents()
    for incident in left:
        console.print(f"  [dim]cancelling {incident.number or incident.key}, left over by an earlier run[/]")
        with contextlib.suppress(Exception):
            await commander.cancel(incident.key, "left over by an earlier run of the demo")

    async def gone() -> bool:
        return not await commander.open_incidents()

    try:
        await eventually(gone, 30, "the end of earlier incidents")
    except TimeoutError:
        raise RuntimeError('incidents of an earlier run do not end; forget them with ARGS="--fresh"') from None


def _urls(console: Console, stack: Stack, product: Product, chosen: argparse.Namespace) -> None:
    login = f"MAINSTAY_ADDRESS={product.grpc} MAINSTAY_TOKEN_FILE={product.data_dir}/carol.token"
    lines = {
        "status page": f"{product.url}/status",
        "incidents": f"{product.url}/  (log in with the token in {product.data_dir}/carol.token)",
        "Prometheus": stack.prometheus.url,
        "Alertmanager": stack.alertmanager.url,
        "mail": str(stack.smtp.directory),
        "CLI": f"{login} .venv/bin/mainstay incident list",
    }
    if not chosen.temporal and stack.temporal.ui_url:
        lines = {"Temporal": stack.temporal.ui_url, **lines}
    console.print()
    for name, url in lines.items():
        console.print(f"  {name:<14}{url}", markup=False, soft_wrap=True)
    console.print()
    console.print("  Escalation waits of seconds, not minutes: examples/shop/overlays/demo.yaml", markup=False)
    console.print()


async def _declared(stage: Stage, player: Player, before: set[str]) -> Any:
    found: list[Any] = []

    async def opened() -> bool:
        found[:] = [i for i in await player.open_incidents() if i.key not in before and i.number]
        return bool(found)

    await eventually(opened, 120, "an incident from Prometheus' alert")
    stage.mark("declared by Alertmanager's webhook")
    return found[0]


async def _watch(stage: Stage, player: Player, ref: str) -> None:
    """Tell what the incident's journal says, as it says it."""
    seen = 0
    while True:
        with contextlib.suppress(Exception):
            view = await player.incident(ref)
            for entry in view.timeline:
                if entry.seq > seen:
                    stage.say(plain(entry.summary, 200).replace("[", r"\["))
                    seen = max(seen, entry.seq)
        await asyncio.sleep(0.5)


async def _mail(stack: Stack, check: Callable[[EmailMessage], bool], what: str, seconds: float = 90) -> EmailMessage:
    try:
        return await stack.smtp.wait_for(check, seconds)
    except TimeoutError:
        raise TimeoutError(f"no mail came: {what}") from None


def _is(mail: EmailMessage, to: str, link: str) -> bool:
    return to in str(mail["To"]) and link in links_of(mail)


async def _acknowledgement(
    chosen: argparse.Namespace,
    stage: Stage,
    stack: Stack,
    product: Product,
    people: dict[str, Player],
    ref: str,
) -> None:
    """The primary stays silent, the secondary is paged and acknowledges by the link in the mail."""
    view = await people["alice"].incident(ref)
    first = (await _mail(stack, lambda m: "acknowledge" in links_of(m), "the first page"))["To"]
    stage.mark("first page handed over")
    stage.say(f"[bold]{first} is paged by e-mail[/] and stays silent")
    second = await _mail(
        stack, lambda m: "acknowledge" in links_of(m) and str(m["To"]) != str(first), "the second page"
    )
    stage.mark("escalated to the secondary")
    stage.say(f"[bold]{second['To']} is paged[/]")
    link = links_of(second)["acknowledge"]
    if await _person(
        chosen, stage, f"Acknowledge as {second['To']}?", link, lambda: _acknowledged(people["alice"], ref)
    ):
        await asyncio.to_thread(press, link)
    await eventually(lambda: _acknowledged(people["alice"], ref), 60, "the acknowledgement")
    stage.mark("acknowledged")
    del view, product


async def _acknowledged(player: Player, ref: str) -> bool:
    return bool((await player.incident(ref)).acknowledged_by)


async def _person(
    chosen: argparse.Namespace, stage: Stage, question: str, how: str, done: Callable[[], Awaitable[bool]]
) -> bool:
    """Ask at the prompt; False when somebody did it through another door meanwhile."""
    if chosen.yes:
        stage.say(f"{question} [bold]yes[/] (--yes)")
        return True
    stage.say(f"[bold yellow]{question}[/] press Enter, or: {how}")
    typed = asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline) if sys.stdin.isatty() else None
    while not await done():
        if typed is not None and typed.done():
            return True
        await asyncio.sleep(0.3)
    return False


async def _approval(chosen: argparse.Namespace, stage: Stage, people: dict[str, Player], ref: str) -> None:
    """The planned rollback is shown as a diff; its approval is asked for."""
    runs: list[Any] = []

    async def asked() -> bool:
        view = await people["alice"].incident(ref)
        runs[:] = [
            run
            for run in [await people["alice"].run(r.workflow_id) for r in view.runs if not r.ended]
            if run.approval.digest
        ]
        return bool(runs)

    await eventually(asked, 90, "a request for approval")
    stage.mark("rollback planned, approval asked")
    run = runs[0]
    stage.say(f"[bold]approval is needed[/] (risk medium): {plain(run.change.title, 200)}")
    stage.console.print(run.change.diff, markup=False, highlight=False, style="cyan")
    stage.console.print(f"          {run.change.command}", markup=False, soft_wrap=True)
    approver = next((name for name in run.approval.eligible if name in people), "alice")

    async def decided() -> bool:
        return not (await people["alice"].run(run.workflow_id)).approval.digest

    how = f"mainstay incident approve {ref}, the link in the mail, or update `approve` in Temporal's web UI"
    if await _person(chosen, stage, f"Approve as {approver}?", how, decided):
        await people[approver].approve(run.workflow_id, run.approval.digest, "demo")
    await eventually(decided, 3600, "the decision")
    stage.mark("approved")


async def _monitored(stage: Stage, player: Player, ref: str) -> None:
    async def holding() -> bool:
        return PHASES[(await player.incident(ref)).phase] in ("monitoring", "resolved")

    await eventually(holding, 180, "the verified rollback")
    stage.mark("rolled back and verified")


async def _resolution(chosen: argparse.Namespace, stage: Stage, people: dict[str, Player], ref: str) -> None:
    """The hold passes, the alert resolves, the commander confirms point by point."""

    async def ready() -> bool:
        view = await people["alice"].incident(ref)
        return not view.firing and "confirm" in view.waits_for

    await eventually(ready, 180, "the end of the monitoring hold")
    stage.mark("monitoring hold passed")
    for point, text in CONFIRMATIONS.items():
        stage.say(f"confirmed: {text} [dim]({point})[/]")

    async def resolved() -> bool:
        return PHASES[(await people["alice"].incident(ref)).phase] == "resolved"

    how = f"mainstay incident resolve {ref} --confirm all"
    if await _person(chosen, stage, "Resolve the incident?", how, resolved):
        await people["carol"].resolve(ref, list(CONFIRMATIONS))
    await eventually(resolved, 60, "the resolution")
    stage.mark("resolved")


async def _learning(
    chosen: argparse.Namespace,
    stage: Stage,
    stack: Stack,
    product: Product,
    people: dict[str, Player],
    ref: str,
) -> str:
    """Postmortem draft, invitation, closing with an action item. Returns the item's id."""
    del chosen
    folder = product.data_dir / "postmortems"

    async def drafted() -> bool:
        return any(folder.glob("*.md")) if folder.exists() else False

    await eventually(drafted, 60, "the postmortem draft")
    draft = max(folder.glob("*.md"), key=lambda file: file.stat().st_mtime)
    stage.say(f"[bold]the postmortem is drafted[/]: {draft}")
    invitation = await _mail(
        stack, lambda m: any(p.get_content_type() == "text/calendar" for p in m.walk()), "the invitation"
    )
    stage.say(f"[bold]an invitation went to {invitation['To']}[/]: {plain(str(invitation['Subject']), 120)}")
    stage.mark("postmortem drafted, invitation sent")
    due = datetime.now(UTC) + ITEM_DUE
    await people["carol"].close_incident(ref, "Block images without a passed canary", "bob", due)

    found: list[Any] = []

    async def made() -> bool:
        found[:] = await people["carol"].items_of(ref)
        return bool(found)

    await eventually(made, 60, "the action item")
    stage.mark("closed with an action item")
    stage.say(f"[bold]closed[/]; action item {found[0].id} for bob, due {due:%Y-%m-%d}")
    return str(found[0].id)


async def _time_lapse(stage: Stage, stack: Stack, temporal: str, item: str) -> None:
    """Weeks of the action item in seconds: reminder, overdue chase, escalation to the manager."""
    client = await Client.connect(temporal, data_converter=pydantic_data_converter)
    clock = TimeSkipper(client, config=TimeSkippingConfig(enabled=False))
    handle = client.get_workflow_handle(f"action-item/{item}")
    stage.say("[bold]time-lapse[/]: the action item's next weeks on virtual time")
    for days, text in ((13, "reminder"), (3, "overdue"), (8, "escalated")):
        try:
            await clock.fast_forward(handle, timedelta(days=days))
        except RPCError as fault:
            stage.say(f"this Temporal cannot skip time ({plain(fault.message, 100)}): no time-lapse")
            return
        mail = await _mail(stack, lambda m, t=text: _about_item(m, item, t), f"the action item's {text}")  # type: ignore[misc]
        stage.say(f"{days:>3} days on: {text} → {mail['To']}: {plain(str(mail['Subject']), 120)}")
    stage.mark("a month of chasing played")


def _about_item(mail: EmailMessage, item: str, event: str) -> bool:
    words = {"reminder": "due", "overdue": "overdue", "escalated": "manager"}
    body = mail.get_body(("plain",))
    text = f"{mail['Subject']} {body.get_content() if body else ''}".casefold()
    return item.casefold() in text and words[event] in text


def _summary(stage: Stage, product: Product, stack: Stack, ref: str) -> None:
    console = stage.console
    console.print(f"\n[bold]{ref}: from bad rollout to chased action item[/]")
    last = 0.0
    for what, at in stage.marks:
        console.print(f"  {at:7.1f} s  (+{at - last:5.1f})  {what}", markup=False)
        last = at
    console.print(f"\n  status page    {product.url}/status", markup=False)
    console.print(f"  incident page  {product.url}/incidents/{ref}", markup=False)
    if "temporal" in stack.parts and stack.temporal.ui_url:
        console.print(f"  Temporal       {stack.temporal.ui_url}/namespaces/default/workflows", markup=False)


if __name__ == "__main__":
    sys.exit(main())
