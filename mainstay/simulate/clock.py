"""The story's own time: workflows see the instant that is simulated, to the second, on a server that runs now.

A past or distant moment cannot be had from the server's virtual time alone, which begins at the real one and
only goes forward. So each activation is shown the story's time instead, and workflows stay unchanged: their
time moves on when one of their timers fires, by exactly what the timer was for. What the machine needs for
the work in between does not count, and the same story always gives the same times.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner

LEAST = timedelta(milliseconds=1)
"""A timer of the server is at least this long."""
TIE = timedelta(seconds=2)
"""Timers of one moment fire one after the other, in the order in which they were set, so far apart on the server
that what the first one causes is over before the next: else chance would decide the story."""
WORK = {
    "schedule_activity": "resolve_activity",
    "schedule_local_activity": "resolve_activity",
    "start_child_workflow_execution": "resolve_child_workflow_execution_start",
    "signal_external_workflow_execution": "resolve_signal_external_workflow",
    "request_cancel_external_workflow_execution": "resolve_request_cancel_external_workflow",
}
"""Command → the job that answers it."""
ENDS = ("complete_workflow_execution", "fail_workflow_execution", "cancel_workflow_execution")


class Timer(NamedTuple):
    """``due`` in the story; ``later`` is how much later the server fires it, because others are due then, too."""

    due: datetime
    later: timedelta


class StoryClock:
    """What time it is in one story, over all executions of its workflow, and what it waits for."""

    def __init__(self, begins: datetime) -> None:
        self.begins = begins
        self.now = begins
        self.server_began: datetime | None = None
        self.timers: dict[tuple[str, int], Timer] = {}
        """By run and number."""
        self.working: set[tuple[str, str, int]] = set()
        """What is under way: the story stands still until it is answered."""

    def reach(self, at: datetime) -> None:
        """Whatever happens from here on happens at ``at`` or later."""
        self.now = max(self.now, at)

    def next_timer(self) -> Timer | None:
        """With which the story goes on by itself."""
        return min(self.timers.copy().values(), default=None)

    def idle(self) -> bool:
        """Has everything that could happen now happened?"""
        return self.server_began is not None and not self.working

    def server_time(self, timer: Timer) -> datetime:
        """When the server fires it."""
        return (self.server_began or self.begins) + (timer.due - self.begins) + timer.later

    def behind(self, server: datetime) -> timedelta:
        """By how much the story lags behind the server, which also counts the time that work takes."""
        if self.server_began is None:
            self.server_began = server
        return (server - self.server_began) - (self.now - self.begins)


class StoryRunner(WorkflowRunner):
    """Runs workflows as production does, without the sandbox, in the time of ``clock``."""

    def __init__(self, clock: StoryClock) -> None:
        self._clock = clock
        self._inner = UnsandboxedWorkflowRunner()

    def prepare_workflow(self, defn: Any) -> None:
        self._inner.prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        return _Instance(self._inner.create_instance(det), self._clock, det.info.run_id)


class _Instance(WorkflowInstance):
    """One execution: the time of every activation is replaced on its way in, the length of timers on its way out."""

    def __init__(self, inner: WorkflowInstance, clock: StoryClock, run: str) -> None:
        self._inner = inner
        self._clock = clock
        self._run = run

    def activate(self, act: Any) -> Any:
        clock = self._clock
        server = act.timestamp.ToDatetime(tzinfo=UTC) if act.HasField("timestamp") else None
        answered = [found for job in act.jobs for found in self._taken(job)]
        behind = clock.behind(server) if server else timedelta(0)
        act.timestamp.FromDatetime(clock.now)
        done = self._inner.activate(act)
        for command in done.successful.commands:
            self._given(command, behind)
        clock.working.difference_update(answered)  # last: it is idle only when what follows is known
        return done

    def _taken(self, job: Any) -> list[tuple[str, str, int]]:
        """What a job means for the time, and which work it answers."""
        which = job.WhichOneof("variant")
        if which == "fire_timer":
            fired = self._clock.timers.pop((self._run, job.fire_timer.seq), None)
            self._clock.reach(fired.due if fired else self._clock.now)
        elif which == "initialize_workflow":
            job.initialize_workflow.start_time.FromDatetime(self._clock.now)
            return [("", "continue_as_new", 0)]
        elif which in WORK.values():
            return [(self._run, which, getattr(job, which).seq)]
        return []

    def _given(self, command: Any, behind: timedelta) -> None:
        """Timers end on the story's second: what it lags behind is taken off, or it would add up."""
        clock, which = self._clock, command.WhichOneof("variant")
        if which == "start_timer":
            length = command.start_timer.start_to_fire_timeout.ToTimedelta()
            due = clock.now + length
            later = TIE * sum(other.due == due for other in clock.timers.values())
            clock.timers[self._run, command.start_timer.seq] = Timer(due, later)
            command.start_timer.start_to_fire_timeout.FromTimedelta(max(length - behind, LEAST) + later)
        elif which == "cancel_timer":
            clock.timers.pop((self._run, command.cancel_timer.seq), None)
        elif which in WORK:
            clock.working.add((self._run, WORK[which], getattr(command, which).seq))
        elif which in ENDS or which == "continue_as_new_workflow_execution":
            for key in [key for key in clock.timers if key[0] == self._run]:
                del clock.timers[key]
            clock.working = {key for key in clock.working if key[0] != self._run}
            if which not in ENDS:
                clock.working.add(("", "continue_as_new", 0))

    def get_serialization_context(self, command_info: Any) -> Any:
        return self._inner.get_serialization_context(command_info)

    def get_external_store_context(self, command_info: Any) -> Any:
        return self._inner.get_external_store_context(command_info)

    def get_info(self) -> Any:
        return self._inner.get_info()

    def get_thread_id(self) -> int | None:
        return self._inner.get_thread_id()
