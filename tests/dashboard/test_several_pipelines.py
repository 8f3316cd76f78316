"""The dashboard of several pipelines at one address: a switch between them, and each page shows its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from beamloom.access import Access
from beamloom.control.front import Front, make_front
from beamloom.transport.http_server import HttpServer
from control.live import Live, simple_map
from dashboard.browser import Browser, a_page

pytestmark = [pytest.mark.processes, pytest.mark.long, pytest.mark.timeout(120)]


@pytest.fixture
def two() -> Iterator[tuple[Live, Live, str]]:
    """Two pipelines, the second one with a run, and the address of their front."""
    with Live() as a, Live() as b:
        b.arm(simple_map(7))
        front = make_front(Front({"saxs": a.root, "waxs": b.root}))
        with HttpServer(front, access=Access(decided_behind=True)) as server:
            yield a, b, server.url


def test_one_switches_between_pipelines_and_sees_each_by_itself(
    browser: Browser, two: tuple[Live, Live, str]
) -> None:
    _, b, front = two
    # The reducers of these pipelines serve nothing.
    with a_page(browser, f"{front}/", allow="503") as page:
        switch = page.get_by_role("navigation", name="Pipelines")
        expect(switch.get_by_role("link")).to_have_text(["saxs", "waxs"])
        expect(switch.locator("[aria-current]")).to_have_text("saxs")
        expect(page.get_by_role("status").first).to_contain_text("no run has been armed yet")
        switch.get_by_role("link", name="waxs").click()
        expect(page).to_have_url(f"{front}/pipelines/waxs/#")
        expect(page).to_have_title("Now · waxs · Beamloom")
        expect(page.locator("[data-figure='events'] dd")).to_have_text("0 of 9")
        expect(switch.locator("[aria-current]")).to_have_attribute("title", "running, 0 of 9 events")
        # What is done on a page is done to its pipeline.
        page.goto(f"{front}/pipelines/waxs/#runs")
        page.get_by_role("button", name="stop", exact=False).first.click()
        page.get_by_role("button", name="yes, stop it").click()
        b.wait_for("progress", lambda progress: progress["stopped"])
        switch.get_by_role("link", name="saxs").click()
        expect(page).to_have_url(f"{front}/pipelines/saxs/#runs")
        expect(switch.locator("[aria-current]")).to_have_text("saxs")


def test_a_pipeline_alone_has_no_switch(browser: Browser, two: tuple[Live, Live, str]) -> None:
    a, _, _ = two
    with a_page(browser, f"{a.root}/") as page:
        with page.expect_response(f"{a.root}/pipelines") as told:
            page.reload()
        assert told.value.ok
        expect(page.locator("#streams tbody tr")).not_to_have_count(0)
        expect(page.get_by_role("navigation", name="Pipelines")).to_have_count(0)
        expect(page).to_have_title("Now · Beamloom")
