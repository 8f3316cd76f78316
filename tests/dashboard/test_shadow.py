"""Another analysis looks on: the page shows what it publishes below what the run has, and of how many events that is."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from dashboard.browser import Browser, a_page, show
from dashboard.conftest import showcase_map
from live.pipelines import Live, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.long, pytest.mark.timeout(240)]
POINTS = 30


def over(live: Live, run: str) -> bool:
    shadow = live.get("shadow")["shadow"]
    return shadow is not None and shadow["copied"].get("run") == run and shadow["copied"]["over"]


def test_both_results_are_seen_side_by_side(showcase: Live, browser: Browser, pictures: Path) -> None:
    answer = showcase.post("shadow", json={"sample": 0.5})
    assert answer.status_code == 200, answer.text
    try:
        run = showcase.arm(showcase_map(POINTS))
        showcase.finished()
        wait_until(lambda: over(showcase, run), "the end of the shadow's run", showcase.state)
        copies = showcase.get("shadow")["shadow"]["copied"]["copies"]
        with a_page(browser, f"{showcase.placement.controller_url}/#results", (1700, 900)) as page:
            shadow = page.locator("#shadow")
            expect(shadow).to_contain_text(f"kinds:Worker over 50 % of the events: {copies} copies.")
            expect(shadow.locator("canvas").first).to_be_visible()
            show(page, "shadow", pictures)
    finally:
        assert showcase.post("shadow/stop").status_code == 200
    with a_page(browser, f"{showcase.placement.controller_url}/#results") as page:
        expect(page.locator("main")).to_contain_text("Published")
        wait_until(lambda: showcase.get("shadow")["shadow"] is None, "the end of the shadow", showcase.state)
        expect(page.locator("#shadow")).to_have_count(0)
