"""The first view: how the run is, and its streams and processes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from beamloom import GiveFeedback, Result
from control.live import Live as InMemory
from control.live import simple_map
from dashboard.browser import PHONE, Browser, a_page, show
from dashboard.conftest import showcase_map
from live.pipelines import Live
from services.bench import Gathering, frame, series

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]


def test_before_the_first_run_it_is_ready(browser: Browser) -> None:
    with InMemory() as live, a_page(browser, live.root) as page:
        expect(page.get_by_label("Health")).to_contain_text("Ready: no run has been armed yet")


class Deciding(Gathering):
    """Warns at its second result, and has the run stopped with its fourth."""

    feedback: GiveFeedback

    def process_result(self, result: Result) -> None:
        super().process_result(result)
        if self.publish["count"] == 2:
            self.feedback("warning", reason="the camera is saturated", level=65_000)
        if self.publish["count"] == 4:
            self.feedback("stop", "four are enough")


def test_what_the_analysis_says_is_on_the_first_view(browser: Browser, pictures: Path) -> None:
    with (
        InMemory(reducer=Deciding, workers=("worker-1",)) as live,
        a_page(browser, live.root) as page,
    ):
        strip, said = page.get_by_label("Health"), page.locator("#feedback")
        live.arm(simple_map(12))
        live.do(lambda: live.feeds["eiger"].send(series(2)[:3]))
        expect(said).to_contain_text("the camera is saturated (level=65000)")
        expect(strip).to_contain_text("The analysis gives a warning at event 1: the camera is saturated")
        show(page, "feedback", pictures)
        live.do(lambda: live.feeds["eiger"].send([frame(3), frame(4)]))
        expect(said.locator("tr").first).to_contain_text("four are enough")
        expect(strip).to_contain_text("The run ended early: the analysis said stop: four are enough.")


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
