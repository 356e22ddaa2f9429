"""The worker's configuration follows its files, but never into a mistake."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from activities.holder import ConfigHolder
from mainstay.config import Config, load

EXAMPLE = Path(__file__).parents[2] / "examples" / "shop"


class _Wrong(Exception):
    def __init__(self, *problems: str) -> None:
        super().__init__("wrong")
        self.problems = problems


def read(folder: Path) -> Config:
    text = (folder / "mainstay.yaml").read_text()
    if text == "wrong":
        raise _Wrong("mainstay.yaml:1:1: first", "mainstay.yaml:2:1: second")
    return Config(organisation=text)


def write(folder: Path, text: str) -> None:
    (folder / "mainstay.yaml").write_text(text)


async def test_an_edit_is_taken_and_an_unchanged_folder_is_not_read_again(tmp_path: Path) -> None:
    write(tmp_path, "one")
    holder = ConfigHolder(tmp_path, read)
    assert not holder.refresh()
    write(tmp_path, "three")
    assert holder.refresh()
    assert holder.current.organisation == "three"


async def test_a_mistake_is_logged_once_with_every_place_and_the_former_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, "one")
    holder = ConfigHolder(tmp_path, read)
    write(tmp_path, "wrong")
    assert not holder.refresh()
    assert not holder.refresh()
    assert holder.current.organisation == "one"
    assert [record.getMessage() for record in caplog.records] == [
        "the changed configuration is not used: mainstay.yaml:1:1: first",
        "the changed configuration is not used: mainstay.yaml:2:1: second",
    ]
    write(tmp_path, "mended")
    assert holder.refresh()
    assert holder.current.organisation == "mended"


def test_a_mistake_at_the_start_is_raised(tmp_path: Path) -> None:
    write(tmp_path, "wrong")
    with pytest.raises(_Wrong):
        ConfigHolder(tmp_path, read)


async def test_watching_takes_edits_and_survives_a_folder_that_goes_away(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    write(folder, "one")
    holder = ConfigHolder(folder, read)
    watching = asyncio.create_task(holder.watch(timedelta(seconds=0.01)))
    folder.rename(tmp_path / "away")
    (tmp_path / "away").rename(folder)
    write(folder, "another")
    async with asyncio.timeout(10):
        while holder.current.organisation != "another":
            await asyncio.sleep(0.01)
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching


async def test_the_example_shop_is_read_and_a_broken_edit_is_shown_with_its_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(EXAMPLE, folder)
    holder = ConfigHolder(folder, load)
    before = holder.current
    assert "payment-service" in before.services
    (folder / "routes.yaml").write_text("routes:\n  - nme: typo\n")
    assert not holder.refresh()
    assert holder.current is before
    assert any("routes.yaml:2:" in record.getMessage() for record in caplog.records)
