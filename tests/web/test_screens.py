"""What people see, in a real browser: nothing overflows a phone and everything has a name."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from mainstay.desk.answers import HaltState
from mainstay.web.server import WebServer
from tests.web.standin import ALICE_TOKEN, CHANGE, KEY, NUMBER, RUN, Door, public_update
from tests.web.test_public import RESOLVED, SEQUENCE

pytestmark = pytest.mark.browser

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZES = {"phone": (390, 844), "desk": (1280, 900)}
_JUDGE = """() => ({
  wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  small: [...document.querySelectorAll('.button, button.big')]
    .filter(e => e.getBoundingClientRect().height < 44).map(e => e.textContent),
  unnamed: [...document.querySelectorAll('a, button, input, textarea')]
    .filter(e => !(e.textContent.trim() || e.getAttribute('aria-label') || e.labels?.length))
    .map(e => e.outerHTML),
  headings: document.querySelectorAll('h1').length,
  lang: document.documentElement.lang,
})"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    if not CHROMIUM.exists():
        if os.environ.get("CI") == "1":
            pytest.fail(f"{CHROMIUM} is missing: apt-get install chromium")
        pytest.skip(f"no browser: {CHROMIUM} is missing (apt-get install chromium)")
    async with async_playwright() as tool:
        made = await tool.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield made
        await made.close()


def paths(door: Door) -> dict[str, str]:
    return {
        "index": "/",
        "incident": f"/incidents/{NUMBER}?live=0",
        "run": f"/runs/{RUN}?live=0",
        "approve": door.link("approve", CHANGE.digest),
        "acknowledge": door.link("acknowledge", "1"),
        "expired": "/a/none",
        "status": "/status",
        "login": "/login",
    }


def fill(door: Door) -> None:
    """More than one of everything."""
    door.desk.rows = (
        *door.desk.rows,
        RESOLVED,
        RESOLVED.model_copy(
            update={
                "key": "open2",
                "number": "INC-2026-0043",
                "title": "Search answers slowly: " + "p99 over two seconds for most of the queries " * 3,
                "severity": "SEV3",
                "rank": 3,
                "public_state": "Monitoring",
                "public_name": "Search",
                "resolved_at": None,
            }
        ),
    )
    journal = (*door.desk.journal[KEY], public_update(10, "Investigating", "We are looking into it."))
    door.desk.journal = {KEY: journal, RESOLVED.key: journal, "open2": SEQUENCE[:3]}
    door.desk.halt_now = HaltState(on=True, by="carol", reason="drill in the wrong cluster")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
async def test_every_page_fits_and_is_named(
    door: Door, server: WebServer, browser: Browser, size: str, scheme: Any, tmp_path: Path
) -> None:
    fill(door)
    width, height = SIZES[size]
    context = await browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, java_script_enabled=True
    )
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    await log_in(page, server.url)
    for name, path in paths(door).items():
        await page.goto(server.url + path)
        await page.screenshot(path=_folder(tmp_path) / f"{name}-{size}-{scheme}.png", full_page=True)
        found = await page.evaluate(_JUDGE)
        assert found == {"wide": 0, "small": [], "unnamed": [], "headings": 1, "lang": "en"}, (name, found)
    await context.close()
    assert [c for c in complaints if "401" not in c] == []


async def test_a_phone_approves_with_two_taps(door: Door, server: WebServer, browser: Browser) -> None:
    context = await browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = await context.new_page()
    await page.goto(server.url + door.link("approve", CHANGE.digest))
    await page.fill("#comment", "v42 is bad")
    await page.click("button.big")
    assert await page.inner_text("h1") == "Done"
    assert [made[1] for made in door.desk.updates] == ["approve"]
    await page.click("text=Open the incident")
    assert NUMBER in await page.inner_text("main")
    await context.close()


async def log_in(page: Page, url: str) -> None:
    """Like a person: the form of our own page, with the browser's own headers."""
    await page.goto(f"{url}/login?token={ALICE_TOKEN}")
    await page.click("button.big")
    await page.wait_for_url(f"{url}/")


def _folder(otherwise: Path) -> Path:
    """``SCREENSHOTS=DIR`` keeps them to be looked at."""
    return Path(os.environ.get("SCREENSHOTS", "") or otherwise)
