"""The severity scale is configuration: chosen by name, and changed row by row."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from mainstay.config import load


def _choose(shop: Path, text: str) -> None:
    (shop / "severity.yaml").write_text(text)
    (shop / "overlays/demo.yaml").unlink()


@pytest.mark.capability("S-001")
@pytest.mark.parametrize(
    ("profile", "spellings"),
    [("001", ("sev1", "P0", "SEV-1", "p-0")), ("002", ("P1", "p1", "P-1"))],
)
def test_profiles_by_name(shop: Path, profile: str, spellings: tuple[str, ...]) -> None:
    """Given profile 001, then sev1 and P0 are the same top level; given 002, then P1 is the top level."""
    _choose(shop, f'profile: "{profile}"\n')
    scale = load(shop).profile
    assert {scale.parse(text).rank for text in spellings} == {0}


@pytest.mark.parametrize("profile", ["000", "001", "002", "003", "004"])
def test_every_shipped_profile_loads(shop: Path, profile: str) -> None:
    """Each guide's scale can be chosen, and is what new incidents are pinned to."""
    _choose(shop, f'profile: "{profile}"\n')
    assert load(shop).pin("search").profile.name == profile


def test_one_row_is_changed(shop: Path) -> None:
    """A changed row changes that level, and every other value stays as shipped (S-023)."""
    _choose(shop, 'profile: "002"\n')
    shipped = load(shop).profile
    (shop / "severity.yaml").write_text(
        'profile: "002"\nlevels:\n  P3: {update_every: 2h, page: ticket, response_breach: null}\n'
    )
    changed = load(shop).profile
    assert (changed.level(2).update_every, changed.level(2).page) == (timedelta(hours=2), "ticket")
    assert changed.level(2).response_breach is None
    assert changed.level(2).title == shipped.level(2).title
    assert [changed.level(n) for n in (0, 1, 3)] == [shipped.level(n) for n in (0, 1, 3)]


def test_own_scale(shop: Path) -> None:
    """An organisation's own scale is as good as a shipped one."""
    _choose(
        shop,
        "profile: ours\nprofiles:\n  - name: ours\n    levels:\n"
        "      - {rank: 0, label: RED, title: Down, response_breach: 5m}\n"
        "      - {rank: 1, label: GREEN, title: Later, page: ticket}\n",
    )
    profile = load(shop).profile
    assert profile.parse("red").response_breach == timedelta(minutes=5)
    assert profile.level(7).label == "GREEN"
