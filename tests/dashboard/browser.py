"""The dashboard in a real Chromium, driven by Playwright; whatever the page writes on its console as an error fails the test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize, expect, sync_playwright

PATIENCE_MS = 40_000
WIDE = (1280, 900)
PHONE = (390, 844)
OPTIONS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]

expect.set_options(timeout=PATIENCE_MS)


@contextmanager
def a_browser() -> Iterator[Browser]:
    """Chromium without a screen. Skips the test where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("needs Chromium; on Debian and Ubuntu it is the package chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def a_page(
    browser: Browser, url: str, size: tuple[int, int] = WIDE, *, dark: bool = False, allow: str = ""
) -> Iterator[Page]:
    """A page at ``url``; at its end it must have written no error but those that hold ``allow``."""
    viewport = ViewportSize(width=size[0], height=size[1])
    context = browser.new_context(viewport=viewport, color_scheme="dark" if dark else "light")
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    errors: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error":
            errors.append(message.text)

    page.on("console", heard)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(url)
    try:
        yield page
        # Those that come while it is closed are of requests that are given up by that.
        wrong = [error for error in errors if not allow or allow not in error]
    finally:
        context.close()
    if wrong:
        pytest.fail("the page wrote errors:\n" + "\n".join(wrong), pytrace=False)


def show(page: Page, name: str, folder: Path) -> None:
    """Keep a picture of the whole page, for people to look at."""
    folder.mkdir(parents=True, exist_ok=True)
    # Playwright would write it in a thread that stays.
    (folder / f"{name}.png").write_bytes(page.screenshot(full_page=True))
