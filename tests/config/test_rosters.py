"""What ``config check`` says about schedules, at their lines."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mainstay.config import check

AT = datetime(2026, 3, 2, tzinfo=UTC)


def said(shop: Path) -> list[str]:
    return [f"{Path(p.file).name}:{p.line} {p.severity}: {p.message}" for p in check(shop, at=AT)[1]]


def sized(shop: Path, size: str) -> None:
    main = shop / "mainstay.yaml"
    main.write_text(f"team_size: {size}\n{main.read_text()}")


def test_advice_stands_at_its_layer(shop: Path) -> None:
    """A small rotation is a warning with the line of the layer."""
    assert "follow-the-sun.yaml:17 warning: schedule follow-the-sun: EMEA Team has 3 people, below 4" in said(shop)


@pytest.mark.capability("S-097")
def test_team_sizes(shop: Path) -> None:
    """Given profile small, then one rotation loads; given large, then a night without anybody does not load."""
    (shop / "policies" / "platform-default.yaml").unlink()
    main = shop / "mainstay.yaml"
    main.write_text(main.read_text().replace("platform-default", "payments-default"))
    sized(shop, "small")
    for name in ("follow-the-sun", "payments-secondary"):
        (shop / "schedules" / f"{name}.yaml").unlink()
    policy = shop / "policies" / "payments-default.yaml"
    policy.write_text(policy.read_text().replace("payments-secondary", "payments-primary"))
    config, found = check(shop, at=AT)
    assert config is not None
    main.write_text(main.read_text().replace("team_size: small", "team_size: large"))
    primary = shop / "schedules" / "payments-primary.yaml"
    window = "    restrictions: [{start: '08:00', end: '20:00'}]\noverrides: []"
    primary.write_text(primary.read_text().replace("overrides: []", window))
    config, found = check(shop, at=AT)
    assert config is None
    errors = [p.message for p in found if p.severity == "error"]
    assert errors == [
        "team_size large means rotations by speciality, and there are fewer than two schedules",
        (
            "team_size large means somebody day and night, and the first step of payments-default pages nobody at "
            "Mon 2026-03-02 00:00 UTC"
        ),
    ]


def test_holidays_of_the_organisation(shop: Path) -> None:
    """A layer for holidays goes by those of mainstay.yaml when its schedule names none."""
    primary = shop / "schedules" / "payments-primary.yaml"
    feast = (
        "  - {name: feast, people: [bob], start: 2026-01-05T10:00:00+01:00, turn: 7d, holidays: only}\noverrides: []"
    )
    primary.write_text(primary.read_text().replace("overrides: []", feast))
    config, _ = check(shop, at=AT)
    assert config is not None
    assert "2026-12-24" in map(str, config.schedules["payments-primary"].holidays)
