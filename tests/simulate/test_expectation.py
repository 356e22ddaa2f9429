"""Committed time lines: what differs is shown where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from mainstay.domain.positioned import DocumentErrors
from mainstay.simulate.expectation import Expectation, differences, load, written


def file_with(folder: Path, text: str) -> Path:
    file = folder / "expected.yaml"
    file.write_text(text)
    return file


def test_agreement_has_no_differences(tmp_path: Path) -> None:
    """Given the same lines in another spelling of their durations, then nothing differs."""
    file = file_with(tmp_path, "story:\n- 300s page bob by email\n- 3600s page carol by pager for search\n")
    wanted, positions = load(file)
    came = ("5m page bob by email", "1h page carol by pager for search")
    assert differences(wanted.story, came, str(file), positions) == []


def test_a_difference_is_shown_at_its_line(tmp_path: Path) -> None:
    """Given bob was expected and carol came, then both stand in the merged time line, bob with his line."""
    file = file_with(tmp_path, "story:\n- 0s page alice by email\n- 5m page bob by email\n")
    wanted, positions = load(file)
    shown = differences(wanted.story, ("0s page alice by email", "5m page carol by email"), str(file), positions)
    assert shown == [
        "  0s page alice by email",
        f"- 5m page bob by email   ({file}:3:3: expected, and did not happen)",
        "+ 5m page carol by email   (happens, and is not expected)",
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("story:\n- 5m bob by email\n", ":1:1:"),
        ("story:\n- 5 page bob by email\n", ":1:1:"),
        ("story: []\nonly: [pages]\n", ":2:1:"),
        ("storey: []\n", ":1:1:"),
    ],
)
def test_a_mistake_in_it_is_told_with_its_place(tmp_path: Path, text: str, place: str) -> None:
    """Given a line that no notification could be, then the file does not load."""
    file = file_with(tmp_path, text)
    with pytest.raises(DocumentErrors) as caught:
        load(file)
    assert f"{file}{place}" in str(caught.value)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    """Given a file that was written, then it expects exactly that, and still asks what it asked."""
    before = Expectation(alert="a.yaml", at="2026-03-17T02:30Z", ack=("bob@3m",), only=("page",))
    came = ("0s page bob by email", "1m page joão by pager fails")
    found, _ = load(file_with(tmp_path, written(came, before)))
    assert found == before.model_copy(update={"story": came})
