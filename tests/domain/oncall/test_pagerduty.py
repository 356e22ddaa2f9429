"""The sample schedule in PagerDuty's form: read, answered literally, written back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import yaml
from pydantic import ValidationError

from mainstay.domain.oncall.pagerduty import PagerDutySchedule
from mainstay.domain.oncall.schedule import Schedule
from mainstay.domain.oncall.shifts import on_call, shifts
from tests.domain.oncall.samples import FOLLOW_THE_SUN, PAGERDUTY, PAGERDUTY_YAML


@pytest.mark.capability("S-080")
def test_the_sample_round_trips() -> None:
    """Given the sample YAML, then it has 3 layers of 3 users and is written back unchanged."""
    assert [len(layer.users) for layer in PAGERDUTY.layers] == [3, 3, 3]
    written = yaml.safe_dump(PAGERDUTY.model_dump(mode="json"))
    assert PagerDutySchedule.model_validate(yaml.safe_load(written)) == PAGERDUTY
    assert PAGERDUTY.model_dump(mode="json", exclude_unset=True) == yaml.safe_load(PAGERDUTY_YAML)


@pytest.mark.capability("S-081", "S-082", "S-083", "S-075")
@pytest.mark.parametrize(
    ("at", "person", "layer"),
    [
        ("2023-01-01T23:00Z", "PXXXXX1", "APAC Team"),
        ("2023-01-02T01:00Z", "PXXXXX2", "APAC Team"),
        ("2023-01-01T10:00Z", "PXXXXX4", "EMEA Team"),
        ("2023-01-02T10:00Z", "PXXXXX5", "EMEA Team"),
        ("2023-01-01T16:00Z", "PXXXXX7", "Americas Team"),
        ("2026-07-01T23:30Z", "PXXXXX3", "APAC Team"),
    ],
)
def test_who_is_on_call(at: str, person: str, layer: str) -> None:
    """Given the sample, then each instant has the guide's person, the turn flipping at 00:00 UTC (D-41)."""
    shift = on_call(FOLLOW_THE_SUN, datetime.fromisoformat(at))
    assert shift is not None
    assert (shift.person, shift.layer) == (person, layer)


@pytest.mark.capability("S-084")
def test_all_day_is_covered_and_the_later_layer_wins_overlaps() -> None:
    """Given any instant, then a layer is active; at 06:30 two are, and the later one is primary."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert None not in {s.person for s in shifts(FOLLOW_THE_SUN, start, start + timedelta(days=30))}
    at = start + timedelta(hours=6, minutes=30)
    alone = [on_call(FOLLOW_THE_SUN.model_copy(update={"layers": (layer,)}), at) for layer in FOLLOW_THE_SUN.layers]
    assert [shift.layer if shift else None for shift in alone] == ["APAC Team", "EMEA Team", None]
    both = on_call(FOLLOW_THE_SUN, at)
    assert both is not None
    assert both.layer == "EMEA Team"


def weekly(seconds: int) -> Schedule:
    layer = PAGERDUTY.layers[0].model_dump(mode="json")
    layer["restrictions"] = [
        {
            "type": "weekly_restriction",
            "start_day_of_week": 5,
            "start_time_of_day": "18:00:00",
            "duration_seconds": seconds,
        }
    ]
    return PagerDutySchedule.model_validate({"name": "x", "layers": [layer]}).schedule()


@pytest.mark.parametrize("hours", [3, 24, 60, 168])
def test_weekly_restrictions_last_as_long_as_they_say(hours: int) -> None:
    """A restriction over several days becomes one unbroken window."""
    start = datetime(2026, 1, 9, 18, tzinfo=UTC)  # a Friday
    found = shifts(weekly(hours * 3600), start, start + timedelta(days=7))
    covered = sum((s.end - s.start for s in found if s.person), timedelta(0))
    assert covered == timedelta(hours=hours)
    assert found[0].person is not None


def test_an_unknown_field_is_refused() -> None:
    """What is not understood is not dropped silently."""
    with pytest.raises(ValidationError, match="colour"):
        PagerDutySchedule.model_validate({"name": "x", "layers": [], "colour": "red"})
