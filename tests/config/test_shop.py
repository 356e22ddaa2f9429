"""The example shop loads clean and says what its comments say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mainstay.config import check, load
from mainstay.domain.access import Assurance
from mainstay.domain.alert import Alert
from mainstay.domain.errors import NotFound
from mainstay.domain.incident import Impact
from mainstay.domain.oncall.shifts import on_call
from mainstay.domain.routing import route
from mainstay.domain.triage import triage
from tests.config.conftest import SHOP


def test_loads_clean() -> None:
    """No error, and no warning but the advice on shifts, with and without the demo's overlay."""
    for overlay in ("", "demo"):
        config, problems = check(SHOP, overlay)
        assert [problem for problem in problems if "/schedules/" not in problem.file] == []
        assert {problem.severity for problem in problems} == {"warning"}
        assert config is not None


def test_the_same_folder_has_the_same_digest(shop: Path) -> None:
    """The digest is of the content, not of the place; a changed wait changes it."""
    assert load(SHOP).digest == load(shop).digest
    assert load(SHOP, "demo").digest != load(SHOP).digest


def test_approvals() -> None:
    """Medium risk is for one on-call person, however they are known; high risk is for two others."""
    approvals = load(SHOP).approvals
    assert (approvals.low.votes, approvals.medium.votes, approvals.high.votes) == (0, 1, 2)
    assert approvals.medium.minimum_assurance is Assurance.UNVERIFIED
    assert approvals.high.minimum_assurance is Assurance.TOKEN
    assert (approvals.medium.requester_may_vote, approvals.high.requester_may_vote) == (True, False)


def test_demo_changes_times_only() -> None:
    """With the overlay the same people are paged in the same order, sooner."""
    real, demo = (load(SHOP, overlay).policies["payments-default"] for overlay in ("", "demo"))
    assert [step.targets for step in real.steps] == [step.targets for step in demo.steps]
    assert [step.wait.total_seconds() for step in demo.steps] == [20, 20, 60]
    assert load(SHOP, "demo").profile.parse("P1").monitoring_hold == timedelta(seconds=20)


@pytest.mark.parametrize(
    ("labels", "service", "by"),
    [
        (
            {"alertname": "PaymentErrorRateHigh", "service": "payment-service"},
            "payment-service",
            "by-service",
        ),
        ({"alertname": "X", "namespace": "payments"}, "payment-service", "payments-namespace"),
        ({"alertname": "X", "service": "unheard-of"}, "platform", "everything-else"),
        ({"alertname": "X"}, "platform", "everything-else"),
        ({"alertname": "X", "service": "search", "severity": "info"}, "search", "notes"),
    ],
)
def test_routes(labels: dict[str, str], service: str, by: str) -> None:
    """Each alert finds its service, and what nobody claims the fallback."""
    config = load(SHOP)
    found = route(Alert(labels=labels), config.routes, config.services)
    assert (found.service, found.route) == (service, by)


@pytest.mark.parametrize(
    ("at", "person"),
    [
        ("2026-01-05T09:00:00+00:00", "alice"),
        ("2026-01-12T09:00:00+00:00", "bob"),
        ("2026-03-30T08:00:00+00:00", "alice"),
    ],
)
def test_primary_and_secondary_differ(at: str, person: str) -> None:
    """The hand-off is at 10:00 in Berlin, before and after the clocks change; two people stand by."""
    config, when = load(SHOP), datetime.fromisoformat(at)
    primary, secondary = (on_call(config.schedules[f"payments-{name}"], when) for name in ("primary", "secondary"))
    assert primary is not None
    assert secondary is not None
    assert primary.person == person
    assert secondary.person != person


def test_follow_the_sun_has_no_gap() -> None:
    """Somebody is on call in every hour of a day (M-13)."""
    schedule = load(SHOP).schedules["follow-the-sun"]
    start = datetime(2026, 1, 1, tzinfo=UTC)
    found = [on_call(schedule, start + timedelta(hours=hour)) for hour in range(24)]
    assert all(shift is not None and shift.person for shift in found)
    assert {shift.layer for shift in found if shift} == {"APAC Team", "EMEA Team", "Americas Team"}


def test_unknown_names_are_told() -> None:
    """A look-up that finds nothing says which name was probably meant."""
    config = load(SHOP)
    with pytest.raises(NotFound, match="did you mean payment-service"):
        config.pin("payments-service")
    with pytest.raises(NotFound, match="no contact method 'fax'"):
        config.address("alice", "fax")
    with pytest.raises(NotFound, match="no person is called 'zoe'"):
        config.address("zoe", "email")


@pytest.mark.capability("S-027")
def test_critical_services_are_configuration(shop: Path) -> None:
    """Given service search added to the critical ones, then an error rate of 0.21 on it yields P1."""
    impact = Impact(error_rate=0.21)
    before = load(shop)
    assert triage(impact, before.services["search"], before.profile).rank > 0
    path = shop / "services/search.yaml"
    path.write_text(path.read_text() + "critical: true\n")
    after = load(shop)
    found = triage(impact, after.services["search"], after.profile)
    assert after.profile.level(found.rank).label == "P1"
