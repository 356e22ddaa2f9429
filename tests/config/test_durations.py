"""Durations as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.domain.duration import parse, show
from mainstay.domain.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90), ("5m", 300), ("72h", 259_200), ("14d", 1_209_600), ("1w", 604_800), ("250ms", 0.25),
        ("1h30m", 5_400), ("1h 30m", 5_400), ("1.5h", 5_400), ("0", 0), ("0s", 0),
    ],
)  # fmt: skip
def test_readable(text: str, seconds: float) -> None:
    """A number and a unit, or several of them."""
    assert parse(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "m", "5x", "-5m", "5m-", "PT5M", "five", "5 minutes", "999999999w", "٥m"])
def test_refused(text: str) -> None:
    """Anything else is refused with an example; a bare number has no unit."""
    with pytest.raises(InvalidArgument):
        parse(text)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=9999)))
def test_show_is_read_back(duration: timedelta) -> None:
    """What is shown reads back as the same, to the millisecond."""
    whole = timedelta(milliseconds=duration // timedelta(milliseconds=1))
    assert parse(show(whole)) == whole
