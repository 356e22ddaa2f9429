"""Scales and the many spellings of their levels."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from mainstay.domain.errors import InvalidArgument
from mainstay.domain.profiles import PROFILES
from mainstay.domain.severity import SeverityProfile


@pytest.mark.capability("S-001")
@pytest.mark.parametrize(
    ("profile", "text", "rank"),
    [
        ("000", "P0", 0),
        ("000", "SEV-0", 0),
        ("000", "sev0", 0),
        ("000", "P1", 1),
        ("000", "SEV1", 1),
        ("000", "sev-4", 4),
        ("001", "sev1", 0),
        ("001", "P0", 0),
        ("001", "SEV-1", 0),
        ("001", "p1", 1),
        ("001", "SEV4", 3),
        ("002", "P1", 0),
        ("002", "p4", 3),
        ("002", "P-2", 1),
        ("002", "critical", 0),
        ("003", "SEV1", 0),
        ("003", "sev-2", 1),
        ("003", "Sev 3", 2),
        ("004", "SEV4", 3),
        ("004", " major ", 1),
    ],
)
def test_spellings(profile: str, text: str, rank: int) -> None:
    """Given profile 001, ``sev1`` and ``P0`` are both the top level; given profile 002, ``P1`` is (D-01)."""
    assert PROFILES[profile].parse(text).rank == rank


@pytest.mark.parametrize(
    ("profile", "text"),
    [("002", "P0"), ("003", "P0"), ("003", "SEV0"), ("001", "SEV5"), ("000", ""), ("000", " - ")],
)
def test_what_is_not_in_the_scale_is_refused(profile: str, text: str) -> None:
    """``P0`` is no severity in guide 003, where it is an action item's priority (D-29); labels are named."""
    with pytest.raises(InvalidArgument, match="use ") as caught:
        PROFILES[profile].parse(text)
    assert caught.value.field == "severity"


@given(st.text(max_size=200))
@example("\U00018cd6" * 40)
def test_any_text_is_a_level_or_a_refusal(text: str) -> None:
    """Nothing else can come of it, and the message is short whatever was sent."""
    said = ""
    try:
        PROFILES["000"].parse(text)
    except InvalidArgument as refusal:
        said = refusal.message
    assert len(said) < 200


@pytest.mark.parametrize("rank", [-1, 0, 3, 99])
def test_ranks_beyond_the_scale_are_its_ends(rank: int) -> None:
    """A rank kept from a longer scale still has a level."""
    assert PROFILES["002"].level(rank).rank == min(max(rank, 0), 3)


@pytest.mark.parametrize(
    "change",
    [
        {"levels": ()},
        {"levels": ({"rank": 1, "label": "A", "title": "a"},)},
        {"levels": ({"rank": 0, "label": "A", "title": "a"}, {"rank": 1, "label": "a-", "title": "b"})},
        {"levels": ({"rank": 0, "label": "A", "title": "a"},), "aliases": {"B": ("x",)}},
        {
            "levels": ({"rank": 0, "label": "A", "title": "a"}, {"rank": 1, "label": "B", "title": "b"}),
            "aliases": {"A": ("x",), "B": ("X",)},
        },
    ],
)
def test_scales_that_are_ambiguous_do_not_load(change: dict[str, object]) -> None:
    """No levels, ranks out of order, equal labels, and aliases of two levels or of none."""
    with pytest.raises(ValidationError):
        SeverityProfile.model_validate({"name": "x", **change})


def test_durations_are_written_with_their_unit() -> None:
    """An operator writes ``15m``; a number without a unit does not load."""
    level = {"rank": 0, "label": "A", "title": "a"}
    read = SeverityProfile.model_validate({"name": "x", "levels": ({**level, "response_breach": "15m"},)})
    assert str(read.levels[0].response_breach) == "0:15:00"
    with pytest.raises(ValidationError, match="unit"):
        SeverityProfile.model_validate({"name": "x", "levels": ({**level, "response_breach": 15},)})
