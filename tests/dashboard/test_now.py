"""The first view: how the run is, and its streams and processes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from control.live import Live as InMemory
from dashboard.browser import PHONE, Browser, a_page, show
from dashboard.conftest import showcase_map
from live.pipelines import Live

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]


def test_before_the_first_run_it_is_ready(browser: Browser) -> None:
    with InMemory() as live, a_page(browser, live.root) as page:
        expect(page.get_by_label("Health")).to_contain_text("Ready: no run has been armed yet")


def test_a_run_is_seen_from_its_beginning_to_its_end(
    browser: Browser, showcase: Live, pictures: Path
) -> None:
    with a_page(browser, showcase.placement.controller_url) as page:
        strip = page.get_by_label("Health")
        run = showcase.arm(showcase_map(120))
        expect(strip).to_contain_text(run[:8])
        expect(strip).to_contain_text("All is well")
        expect(strip).to_have_class(re.compile("good"))
        expect(page.locator("#streams")).to_contain_text("spectrometer")
        expect(page.locator("#processes tbody tr")).to_have_count(7)
        show(page, "now", pictures)
        end = showcase.finished()
        expect(strip).to_contain_text("every event is in the result")
        expect(strip).to_contain_text(f"{end['completed_events']} of {end['total_events']}")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_sticks_out_on_a_phone(browser: Browser, showcase: Live, pictures: Path, dark: bool) -> None:
    with a_page(browser, showcase.placement.controller_url, PHONE, dark=dark) as page:
        expect(page.locator("#processes tbody tr")).to_have_count(7)
        show(page, f"phone-{'dark' if dark else 'light'}", pictures)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
