"""``mainstay incident watch``: a live board on a terminal, lines elsewhere; it outlives restarts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from mainstay.cli import output, session
from mainstay.cli.arguments import Incident
from mainstay.cli.exits import Exit

if TYPE_CHECKING:
    import grpc

    from mainstay.gen.mainstay.v1 import common_pb2, incident_pb2, incident_service_pb2

Until = Literal["mitigating", "monitoring", "resolved", "closed"]
_ORDER = (
    "declared",
    "investigating",
    "mitigating",
    "monitoring",
    "resolved",
    "closed",
    "cancelled",
    "merged",
)
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 10.0
KEPT = 200
"""Entries that are kept for the board."""


class Watched:
    """What is known of the incident: fed by events, read by whoever shows it."""

    def __init__(self) -> None:
        self.incident: incident_pb2.Incident | None = None
        self.entries: list[common_pb2.TimelineEntry] = []
        self.revision = 0
        self.lost = ""
        self.ended = ""
        self.redraw: Callable[[], None] = lambda: None
        """For whoever shows it: the connection is lost, and no event will say so."""
        self._seen: set[tuple[str, int]] = set()

    def take(self, event: incident_service_pb2.WatchIncidentResponse) -> list[common_pb2.TimelineEntry]:
        """The entries that are new. After a reconnection a server may send some again."""
        match event.WhichOneof("event"):
            case "snapshot":
                self.incident = event.snapshot
                self.revision = event.snapshot.revision
                return self._new(event.snapshot.timeline)
            case "delta":
                self.incident = event.delta.incident
                self.revision = event.delta.revision
                return self._new(event.delta.entries)
            case "end":
                self.ended = event.end.reason or "the incident has ended"
            case _:
                pass
        return []

    def _new(self, entries: object) -> list[common_pb2.TimelineEntry]:
        found = [each for each in entries if (each.source, each.seq) not in self._seen]  # type: ignore[attr-defined]
        self._seen.update((each.source, each.seq) for each in found)
        self.entries = [*self.entries, *found][-KEPT:]
        return found


def watch(
    incident: Incident,
    /,
    *,
    until: Annotated[Until | None, Parameter(help="End with success once it has come so far.")] = None,
) -> int:
    """Follow an incident live. With --json each event is a document on a line of its own."""
    watched = Watched()
    show, live = _shower(watched)
    with live:
        for event in events(incident, watched):
            show(event, watched.take(event))
            if until and watched.incident and _reached(watched.incident, until):
                return Exit.OK
    return Exit.OK


def _reached(incident: incident_pb2.Incident, until: Until) -> bool:
    from mainstay.cli.views.incident import phase_of

    return _ORDER.index(phase_of(incident)) >= _ORDER.index(until)


def events(reference: str, watched: Watched) -> Iterator[incident_service_pb2.WatchIncidentResponse]:
    """All events until the incident's end, over as many connections as it takes.

    Raises Problem for what no further connection mends, and when there is no answer at the very beginning.
    """
    import grpc

    from mainstay.cli import calls
    from mainstay.cli.refused import problem_of

    wait = _FIRST_WAIT
    while not watched.ended:
        request = calls.incident_pb.WatchIncidentRequest(incident=reference, after_revision=watched.revision)
        try:
            with calls.stream(calls.incidents().WatchIncident, request) as received:
                for event in received:
                    wait, watched.lost = _FIRST_WAIT, ""
                    yield event
                    if event.WhichOneof("event") == "end":
                        return
            why = "the server ended the stream"
        except grpc.RpcError as error:
            if not _passing(error) or not watched.revision:
                raise problem_of(error, session.current()) from None
            why = "no answer"
        watched.lost = why
        watched.redraw()
        output.verbose(f"{why}; watching again in {wait:g}s from revision {watched.revision}")
        time.sleep(wait)
        wait = min(wait * 2, _LONGEST_WAIT)


def _passing(error: grpc.RpcError) -> bool:
    import grpc

    from mainstay.cli.refused import code_of

    return code_of(error) in (
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.INTERNAL,
    )


Show = Callable[["incident_service_pb2.WatchIncidentResponse", "list[common_pb2.TimelineEntry]"], None]


def _shower(watched: Watched) -> tuple[Show, AbstractContextManager[object]]:
    if session.current().json:
        return _as_json, nullcontext()
    if not output.to_person():
        return _as_lines, nullcontext()
    return _live(watched)


def _as_json(event: incident_service_pb2.WatchIncidentResponse, _: object) -> None:
    from mainstay.cli import values

    kind = event.WhichOneof("event") or ""
    output.emit_line({"event": kind, kind: values.of(getattr(event, kind))} if kind else {"event": ""})


def _as_lines(event: incident_service_pb2.WatchIncidentResponse, entries: list[common_pb2.TimelineEntry]) -> None:
    from mainstay.cli.views.incident import entry_line

    for entry in entries:
        output.say_now(entry_line(entry))
    if event.WhichOneof("event") == "end":
        output.say_now(event.end.reason)


def _live(watched: Watched) -> tuple[Show, AbstractContextManager[object]]:
    """A board that is drawn anew every second, since it tells how far away things are."""
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    from mainstay.cli.views.incident import board

    def drawn() -> Group:
        if watched.incident is None:
            return Group(Text("connecting …", "dim"))
        parts = [board(watched.incident, watched.entries, session.now())]
        if watched.lost:
            parts.append(Group(Text(f"\n{watched.lost}: connecting again …", "bold yellow")))
        if watched.ended:
            parts.append(Group(Text("\nThe incident has ended.", "bold")))
        return Group(*parts)

    live = Live(get_renderable=drawn, console=output.console(), refresh_per_second=1, vertical_overflow="ellipsis")

    def show(_: object, __: object) -> None:
        live.refresh()

    watched.redraw = live.refresh
    return show, live
