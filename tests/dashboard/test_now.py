"""The first view: how the run is, and its streams and processes, also when one of them is killed."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from dashboard.browser import PHONE, a_page, show
from dashboard.conftest import a_showcase, showcase_map
from live.pipelines import Live, wait_until
from support.timing import soon_enough, timed

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]


def test_a_run_is_seen_from_its_beginning_to_its_end(
    browser: Browser, showcase: Live, pictures: Path
) -> None:
    with a_page(browser, showcase.placement.controller_url) as page:
        strip = page.get_by_label("Health")
        expect(strip).to_contain_text("Ready: no run has been armed yet")
        run = showcase.arm(showcase_map(120))
        expect(strip).to_contain_text(run[:8])
        expect(strip).to_contain_text("All is well")
        expect(strip).to_have_class(re.compile("good"))
        expect(page.locator("#streams")).to_contain_text("spectrometer")
        expect(page.locator("#processes tbody tr")).to_have_count(6)
        show(page, "now", pictures)
        end = showcase.finished()
        expect(strip).to_contain_text("every event is in the result")
        expect(strip).to_contain_text(f"{end['completed_events']} of {end['total_events']}")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_sticks_out_on_a_phone(browser: Browser, showcase: Live, pictures: Path, dark: bool) -> None:
    with a_page(browser, showcase.placement.controller_url, PHONE, dark=dark) as page:
        expect(page.locator("#processes tbody tr")).to_have_count(6)
        show(page, f"phone-{'dark' if dark else 'light'}", pictures)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_killed_worker_is_seen_within_two_seconds_and_its_successor_too(browser: Browser) -> None:
    with a_showcase() as live, a_page(browser, live.placement.controller_url) as page:
        live.arm(showcase_map(None))
        lines = page.locator("#processes tbody tr", has_text="worker-1")

        key = ""

        def seconds_until_seen() -> float:
            nonlocal key
            wait_until(lambda: live.peer("worker-1"), "worker-1", live.state)
            [worker] = [one for one in live.get("config")["workers"] if one["name"] == "worker-1"]
            key = worker["service_uuid"]
            expect(lines).to_have_attribute("data-process", key)
            with timed() as seeing:
                os.kill(worker["pid"], signal.SIGKILL)
                page.wait_for_function(
                    "key => !document.querySelector(`[data-process='${key}']`)", arg=key, polling=20
                )
            return seeing.seconds

        soon_enough(seconds_until_seen, 2.0)
        expect(lines).to_have_count(1)
        expect(page.get_by_label("Health")).to_contain_text("Worker-1 was gone")
        expect(page.get_by_label("Health")).to_contain_text("is back")
        expect(lines).to_contain_text("was gone")
        expect(lines).not_to_have_attribute("data-process", key)
        live.post("stop")
        live.finished()
