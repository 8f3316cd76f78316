"""The dashboard in a real Chromium, driven by Playwright; whatever the page writes on its console as an error fails the test.

Pages are used again: a new one has nothing in its memory, and takes as long as most tests.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser as Program
from playwright.sync_api import ConsoleMessage, Page, ViewportSize, expect, sync_playwright

PATIENCE_MS = 40_000
WIDE = (1280, 900)
PHONE = (390, 844)
OPTIONS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
]

expect.set_options(timeout=PATIENCE_MS)


class Tab:
    """A page, and what it has written as errors."""

    def __init__(self, program: Program) -> None:
        context = program.new_context()
        context.set_default_timeout(PATIENCE_MS)
        self.page = context.new_page()
        self.errors: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def open(self, url: str, size: tuple[int, int], *, dark: bool) -> None:
        """Show this address, with nothing left of the one before."""
        self.page.set_viewport_size(ViewportSize(width=size[0], height=size[1]))
        self.page.emulate_media(color_scheme="dark" if dark else "light")
        self.page.goto(url)

    def leave(self) -> None:
        """Show nothing: nothing is asked any more, and the next address is not only another part of this one."""
        self.page.goto("about:blank")
        self.page.context.clear_permissions()


class Browser:
    """A Chromium, and its pages that nobody uses now."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.idle: list[Tab] = []


@contextmanager
def a_browser() -> Iterator[Browser]:
    """Chromium without a screen. Skips the test where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("needs Chromium; on Debian and Ubuntu it is the package chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        try:
            yield Browser(chromium)
        finally:
            chromium.close()


@contextmanager
def a_page(
    browser: Browser, url: str, size: tuple[int, int] = WIDE, *, dark: bool = False, allow: str = ""
) -> Iterator[Page]:
    """A page at ``url``; at its end it must have written no error but those that hold ``allow``."""
    tab = browser.idle.pop() if browser.idle else Tab(browser.program)
    try:
        tab.open(url, size, dark=dark)
        yield tab.page
        # Those that come while it is left are of requests that are given up by that.
        wrong = [error for error in tab.errors if not allow or allow not in error]
        tab.leave()
    except BaseException:
        tab.page.context.close()
        raise
    tab.errors.clear()
    browser.idle.append(tab)
    if wrong:
        pytest.fail("the page wrote errors:\n" + "\n".join(wrong), pytrace=False)


def show(page: Page, name: str, folder: Path) -> None:
    """Keep a picture of the whole page, for people to look at."""
    folder.mkdir(parents=True, exist_ok=True)
    # Playwright would write it in a thread that stays.
    (folder / f"{name}.png").write_bytes(page.screenshot(full_page=True))
