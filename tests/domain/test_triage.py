"""From facts to a rank."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.domain.alert import Alert, AlertStatus
from mainstay.domain.incident import Impact
from mainstay.domain.profiles import PROFILES
from mainstay.domain.service import Service
from mainstay.domain.triage import impact_of, triage
from tests.strategies import alerts

PLAIN = Service(name="search", team="search")
CRITICAL = Service(name="payments", team="payments", critical=True)
REVENUE = Service(name="shop", team="shop", revenue_impacting=True)


def label(profile: str, service: Service, **facts: object) -> str:
    scale = PROFILES[profile]
    return scale.level(triage(Impact.model_validate(facts), service, scale).rank).label


@pytest.mark.capability("S-026", "S-028", "S-029", "S-030")
@pytest.mark.parametrize(
    ("service", "facts", "expected"),
    [
        (PLAIN, {}, "P4"),
        (CRITICAL, {"error_rate": 0.2001}, "P1"),
        (CRITICAL, {"error_rate": 0.20}, "P2"),
        (PLAIN, {"users_affected": 1001}, "P2"),
        (PLAIN, {"users_affected": 1000}, "P3"),
        (PLAIN, {"error_rate": 0.10}, "P3"),
        (PLAIN, {"error_rate": 0.1001}, "P2"),
        (PLAIN, {"revenue_impacting": True}, "P2"),
        (REVENUE, {}, "P2"),
        (PLAIN, {"revenue_loss_per_hour": 1}, "P2"),
        (PLAIN, {"error_rate": 0.05, "users_affected": 100}, "P4"),
        (PLAIN, {"error_rate": 0.0501}, "P3"),
        (PLAIN, {"users_affected": 101}, "P3"),
        (PLAIN, {"error_rate": 1.0}, "P2"),
    ],
)
def test_guide_002(service: Service, facts: dict[str, object], expected: str) -> None:
    """The thresholds of M-10 are strict, the first that holds wins, and nothing known is P4."""
    assert label("002", service, **facts) == expected


@pytest.mark.capability("S-027")
def test_the_critical_list_is_configuration() -> None:
    """Given ``search`` marked critical in the catalogue, then an error rate of 0.21 on it is P1."""
    assert label("002", PLAIN.model_copy(update={"critical": True}), error_rate=0.21) == "P1"
    assert label("002", PLAIN, error_rate=0.21) == "P2"


@pytest.mark.capability("S-031")
@pytest.mark.parametrize("profile", sorted(PROFILES))
@pytest.mark.parametrize("fact", ["data_loss", "security_breach", "complete_loss"])
def test_always_the_top_level(profile: str, fact: str) -> None:
    """Given one of these on a service that is not critical, then top severity (D-08)."""
    scale = PROFILES[profile]
    found = triage(Impact.model_validate({fact: True, "error_rate": 0.0}), PLAIN, scale)
    assert (found.rank, found.known) == (0, True)
    assert found.reasons


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"revenue_loss_per_hour": 100_001}, "P0"),
        ({"revenue_loss_per_hour": 100_000}, "P1"),
        ({"all_users": True}, "P0"),
        ({"data_loss": True}, "P0"),
        ({"security_breach": True}, "P0"),
        ({"error_rate": 0.25}, "P1"),
        ({"degradation": "some"}, "P2"),
        ({"degradation": "some", "workaround": True}, "P3"),
        ({"users_affected": 3}, "P3"),
        ({}, "P4"),
        ({"degradation": "none"}, "P4"),
    ],
)
def test_guide_000(facts: dict[str, object], expected: str) -> None:
    """S-002 to S-006."""
    assert label("000", PLAIN, **facts) == expected


@pytest.mark.capability("S-002")
@pytest.mark.parametrize(
    "fact",
    [{"revenue_loss_per_hour": 100_001}, {"all_users": True}, {"data_loss": True}, {"security_breach": True}],
)
def test_the_top_level_of_guide_000(fact: dict[str, object]) -> None:
    """Given such a report under profile 000, then it is P0, to be answered within minutes."""
    scale = PROFILES["000"]
    level = scale.level(triage(Impact.model_validate(fact), PLAIN, scale).rank)
    assert level.label == "P0"
    assert level.response_breach == timedelta(minutes=5)


def test_a_quarter_of_the_payments_failing() -> None:
    """The same fact is the second level in guide 000 and the top one in guide 002 (D-27)."""
    assert label("000", CRITICAL, error_rate=0.25) == "P1"
    assert PROFILES["000"].parse("P1").rank == 1
    assert label("002", CRITICAL, error_rate=0.25) == "P1"
    assert PROFILES["002"].parse("P1").rank == 0


@pytest.mark.parametrize(
    ("answers", "expected"),
    [((True, None), "P1"), ((None, "most"), "P2"), ((None, "some"), "P3"), ((None, "none"), "P4")],
)
def test_the_classification_tree(answers: tuple[bool | None, str | None], expected: str) -> None:
    """T-1: complete loss, most users, some users, else."""
    assert label("002", PLAIN, complete_loss=answers[0], degradation=answers[1]) == expected


@pytest.mark.parametrize(
    ("profile", "facts", "expected"),
    [
        ("001", {"all_users": True}, "P0"),
        ("003", {"degradation": "most"}, "SEV2"),
        ("003", {"error_rate": 0.06}, "SEV3"),
        ("004", {"users_affected": 5}, "SEV3"),
        ("003", {}, "SEV4"),
        ("003", {"error_rate": 1.0}, "SEV1"),
    ],
)
def test_guides_of_words(profile: str, facts: dict[str, object], expected: str) -> None:
    """Guides 001, 003 and 004 give words; the figures are guide 002's."""
    assert label(profile, PLAIN, **facts) == expected


