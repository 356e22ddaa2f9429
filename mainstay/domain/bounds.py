"""Keeping the carried state small: continue-as-new takes at most 256 KiB (architecture section 2)."""

from __future__ import annotations

from mainstay.domain.incident import MAX_STATE_BYTES, IncidentState

KEEP_UPDATES = 200
KEEP_RECENT = 40


def bounded(state: IncidentState, run_id: str, limit: int = MAX_STATE_BYTES) -> IncidentState:
    """The state as it is carried over. What does not fit stays in the history of ``run_id``.

    Raises AssertionError when even the shortest form is too large: a bug, to be fixed before it continues.
    """
    state = state.model_copy(update={"seen_updates": state.seen_updates[-KEEP_UPDATES:]})
    while len(state.model_dump_json()) > limit and (state.tail or state.recent):
        pointers = state.dropped_from if run_id in state.dropped_from else (*state.dropped_from, run_id)
        state = state.model_copy(
            update={
                "tail": state.tail[len(state.tail) // 2 + 1 :],
                "recent": state.recent[len(state.recent) // 2 + 1 :],
                "dropped_from": pointers[-20:],
            }
        )
    size = len(state.model_dump_json())
    assert size <= limit, f"the incident's state has {size} bytes, more than {limit}"
    return state
