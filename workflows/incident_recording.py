"""The incident's memory outside of Temporal, and what Temporal's web UI shows. Nothing else waits for it."""

from __future__ import annotations

from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributeUpdate
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from mainstay.domain import incident_view
    from mainstay.domain.lifecycle import MAX_LINKED
    from mainstay.domain.names import BOOLS, KEYWORDS
    from mainstay.domain.timeline import Linked, Numbered
    from mainstay.domain.work import AppendRequest, HandledBefore, IncidentRow, NumberRequest

from workflows import calls, options
from workflows.incident_core import IncidentCore

BATCH = 50
MAX_ATTRIBUTE = 200
"""Characters; a Keyword of SQL visibility holds 255."""
KEYS = {name: SearchAttributeKey.for_keyword(name) for name in KEYWORDS}
NEEDS_APPROVAL = SearchAttributeKey.for_bool(BOOLS[0])


class Recording(IncidentCore):
    """Number, journal and row in the record store; search attributes and details in Temporal."""

    _recorded: IncidentRow | None = None
    _shown: dict[str, str | bool]

    async def _record(self) -> None:
        """Flush for as long as it takes: a dead store delays records, never a page."""
        pause = options.RECORD_AGAIN_FIRST
        while not self._stopping:
            if not self._unrecorded():
                await self._until(self._unrecorded)
                continue
            try:
                await self._record_once()
                pause = options.RECORD_AGAIN_FIRST
            except ActivityError as error:
                _, message = calls.why(error)
                workflow.logger.warning("record store: %s", message)
                await self._until(lambda: False, workflow.now() + pause, "Try the record store again")
                pause = min(pause * 2, options.RECORD_AGAIN_MOST)

    def _unrecorded(self) -> bool:
        return bool(self._state.tail) or not self._state.number or self._row() != self._recorded

    def _row(self) -> IncidentRow:
        return incident_view.row(self._state, self._pinned, self._id)

    async def _record_once(self) -> None:
        if not self._state.number:
            declared = self._state.declared_at or workflow.now()
            drawn = await self._abandonable(calls.draw_number(NumberRequest(key=self._state.key, at=declared)))
            if drawn is None:
                return
            self._set(number=drawn.number)
            self._log(Numbered(at=workflow.now(), number=drawn.number))
        if not self._state.checked_earlier:
            await self._check_earlier()
        row, entries = self._row(), self._state.tail[:BATCH]
        done = await self._abandonable(calls.append_journal(AppendRequest(row=row, entries=entries)))
        if done is None:
            return
        last = entries[-1].seq if entries else self._state.flushed_seq
        self._recorded = row
        self._set(
            tail=tuple(entry for entry in self._state.tail if entry.seq > last),
            flushed_seq=max(self._state.flushed_seq, last),
        )

    async def _check_earlier(self) -> None:
        """An occurrence that a closed incident had already is linked to it: "still firing"."""
        occurrences = self._state.seen
        if occurrences:
            earlier = await self._abandonable(
                calls.handled_before(HandledBefore(workflow_id=self._id, key=self._state.key, occurrences=occurrences))
            )
            if earlier is None:
                return
            if earlier.key:
                other = earlier.number or earlier.key
                self._log(Linked(at=workflow.now(), relation="still firing after", other=other))
                linked = tuple(dict.fromkeys((*self._state.linked, other)))[-MAX_LINKED:]
                self._set(linked=linked, how="still_firing")
        self._set(checked_earlier=True)

    # ---- Temporal's own pages ---------------------------------------------------------------

    async def _show(self) -> None:
        """Keep search attributes and current details equal to the state."""
        while not self._stopping:
            wanted = self._attributes()
            changed = {name: value for name, value in wanted.items() if self._shown.get(name) != value}
            if changed:
                workflow.upsert_search_attributes([_update(name, value) for name, value in changed.items()])
                self._shown = {**self._shown, **wanted}
            self._refresh_details()
            shown = self._state
            await self._until(lambda: self._state is not shown)  # noqa: B023 - awaited at once

    def _attributes(self) -> dict[str, str | bool]:
        state = self._state
        approval = any("approval" in run.status for run in state.runs if not run.ended)
        commander = state.roles.get("commander", "")
        texts = {
            "IncidentId": state.number,
            "IncidentKey": state.key,
            "Title": state.title[:MAX_ATTRIBUTE],
            "Severity": state.severity,
            "Service": self._pinned.service.name,
            "Team": self._pinned.team.name,
            "Phase": state.phase.value,
            "Commander": commander[:MAX_ATTRIBUTE],
        }
        known = {name: text for name, text in texts.items() if text or self._shown.get(name)}
        return {**known, BOOLS[0]: approval}

    def _refresh_details(self) -> None:
        """Recomputed from the state after every step; it costs no history event."""
        view = incident_view.view(self._state, self._pinned, self._id, workflow.now())
        workflow.set_current_details(incident_view.details(view, self._pinned))


def _update(name: str, value: str | bool) -> SearchAttributeUpdate[Any]:
    if isinstance(value, bool):
        return NEEDS_APPROVAL.value_set(value)
    return KEYS[name].value_set(value) if value else KEYS[name].value_unset()
