"""Random lives of incidents and runbook runs, by the pure functions alone, against what must always be true."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import JsonValue

from mainstay.domain import escalation, lifecycle
from mainstay.domain import incident as i
from mainstay.domain.access import SYSTEM, AccessRole, Actor, Assurance, Command
from mainstay.domain.alert import Alert, AlertBatch, AlertStatus
from mainstay.domain.errors import Refusal
from mainstay.domain.escalation import EscalationPolicy, Step, Target
from mainstay.domain.incident import IncidentState, Phase
from mainstay.domain.people import Person, Team
from mainstay.domain.pinned import PinnedConfig
from mainstay.domain.profiles import PROFILES
from mainstay.domain.runbook.run import RunReport
from mainstay.domain.service import Service
from mainstay.domain.timeline import Mitigated, MitigationRemoved, Reopened
from tests.runbook import test_step_properties as runs
from tests.soak.figures import recorded, scaled

LIVES = 20_000
EVENTS = 40
"""The longest life."""
RUNS = 6_000
T0 = datetime(2026, 3, 2, 3, tzinfo=UTC)
PEOPLE = ("alice", "bob", "carol")
TEXTS = ("", "  ", "a note", "x" * 9_000, "\u202e<b>*")
ACTORS = (
    Actor(person="alice", roles=(AccessRole.RESPONDER,), assurance=Assurance.TOKEN),
    Actor(person="bob", roles=(AccessRole.RESPONDER,), assurance=Assurance.LINK),
    Actor(person="carol", roles=(AccessRole.COMMANDER,), assurance=Assurance.OIDC),
    Actor(person="alice", assurance=Assurance.UNVERIFIED, door="temporal"),
)


def pinned(profile: str) -> PinnedConfig:
    def to(name: str) -> tuple[Target, ...]:
        return (Target(kind="person", name=name),)

    steps = (Step(targets=to("alice")), Step(targets=to("bob")))
    return PinnedConfig(
        service=Service(name="payments", team="crew"),
        team=Team(name="crew", members=PEOPLE),
        profile=PROFILES[profile],
        policy=EscalationPolicy(name="p", steps=steps, repeat=1, last_resort=to("carol")),
        people={name: Person(handle=name, name=name.title()) for name in PEOPLE},
        runbooks={"undo": "made up"},
    )


PINNED = tuple(pinned(name) for name in sorted(PROFILES))


@dataclass
class Life:
    """One incident, the alerts that fire in the outside world, and the clock."""

    chance: random.Random
    pinned: PinnedConfig
    state: IncidentState
    now: datetime = T0
    firing: set[tuple[str, datetime]] = field(default_factory=set)
    seen: Counter[str] = field(default_factory=Counter)
    reports: int = 0

    def pick(self, *values: Any) -> Any:
        return self.chance.choice(values)

    def step(self) -> None:
        """Something happens; then everything must still be true."""
        self.now += timedelta(seconds=self.chance.choice((0, 1, 20, 120, 900, 7200)))
        usual = (self._alerts, self._alerts, self._person, self._person, self._person, self._tick, self._report)
        happen = self.chance.choice((*usual, self._forward))
        before = self.state
        try:
            happen()
        except Refusal as refusal:
            assert self.state is before
            self.seen[f"refused: {refusal.kind}"] += 1
        check(before, self.state)
        if not self.state.untracked:
            assert lifecycle.still_firing(self.state) == len(self.firing), (self.state.firing, self.firing)
        if self.chance.random() < 0.2:  # the record store has it all
            self.state = self.state.model_copy(update={"tail": (), "flushed_seq": self.state.next_seq - 1})

    def _alerts(self) -> None:
        batch, firing = [], set(self.firing)
        for _ in range(self.chance.randint(1, 4)):
            name, day = f"a{self.chance.randrange(6)}", T0 + timedelta(days=self.chance.randrange(2))
            fires = self.chance.random() < 0.6
            (firing.add if fires else firing.discard)((name, day))
            status = AlertStatus.FIRING if fires else AlertStatus.RESOLVED
            facts = {"error_rate": self.pick("0.01", "0.07", "0.3", "much")}
            batch.append(Alert(status=status, fingerprint=name, labels={"alertname": name, **facts}, starts_at=day))
        delivered = AlertBatch(alerts=tuple(batch))
        self.state = lifecycle.take_alerts(self.state, delivered, self.pinned, self.now, SYSTEM)
        assert lifecycle.take_alerts(self.state, AlertBatch(), self.pinned, self.now, SYSTEM) is self.state
        self.firing = firing
        self.seen["alerts"] += 1

    def _person(self) -> None:
        do, command = self.chance.choice(COMMANDS)(self)
        self.state = do(self.state, command, self.pinned, self.pick(*ACTORS), self.now)
        self.seen[type(command).__name__] += 1

    def _forward(self) -> None:
        """Towards the end, by somebody who may: else few lives would get there."""
        if self.state.phase is Phase.RESOLVED:
            command: Command = i.Close(items=tuple(_items(self)))
            self.state = lifecycle.close(self.state, command, self.pinned, ACTORS[2], self.now)
        else:
            command = i.Resolve(confirmations=tuple(i.CONFIRMATIONS), anyway=self.pick("", "the commander says so"))
            self.state = lifecycle.resolve(self.state, command, self.pinned, ACTORS[2], self.now)
        self.seen[type(command).__name__] += 1

    def _tick(self) -> None:
        """What the workflow does by itself: pages that are due, response targets, sends that failed."""
        state = lifecycle.note_late(self.state, self.pinned, self.now)
        page = escalation.next_page(self.pinned.policy, state.escalation, self.now)
        if page is not None:
            assert not state.escalation.acknowledged_by, "nobody is paged once somebody has it"
            assert not state.phase.ended
            called = {target.name: "paged" for target in page.targets}
            state = state.model_copy(update={"escalation": page.then, "called": {**state.called, **called}})
            if self.chance.random() < 0.3:
                state = lifecycle.undelivered(state, self.pinned, self.now)
            self.seen["page"] += 1
        self.state = state

    def _report(self) -> None:
        """A run of this incident tells what it did, now and then twice or for another incident."""
        number = self.chance.randrange(3)
        ref = i.RunRef(workflow_id=f"run/{number}", runbook="undo")
        if ref.workflow_id not in {run.workflow_id for run in self.state.runs} and self.chance.random() < 0.7:
            self.state = self.state.model_copy(update={"runs": (*self.state.runs, ref)})
        self.reports += 1
        entry: Any = Mitigated(
            at=self.now, mitigation=f"r{self.reports}", text="undone", temporary=self.pick(True, False)
        )
        if self.chance.random() < 0.3:
            entry = MitigationRemoved(at=self.now, mitigation=f"r{self.chance.randint(1, self.reports)}", how="back")
        known = next((run for run in self.state.runs if run.workflow_id == ref.workflow_id), ref)
        report = RunReport(
            incident_key=self.pick("k", "k", "k", "other"),
            workflow_id=ref.workflow_id,
            runbook="undo",
            entries=(entry,),
            first_seq=known.last_seq + 1,
            ended=self.pick(True, False),
            outcome=self.pick("mitigated", "escalated", "failed"),
        )
        self.state = lifecycle.take_report(self.state, report, self.pinned, self.now, SYSTEM)
        again = lifecycle.take_report(self.state, report, self.pinned, self.now, SYSTEM)
        if report.incident_key == "k" and any(run.workflow_id == ref.workflow_id for run in self.state.runs):
            assert again.mitigations == self.state.mitigations, "a report that comes twice counts once"
        self.seen["report"] += 1


Made = tuple[Callable[..., IncidentState], Command]
COMMANDS: tuple[Callable[[Life], Made], ...] = (
    lambda life: (lifecycle.acknowledge, i.Acknowledge(round=life.pick(0, 0, 1, 2))),
    lambda life: (lifecycle.escalate, i.Escalate(round=life.pick(0, 1), reason=life.pick(*TEXTS))),
    lambda life: (lifecycle.set_severity, i.SetSeverity(severity=life.pick("P0", "P1", "P2", "SEV1", "SEV3", "none"))),
    lambda life: (
        lifecycle.assign_role,
        i.AssignRole(role=life.pick(*lifecycle.ROLES, "king"), person=life.pick(*PEOPLE, "zoe")),
    ),
    lambda life: (lifecycle.release_role, i.ReleaseRole(role=life.pick("commander", "deputy", "scribe"))),
    lambda life: (lifecycle.add_note, i.AddNote(text=life.pick(*TEXTS))),
    lambda life: (lifecycle.record_decision, i.RecordDecision(text=life.pick(*TEXTS))),
    lambda life: (lifecycle.post_update, i.PostUpdate(text=life.pick(*TEXTS), public=life.pick(True, False))),
    lambda life: (
        lifecycle.page_people,
        i.PagePeople(target=life.pick("person:bob", "team:crew", "bob", "person:zoe")),
    ),
    lambda life: (lifecycle.start_runbook, i.StartRunbook(runbook=life.pick("undo", "other"))),
    lambda life: (
        lifecycle.record_mitigation,
        i.RecordMitigation(
            text=life.pick(*TEXTS), temporary=life.pick(True, False), removes=life.pick("", "", "m1", "m2")
        ),
    ),
    lambda life: (
        lifecycle.resolve,
        i.Resolve(
            confirmations=life.pick((), tuple(i.CONFIRMATIONS), ("magic",)), anyway=life.pick("", "", "it is late")
        ),
    ),
    lambda life: (lifecycle.reopen, i.Reopen(reason=life.pick(*TEXTS))),
    lambda life: (lifecycle.close, i.Close(items=tuple(_items(life)))),
    lambda life: (lifecycle.cancel, i.Cancel(reason=life.pick("", "", "", "", "a false alarm"))),
    lambda life: (lifecycle.merge, i.Merge(into=life.pick("", "", "k", "incident/other"))),
)


def _items(life: Life) -> list[i.ItemDraft]:
    """An action item for each temporary mitigation, or for all but the last, or with a mistake in it."""
    standing = lifecycle.standing(life.state)
    due = life.now + timedelta(days=life.pick(7, 7, 7, -1))
    items = [
        i.ItemDraft(text="remove it", owner=life.pick("bob", "bob", "bob", "zoe"), due=due, mitigation=one.id)
        for one in standing
    ]
    return items[:-1] if life.chance.random() < 0.2 else items


def check(before: IncidentState, after: IncidentState) -> None:
    """What is true of every incident after everything that may happen to it."""
    stage = after.escalation
    numbers = [entry.seq for entry in after.tail]
    assert numbers == list(range(after.next_seq - len(numbers), after.next_seq)), "the journal has no gap"
    assert after.next_seq >= before.next_seq, "the journal only grows"
    reopened = sum(isinstance(e, Reopened) for e in after.tail if e.seq >= before.next_seq)
    assert stage.round == before.escalation.round + reopened, "every round has its entry"
    assert len({m.id for m in after.mitigations}) == len(after.mitigations), "ledger ids are unique"
    assert {m.id for m in before.mitigations} <= {m.id for m in after.mitigations}, "the ledger forgets nothing"
    assert after.alerts_seen >= before.alerts_seen
    assert not (stage.acknowledged_by and stage.due), "nobody is paged once somebody has it"
    if after.phase.quiet or after.phase.ended:
        assert stage.due is None, "a quiet incident pages nobody"
    if after.phase.ended:
        assert after.closed_at is not None
        assert (after.hold_until, after.next_update_due, after.next_public_update_due) == (None, None, None)
        assert not after.to_start, "an incident that is over starts nothing"
        assert not after.to_page, "an incident that is over pages nobody"
    if after.phase in (Phase.CLOSED, Phase.MERGED):
        late = after.phase is before.phase  # what a run reports after the end is taken, too
        assert late or not lifecycle.standing(after), "no temporary mitigation is forgotten"
    if after.phase is Phase.MONITORING:
        assert after.hold_until is not None
        assert after.mitigated_at is not None
    if after.phase is Phase.RESOLVED:
        assert after.resolved_at is not None
        assert after.next_update_due is None
    if before.phase.ended and not after.phase.ended:
        assert reopened, "only a new round brings an ended incident back"


def born(chance: random.Random) -> Life:
    """Declared, and its first page is due, unless its level pages nobody."""
    config = chance.choice(PINNED)
    rank = chance.randrange(len(config.profile.levels))
    state = IncidentState(
        key="k", title="made up", declared_at=T0, rank=rank, severity=config.profile.level(rank).label
    )
    return Life(chance, config, lifecycle.begin_paging(state, config, T0, known=chance.random() < 0.5))


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_every_life_of_an_incident_keeps_its_promises() -> None:
    """Whatever people, alerts, runs and time do, and in whichever order: the invariants of ``check`` hold, a refusal
    changes nothing, and the state survives being carried over."""
    lives = scaled(LIVES)
    with recorded("lifecycle", "no sequence of events breaks an invariant of incidents") as figures:
        seen: Counter[str] = Counter()
        ends: Counter[str] = Counter()
        begun = time.perf_counter()
        for number in range(lives):
            life = born(random.Random(f"{figures.seed}/{number}"))
            steps = life.chance.randint(5, EVENTS)
            try:
                for _ in range(steps):
                    life.step()
                assert IncidentState.model_validate_json(life.state.model_dump_json()) == life.state
            except Exception as fault:
                raise AssertionError(f"life {number} of seed {figures.seed}: {fault!r}") from fault
            seen += life.seen
            ends[life.state.phase.value] += 1
            seen["events"] += steps
        figures.counts |= {"lives": lives, "events": seen.pop("events"), "last_phase": dict(sorted(ends.items()))}
        figures.counts["by_kind"] = dict(sorted(seen.items()))
        figures.figures["events_per_second"] = round(figures.counts["events"] / (time.perf_counter() - begun))


class Seeded:
    """Stands in for hypothesis' strategies and its data: the same draws, from one seed, without the bookkeeping."""

    def __init__(self, seed: str) -> None:
        self._chance = random.Random(seed)

    def draw(self, strategy: Callable[[random.Random], Any]) -> Any:
        return strategy(self._chance)


