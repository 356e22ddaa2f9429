"""The five shipped scales hold the figures of the guides."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mainstay.domain.lifecycle import ROLES
from mainstay.domain.profiles import PROFILES


def minutes(duration: timedelta | None) -> float | None:
    return None if duration is None else duration / timedelta(minutes=1)


@pytest.mark.parametrize(
    ("profile", "labels", "breach", "page"),
    [
        ("000", "P0 P1 P2 P3 P4", [5, 30, 60, None, None], "page page page business_hours ticket"),
        ("001", "P0 P1 P2 P3", [5, 15, 60, None], "page page business_hours ticket"),
        ("002", "P1 P2 P3 P4", [5, 15, 60, 1440], "page page page page"),
        ("003", "SEV1 SEV2 SEV3 SEV4", [5, 15, 60, None], "page page ticket ticket"),
        ("004", "SEV1 SEV2 SEV3 SEV4", [5, 15, None, None], "page page business_hours business_hours"),
    ],
)
def test_labels_deadlines_and_paging(profile: str, labels: str, breach: list[float | None], page: str) -> None:
    """M-1, M-2 and M-3."""
    levels = PROFILES[profile].levels
    assert [level.label for level in levels] == labels.split()
    assert [minutes(level.response_breach) for level in levels] == breach
    assert [level.page for level in levels] == page.split()


def test_the_second_level_of_guide_000_warns_before_it_is_late() -> None:
    """Respond within 15 to 30 minutes: a warning at 15, a breach at 30 (S-003)."""
    assert minutes(PROFILES["000"].levels[1].response_warn) == 15


@pytest.mark.parametrize(
    ("profile", "cadence"),
    [("000", [30, 30, None, None, None]), ("002", [30, 60, None, None]), ("003", [30, 30, None, None])],
)
def test_cadence_of_updates(profile: str, cadence: list[float | None]) -> None:
    """M-4: executives of guide 002's P1 every 30 minutes, stakeholders of its P2 hourly."""
    assert [minutes(level.update_every) for level in PROFILES[profile].levels] == cadence


@pytest.mark.parametrize(
    ("profile", "needed"), [("000", [0, 1]), ("003", [0, 1]), ("001", [0, 1, 2, 3]), ("002", [0, 1, 2, 3])]
)
def test_which_levels_need_a_postmortem(profile: str, needed: list[int]) -> None:
    """D-21: every incident in 001 and 002, the upper two levels elsewhere."""
    assert [level.rank for level in PROFILES[profile].levels if level.postmortem] == needed


def test_required_roles_exist() -> None:
    """Every role that a level demands can be assigned; a scribe is required by 000 and 002 only (D-37)."""
    demanded = {p.name: {r for level in p.levels for r in level.required_roles} for p in PROFILES.values()}
    assert set().union(*demanded.values()) <= set(ROLES)
    assert {name for name, roles in demanded.items() if "scribe" in roles} == {"000", "002"}
