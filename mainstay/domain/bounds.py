"""Keeping the carried state small: continue-as-new takes at most 256 KiB (architecture section 2)."""

from __future__ import annotations

from collections.abc import Iterator

from mainstay.domain.incident import MAX_STATE_BYTES, IncidentState

KEEP_UPDATES = 200
KEEP_RECENT = 40
KEEP_SEEN = 100


def size(state: IncidentState) -> int:
    """Bytes of the state as it is carried."""
    return len(state.model_dump_json().encode())


def bounded(state: IncidentState, run_id: str, limit: int = MAX_STATE_BYTES) -> IncidentState:
    """The state as it is carried over: first what is only shown is shortened, then what is only remembered,
    last the journal's tail. What does not fit stays in the history of ``run_id``, and the state says so.

    Raises AssertionError when even the shortest form is too large: a bug, to be fixed before it continues.
    """
    state = state.model_copy(update={"seen_updates": state.seen_updates[-KEEP_UPDATES:]})
    for shorter in _ever_shorter(state, run_id):
        state = shorter
        if size(state) <= limit:
            return state
    raise AssertionError(f"the incident's state has {size(state)} bytes, more than {limit}")


def _ever_shorter(state: IncidentState, run_id: str) -> Iterator[IncidentState]:
    yield state
    while len(state.recent) > KEEP_RECENT:
        state = state.model_copy(update={"recent": state.recent[len(state.recent) // 2 :]})
        yield state
    state = state.model_copy(
        update={"seen": state.seen[-KEEP_SEEN:], "seen_updates": state.seen_updates[-KEEP_RECENT:]}
    )
    yield state
    while state.recent:
        state = state.model_copy(update={"recent": state.recent[len(state.recent) // 2 + 1 :]})
        yield state
    state = state.model_copy(update={"mitigations": tuple(line for line in state.mitigations if not line.removed)})
    yield state
    pointers = state.dropped_from if run_id in state.dropped_from else (*state.dropped_from, run_id)
    while state.tail:
        tail = state.tail[len(state.tail) // 2 + 1 :]
        state = state.model_copy(update={"tail": tail, "dropped_from": pointers[-20:]})
        yield state
