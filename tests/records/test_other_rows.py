"""Action items, overrides, deliveries, standing changes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mainstay.domain.oncall.schedule import Override
from mainstay.domain.work import ItemRow, SaveEffect
from mainstay.records import Store
from mainstay.records.rows import DeliveryReported, DeliveryRow, OverrideRow
from tests.records.samples import MINUTE, NOW


async def test_action_items(store: Store) -> None:
    """Saving again overwrites, creation stays the first one, and lists filter and sort by due date."""
    late = ItemRow(
        id="i1", incident_key="k1", incident_number="INC-2026-0001", text="Add a canary", owner="alice",
        due=NOW + 9 * MINUTE, created_at=NOW,
    )  # fmt: skip
    soon = ItemRow(id="i2", text="Write it down", owner="bob", due=NOW + MINUTE)
    for item in (late, soon, late.model_copy(update={"status": "done", "created_at": None, "done_at": NOW})):
        await store.save_item(item)
    done = late.model_copy(update={"status": "done", "done_at": NOW})
    assert await store.items() == (soon, done)
    assert await store.items(owner="alice") == (done,)
    assert await store.items(incident="INC-2026-0001") == await store.items(incident="k1") == (done,)
    assert await store.items(open_only=True) == (soon,)
    assert (await store.item("i1"), await store.item("none")) == (done, None)


async def test_overrides(store: Store) -> None:
    """Those that touch a span are listed; the same request twice is one; a removed one is over."""
    first = OverrideRow(
        id="o1",
        schedule="primary",
        person="bob",
        start=NOW,
        end=NOW + 60 * MINUTE,
        by="alice",
        created_at=NOW,
    )
    gap = first.model_copy(update={"id": "o2", "schedule": "secondary", "person": None, "note": "planned"})
    assert [await store.save_override(one) for one in (first, gap, first)] == [True, True, False]
    changed = first.model_copy(update={"person": "carol"})
    assert not await store.save_override(changed)
    assert await store.overrides() == {
        "primary": (Override(person="bob", start=NOW, end=NOW + 60 * MINUTE),),
        "secondary": (Override(person=None, start=NOW, end=NOW + 60 * MINUTE, note="planned"),),
    }
    assert set(await store.overrides("primary")) == {"primary"}
    assert await store.overrides(since=NOW + 60 * MINUTE) == {}
    assert await store.overrides(until=NOW) == {}
    assert [await store.remove_override("o1", NOW) for _ in range(2)] == [True, False]
    assert await store.override_rows() == (gap,)


@pytest.mark.parametrize(
    ("states", "kept"),
    [
        (("sending", "accepted"), "accepted"),
        (("accepted", "sending"), "accepted"),
        (("accepted", "failed"), "accepted"),
        (("failed", "sending", "accepted", "delivered"), "delivered"),
        (("sending", "dead", "sending"), "dead"),
    ],
)
async def test_deliveries(store: Store, states: tuple[str, ...], kept: str) -> None:
    """A delivery moves on under its idempotency key, and what was accepted is never sent again."""
    for number, state in enumerate(states):
        delivery = DeliveryRow.model_validate(
            {
                "id": "k/1/0/alice/email", "incident_key": "k", "person": "alice", "method": "email",
                "channel": "email", "state": state, "detail": f"step {number}", "at": NOW,
            }
        )  # fmt: skip
        answer = await store.save_delivery(delivery)
    assert answer.state == kept
    assert await store.deliveries("k") == (answer,)
    assert await store.delivery("k/1/0/alice/email") == answer
    assert await store.delivery("unknown") is None


def reported(state: str, **fields: str) -> DeliveryReported:
    return DeliveryReported.model_validate({"state": state, "at": NOW, "channel": "sms", **fields})


async def test_a_provider_says_later_what_became_of_it(store: Store) -> None:
    """Given a delivery that the provider took, when its callback comes by the provider's id, then it is delivered;
    a late "undeliverable", a repeat and the journal's own retry change nothing; an unknown id is not ours."""
    sent = DeliveryRow(
        id="k/1/0/alice/0/sms", incident_key="k", person="alice", channel="sms", state="accepted",
        provider_id="SM1", at=NOW,
    )  # fmt: skip
    await store.save_delivery(sent)
    assert await store.report_delivery(reported("delivered", provider_id="SM2")) is None
    assert await store.report_delivery(reported("delivered", provider_id="SM1", channel="voice")) is None
    for state in ("delivered", "dead", "delivered"):
        answer = await store.report_delivery(reported(state, provider_id="SM1"))
        assert answer == sent.model_copy(update={"state": "delivered"})
    await store.save_delivery(sent)
    assert (await store.deliveries("k"))[0].state == "delivered"


async def test_a_callback_may_overtake_the_journal(store: Store) -> None:
    """Given a bounce that names a key which is not recorded yet, then it is kept under its incident, and the journal
    fills in person and method without making it accepted again."""
    key = "k/1/0/alice/0/sms"
    first = await store.report_delivery(reported("dead", key=key, detail="unknown subscriber"))
    assert first is not None
    assert (first.incident_key, first.state) == ("k", "dead")
    late = DeliveryRow(id=key, incident_key="k", person="alice", method="sms", channel="sms", state="accepted", at=NOW)
    kept = await store.save_delivery(late)
    assert (kept.person, kept.state, kept.detail) == ("alice", "dead", "unknown subscriber")
    assert await store.deliveries("k") == (kept,)


async def test_standing_changes(store: Store) -> None:
    """A change is in the ledger until it is undone; a late retry of its first record brings nothing back."""
    effect = SaveEffect(
        id="e1", incident_key="k", run="runbook/k/x/1", step="scale", target="deployment/search in shop",
        title="Scale to 10", command="kubectl scale …", digest="sha256:1", at=NOW,
    )  # fmt: skip
    other = effect.model_copy(update={"id": "e2", "run": "runbook/k/y/1"})
    for one in (effect, effect, other):
        await store.save_effect(one)
    assert await store.effects() == (effect, other)
    assert await store.effects(runs=["runbook/k/y/1"]) == (other,)
    undone = effect.model_copy(update={"undone": True, "at": NOW + timedelta(hours=1), "title": "Undo"})
    await store.save_effect(undone)
    await store.save_effect(effect)
    assert await store.effects() == (other,)
    assert await store.effects(open_only=False) == (effect.model_copy(update={"undone": True}), other)