STRATEGIES = SimpleNamespace(
    sampled_from=lambda values: lambda chance: chance.choice(list(values)),
    integers=lambda least, most: lambda chance: chance.randint(least, most),
    booleans=lambda: lambda chance: chance.random() < 0.5,
)
PROMISES = (
    runs.test_every_run_ends_with_all_leases_given_back,
    runs.test_every_applied_change_is_undone_or_stands_in_the_ledger,
    runs.test_an_aborted_run_leaves_nothing_marked_for_undo,
)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_every_runbook_run_keeps_its_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    """The promises of tests/runbook/test_step_properties.py, over many more runs of the same trees."""
    monkeypatch.setattr(runs, "st", STRATEGIES)
    count = scaled(RUNS)
    with recorded("runbook-runs", "every run ends, gives its leases back and loses no change") as figures:
        for promise in PROMISES:
            held = promise.hypothesis.inner_test  # type: ignore[attr-defined]
            for number in range(count):
                tree: tuple[Any, dict[str, JsonValue]] = runs.RUNS[number % len(runs.RUNS)]
                try:
                    held(Seeded(f"{figures.seed}/{promise.__name__}/{number}"), tree)
                except Exception as fault:
                    raise AssertionError(
                        f"{promise.__name__}, run {number} of seed {figures.seed}: {fault!r}"
                    ) from fault
        figures.counts |= {"promises": len(PROMISES), "runs": count * len(PROMISES), "trees": len(runs.RUNS)}
