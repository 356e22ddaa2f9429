"""A copy of the example shop, to be spoilt by tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

SHOP = Path(__file__).parents[2] / "examples" / "shop"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHOP, tmp_path / "shop"))
