"""The desk: everything that the doors have in common. A door translates; the desk does.

Everything raises refusals of ``mainstay.domain.errors`` and nothing else that is expected.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

from pydantic import JsonValue
from temporalio.client import Client

from mainstay.config import Config
from mainstay.desk.address import Address, AddressBook
from mainstay.desk.answers import (
    Delivered,
    HaltState,
    IncidentFilter,
    IncidentPage,
    OnCallAnswer,
    PartState,
    PlanLine,
    RunbookInfo,
    RunStarted,
    ShiftsAnswer,
    Status,
    Timeline,
    WatchEvent,
)
from mainstay.desk.channel_tests import ChannelTests
from mainstay.desk.declare import Declarations
from mainstay.desk.deliver import Deliveries
from mainstay.desk.feeds import Feeds
from mainstay.desk.follow import History
from mainstay.desk.halt import Halts
from mainstay.desk.handoffs import Handoffs
from mainstay.desk.incidents import Incidents
from mainstay.desk.items import Items
from mainstay.desk.notified import Notified, check_target
from mainstay.desk.on_call import OnCall
from mainstay.desk.on_call_health import OnCallHealth
from mainstay.desk.pinning import Pins
from mainstay.desk.plan import plan
from mainstay.desk.runs import Runs
from mainstay.desk.status import Health
from mainstay.desk.swaps import Swaps
from mainstay.desk.update import Updates
from mainstay.desk.watch import HEARTBEAT, Watches
from mainstay.domain import names
from mainstay.domain.access import Actor, Command
from mainstay.domain.alert import Alert
from mainstay.domain.errors import Refusal
from mainstay.domain.incident import Declaration, IncidentView, Merge, Outcome, PagePeople, StartRunbook
from mainstay.domain.oncall.schedule import Override
from mainstay.domain.runbook.run import RunView
from mainstay.domain.signature import Signer
from mainstay.domain.work import ItemRow
from mainstay.records import Store
from mainstay.records.rows import DeliveryReported, DeliveryRow

UPDATE_TIMEOUT = timedelta(seconds=10)
READ_TIMEOUT = timedelta(seconds=5)


def utc_now() -> datetime:
    return datetime.now(UTC)


class Desk:
    """Alerts, declarations, updates and reads of incidents, runs, schedules and action items.

    ``caller`` is always an actor that ``desk.auth`` (or a signed link) has proven. ``request_id`` is a UUID
    chosen once per intent: the same id again changes nothing and gets the first answer.
    """

    def __init__(
        self,
        client: Client,
        config: Config,
        store: Store,
        signer: Signer,
        *,
        clock: Callable[[], datetime] = utc_now,
        heartbeat: timedelta = HEARTBEAT,
    ) -> None:
        self.signer = signer
        self._config = config
        self._pins = Pins(config, store, signer)
        self._book = AddressBook(client, store)
        self._deliveries = Deliveries(client, config, self._pins, clock)
        self._declarations = Declarations(client, self._pins, clock)
        self._updates = Updates(client, self._book, signer, clock)
        self._incidents = Incidents(client, store, self._book)
        self._notified = Notified(client, store, self._book)
        self._runs = Runs(client, config, self._pins)
        self._items = Items(client, store, self._book, signer, clock)
        self._on_call = OnCall(config, store, self._pins, clock)
        self.swaps = Swaps(config, store, self._pins, clock)
        """Overrides, swaps and temporary schedules."""
        self.on_call_health = OnCallHealth(config, store, self._pins)
        """Health of people and rotations."""
        self.handoffs = Handoffs(config, store, self._pins, clock)
        """What the next person must know."""
        self.feeds = Feeds(config, store, self._pins, clock)
        """Calendar feeds."""
        self.channel_tests = ChannelTests(client, config)
        """Test messages."""
        self._halts = Halts(client)
        self._health = Health(client, config, store, self._halts)
        self._watches = Watches(self._watched_view, History(client, self._book).changes, clock, heartbeat)

    async def close(self) -> None:
        """End every watch (their viewers get Unavailable) and wait for deliveries in flight."""
        await self._watches.close()
        await self._deliveries.close()

    # ---- alerts and declarations

    async def deliver(self, alerts: tuple[Alert, ...], via: str) -> tuple[Delivered, ...]:
        """Route, group and hand over; returns once Temporal has them. Raises Unavailable."""
        return await self._deliveries.deliver(alerts, via)

    @property
    def dropped_alerts(self) -> int:
        """How many alerts a route with ``mode: drop`` wanted ignored, for the metric."""
        return self._deliveries.dropped

    async def declare(self, declaration: Declaration, caller: Actor) -> Address:
        """Open an incident; its ``request_id`` finds it again, also after it closed.

        Raises InvalidArgument, NotFound (service), AlreadyDone (same id, other content), Unavailable.
        """
        return self._book.remember(await self._declarations.declare(declaration, caller))

    # ---- incidents

    async def find(self, ref: str) -> Address:
        """Number, key or workflow id → address. Raises NotFound, InvalidArgument, Unavailable."""
        return await self._book.find(ref)

    async def of_room(self, room: str) -> str:
        """Key of the open incident that is talked about in this chat room; empty: none. Raises Unavailable."""
        return await self._book.of_room(room)

    async def update(
        self,
        ref: str,
        name: str,
        command: Command,
        caller: Actor,
        request_id: str,
        timeout: timedelta = UPDATE_TIMEOUT,
    ) -> Outcome:
        """Send an update of ``mainstay.domain.names``, its actor signed. Raises every refusal."""
        if isinstance(command, PagePeople):
            check_target(self._config, command.target)
        address = await self.find(ref)
        if isinstance(command, Merge) and command.into:
            into = await self.find(command.into)
            command = command.model_copy(update={"into": into.workflow_id})
        return await self._updates.send(address, name, command, caller, request_id, timeout)

    async def view(self, ref: str, timeout: timedelta = READ_TIMEOUT) -> IncidentView:
        """The whole state. Of an incident past Temporal's retention, what the record store has."""
        return await self._incidents.view(await self.find(ref), timeout)

    async def incidents(self, wanted: IncidentFilter) -> IncidentPage:
        """A page of incidents, newest first."""
        return await self._incidents.page(wanted)

    async def timeline(self, ref: str) -> Timeline:
        """Every entry of the journal, oldest first."""
        return await self._incidents.timeline(await self.find(ref))

    async def deliveries(self, ref: str) -> tuple[DeliveryRow, ...]:
        """What became of each notification, oldest first. Raises NotFound, Unavailable."""
        return await self._notified.list(await self.find(ref))

    async def delivery_reported(self, report: DeliveryReported) -> bool:
        """A provider's callback about one notification: False when it is not known here.

        For the inbound hooks of every channel. A dead one makes the person's next method follow at once.
        Raises Unavailable, and the provider tries again.
        """
        return await self._notified.report(report)

    async def watch(self, ref: str, after_revision: int = 0) -> AsyncIterator[WatchEvent]:
        """The state, then each change, with heartbeats between; ends when the incident does."""
        async for event in self._watches.watch(await self.find(ref), after_revision):
            yield event

    @property
    def watched(self) -> int:
        """How many incidents are followed now, for the metric."""
        return self._watches.pollers

    # ---- runbooks and their runs

    def runbooks(self) -> tuple[RunbookInfo, ...]:
        """Every runbook that can be started."""
        return self._runs.runbooks()

    async def plan(self, runbook: str, service: str, inputs: dict[str, JsonValue]) -> tuple[PlanLine, ...]:
        """What a run would do, without doing any of it. Raises NotFound, InvalidArgument."""
        text = self._runs.text(runbook)
        return plan(text, runbook, self._pins.pin(service) if service else None, inputs)

    async def run_runbook(
        self,
        runbook: str,
        inputs: dict[str, JsonValue],
        caller: Actor,
        request_id: str,
        *,
        incident: str = "",
        service: str = "",
    ) -> RunStarted:
        """Start a run of an incident, or (``incident`` empty) of its own."""
        if not incident:
            return await self._runs.start(runbook, service, inputs, caller, request_id)
        command = StartRunbook(runbook=runbook, inputs=inputs)
        outcome = await self.update(incident, names.START_RUNBOOK, command, caller, request_id)
        try:
            runs = (await self.view(incident)).runs
        except Refusal:
            runs = ()  # it is started all the same; only its name is not known here yet
        named = [run.workflow_id for run in runs if run.runbook == runbook]
        return RunStarted(run=named[-1] if named else "", message=outcome.message, changed=outcome.changed)

    async def run_view(self, run: str, timeout: timedelta = READ_TIMEOUT) -> RunView:
        """``run`` is the run's workflow id."""
        return await self._runs.view(run, timeout)

    async def run_update(
        self,
        run: str,
        name: str,
        command: Command,
        caller: Actor,
        request_id: str,
        timeout: timedelta = UPDATE_TIMEOUT,
    ) -> Outcome:
        """approve, reject, withdraw, answer, pause, resume, skip, retry, abort, take_over."""
        address = await self._runs.find(run)
        return await self._updates.send(address, name, command, caller, request_id, timeout)

    # ---- on call and action items

    async def on_call(self, schedule: str = "", at: datetime | None = None) -> OnCallAnswer:
        """Who is on call for ``schedule`` (empty: for each) at ``at`` (None: now)."""
        return await self._on_call.now(schedule, at)

    async def shifts(self, schedule: str, start: datetime, end: datetime) -> ShiftsAnswer:
        """Shifts that tile ``start`` to ``end``, gaps included."""
        return await self._on_call.shifts(schedule, start, end)

    async def add_override(self, schedule: str, override: Override, caller: Actor, request_id: str) -> str:
        """One person takes over for a while; returns one line for people."""
        return await self._on_call.add(schedule, override, caller, request_id)

    async def items(self, owner: str = "", incident: str = "", open_only: bool = False) -> tuple[ItemRow, ...]:
        """Action items, what is due first comes first."""
        return await self._items.list(owner, incident, open_only)

    async def item_update(
        self,
        item: str,
        name: str,
        command: Command,
        caller: Actor,
        request_id: str,
        timeout: timedelta = UPDATE_TIMEOUT,
    ) -> Outcome:
        """``start``, ``done``, ``defer`` of one action item, by its id."""
        return await self._items.update(item, name, command, caller, request_id, timeout)

    # ---- the product itself

    async def halt(self, reason: str, caller: Actor, request_id: str, *, allow_undo: bool = True) -> Outcome:
        """Stop every change to every cluster; paging and telling go on."""
        return await self._halts.halt(reason, caller, request_id, allow_undo=allow_undo)

    async def clear_halt(self, reason: str, caller: Actor, request_id: str) -> Outcome:
        """Let changes go on."""
        return await self._halts.clear(reason, caller, request_id)

    async def halted(self) -> HaltState:
        """Raises Unavailable: not knowing is not "no"."""
        return await self._halts.state()

    async def status(self) -> Status:
        """Which parts answer; never raises."""
        return await self._health.status()

    async def temporal(self) -> PartState:
        """Does Temporal answer? Without it no door can serve."""
        return await self._health.temporal()

    async def _watched_view(self, address: Address) -> IncidentView:
        return await self._incidents.view(address, READ_TIMEOUT)
