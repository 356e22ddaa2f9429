"""Incident numbers: once per key, no doubles, no gaps."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime

import pytest

from mainstay.records import Store
from tests.records.conftest import PATIENCE
from tests.records.samples import NOW, append

DRAWS = 200 if os.environ.get("CI") else 1000


async def test_same_key_same_number(store: Store) -> None:
    """The same key gets the same number however often it asks, and the next key the next one."""
    asked = [await store.number(key, NOW) for key in ("a", "b", "a", "a", "c")]
    assert asked == ["INC-2026-0001", "INC-2026-0002", "INC-2026-0001", "INC-2026-0001", "INC-2026-0003"]


@pytest.mark.parametrize(
    ("at", "number"),
    [
        (datetime(2026, 12, 31, 23, 59, tzinfo=UTC), "INC-2026-0001"),
        (datetime(2027, 1, 1, tzinfo=UTC), "INC-2027-0001"),
        (datetime.fromisoformat("2027-01-01T00:30:00+01:00"), "INC-2026-0001"),
    ],
)
async def test_years_count_for_themselves(store: Store, at: datetime, number: str) -> None:
    """Each year (UTC) begins at one."""
    assert await store.number("k", at) == number


async def test_draws_at_once(records_url: str) -> None:
    """Many askers in several processes' worth of stores, two for each key, draw each number exactly once."""
    stores = [await Store.connect(records_url, timeout=PATIENCE) for _ in range(3)]
    try:
        keys = [f"k{n // 2}" for n in range(DRAWS)]
        drawn = await asyncio.gather(*(stores[n % 3].number(key, NOW) for n, key in enumerate(keys)))
    finally:
        for store in stores:
            await store.close()
    by_key = dict(zip(keys, drawn, strict=True))
    assert all(by_key[key] == number for key, number in zip(keys, drawn, strict=True))
    assert sorted(by_key.values()) == [f"INC-2026-{n:04d}" for n in range(1, DRAWS // 2 + 1)]


async def test_number_reaches_the_row(store: Store) -> None:
    """The incident's row has the number, whether it was drawn before the row was written or after."""
    await store.append(append("early", 1))
    early, late = await store.number("early", NOW), await store.number("late", NOW)
    await store.append(append("late", 1))
    found = [await store.find(number) for number in (early, late)]
    assert [one.key for one in found if one] == ["early", "late"]


async def test_numbers_beyond_four_digits(store: Store) -> None:
    """A reference is found with or without its leading zeros, in any case of letters."""
    await store.append(append("k1", 1))
    await store.number("k1", NOW)
    for ref in ("INC-2026-0001", "inc-2026-1", " INC-2026-01 "):
        found = await store.find(ref)
        assert found is not None
        assert found.key == "k1"
