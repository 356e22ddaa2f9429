"""Who was paged for which incident."""

from __future__ import annotations

from mainstay.domain.incident import Phase
from mainstay.domain.work import AppendRequest, IncidentRow
from mainstay.records import Store
from mainstay.records.rows import DeliveryRow
from tests.records.samples import MINUTE, NOW


async def test_pages_are_counted_once_per_person_and_incident(store: Store) -> None:
    """Two methods are one page, at the first; what failed, an exercise and another month are none."""
    for key, phase, exercise in (
        ("real", Phase.RESOLVED, False),
        ("false", Phase.CANCELLED, False),
        ("drill", Phase.RESOLVED, True),
    ):
        row = IncidentRow(
            key=key,
            workflow_id=key,
            phase=phase.value,
            declared_at=NOW,
            acknowledged_at=NOW + 3 * MINUTE,
            exercise=exercise,
        )
        await store.append(AppendRequest(row=row))
    for number, (key, person, minutes, state) in enumerate(
        (
            ("real", "alice", 1, "accepted"),
            ("real", "alice", 6, "delivered"),
            ("real", "bob", 5, "dead"),
            ("false", "bob", 2, "accepted"),
            ("drill", "bob", 2, "accepted"),
            ("real", "carol", 60, "accepted"),
        )
    ):
        await store.save_delivery(
            DeliveryRow.model_validate(
                {"id": str(number), "incident_key": key, "person": person, "state": state, "at": NOW + minutes * MINUTE}
            )
        )
    found = await store.page_facts(NOW, NOW + 30 * MINUTE)
    assert [(one.person, one.incident_key, one.at, one.false_alarm) for one in found] == [
        ("alice", "real", NOW + MINUTE, False),
        ("bob", "false", NOW + 2 * MINUTE, True),
    ]
    assert found[0].acknowledged_at == NOW + 3 * MINUTE