def test_the_alert_s_own_severity_decides_nothing() -> None:
    """An alert that calls itself critical at 6% errors is P3 by its facts (D-24)."""
    alert = Alert(labels={"severity": "critical", "error_rate": "0.06"})
    scale = PROFILES["002"]
    found = triage(impact_of((alert,)), PLAIN, scale)
    assert (scale.level(found.rank).label, found.reasons) == ("P3", ("6% errors > 5%",))


def test_no_facts_are_said_to_be_none() -> None:
    """The mildest rank for want of facts is marked as such: it is no reason to stay silent."""
    found = triage(Impact(), PLAIN, PROFILES["003"])
    assert (found.known, found.rule) == (False, "no facts about the impact")


@pytest.mark.parametrize(
    ("field", "text", "expected"),
    [
        ("error_rate", "0.06", 0.06),
        ("error_rate", "6%", 0.06),
        ("error_rate", " 5.5 % ", 0.055),
        ("error_rate", "1e-2", 0.01),
        ("error_rate", "6", None),
        ("error_rate", "-0.1", None),
        ("error_rate", "NaN", None),
        ("error_rate", "inf", None),
        ("error_rate", "1e999", None),
        ("error_rate", "0" * 500, None),
        ("error_rate", "٦%", None),
        ("error_rate", "", None),
        ("users_affected", "1,234", 1234),
        ("affected_users", "1001", 1001),
        ("users_affected", "12.7", 12),
        ("users_affected", "many", None),
        ("data_loss", "TRUE", True),
        ("data_loss", "no", False),
        ("data_loss", "maybe", None),
        ("total_outage", "yes", True),
        ("is_revenue_impacting", "1", True),
        ("degradation", "Most", "most"),
        ("degradation", "awful", None),
    ],
)
@pytest.mark.parametrize("place", ["labels", "annotations"])
def test_facts_in_alerts(place: str, field: str, text: str, expected: object) -> None:
    """Numbers, percentages and words are read; what cannot be read is no fact."""
    aliases = {
        "affected_users": "users_affected",
        "total_outage": "complete_loss",
        "is_revenue_impacting": "revenue_impacting",
    }
    impact = impact_of((Alert.model_validate({place: {field: text}}),))
    found = getattr(impact, aliases.get(field, field))
    assert found == (pytest.approx(expected) if isinstance(expected, float) else expected)


def test_the_worst_of_several_alerts_counts() -> None:
    """Resolved alerts state nothing; of the firing ones the worst figure is taken."""
    found = impact_of(
        (
            Alert(labels={"error_rate": "0.01", "data_loss": "false", "workaround": "yes"}),
            Alert(labels={"error_rate": "7%", "data_loss": "true", "workaround": "no"}),
            Alert(status=AlertStatus.RESOLVED, labels={"error_rate": "0.9"}),
        )
    )
    assert (found.error_rate, found.data_loss, found.workaround) == (0.07, True, False)


@given(
    st.lists(alerts(), max_size=4).map(tuple),
    st.sampled_from(sorted(PROFILES)),
    st.dictionaries(st.sampled_from(sorted(Impact.model_fields)), st.text(max_size=30)),
)
def test_nothing_in_an_alert_stops_triage(
    given_alerts: tuple[Alert, ...], profile: str, labels: dict[str, str]
) -> None:
    """Whatever labels say, there is a rank of the scale."""
    scale = PROFILES[profile]
    found = triage(impact_of((*given_alerts, Alert(labels=labels))), CRITICAL, scale)
    assert 0 <= found.rank < len(scale.levels)


@given(st.floats(0, 1), st.floats(0, 1), st.sampled_from(sorted(PROFILES)))
def test_more_errors_are_never_milder(one: float, other: float, profile: str) -> None:
    """The rank never improves when the error rate grows."""
    low, high = sorted((one, other))
    ranks = [triage(Impact(error_rate=rate), CRITICAL, PROFILES[profile]).rank for rate in (low, high)]
    assert ranks[1] <= ranks[0]
