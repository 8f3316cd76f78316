"""The page of the rules: what it shows is what the service tells, and what is pressed there is done."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from beamloom.control.rules import RulesHost
from beamloom.settings import ControllerSettings
from control.live import Live
from dashboard.browser import PHONE, WIDE, Browser, a_page, show
from dashboard.test_access import AXE, wrong
from rules.conftest import frames, series
from support.patience import STARTING
from support.rules_service import TYPES

pytestmark = [pytest.mark.processes, pytest.mark.timeout(400)]


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    """A pipeline whose controller has rules, which read and write in ``data``."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # for the tasks of these tests
    data = tmp_path / "data"
    series(data / "cell", frames(40))
    settings = ControllerSettings(rules_below=(str(data),), rule_types=TYPES, rules_workers=1)
    with closing(RulesHost(settings, tmp_path / "ledger")) as host, Live(rules=host) as live:
        host.address().result(STARTING)
        yield live


def submit(live: Live, tmp_path: Path) -> int:
    """A step that waits for ``marker``, two that follow it, of which one fails, and one that joins them."""
    inputs = {"series": str(tmp_path / "data" / "cell")}
    held = {"marker": str(tmp_path / "marker")}
    bad = {"marker": str(tmp_path / "bad"), "bad": [3, 14]}
    chain: dict[str, Any] = {
        "title": "a cell, looked at",
        "chain": [
            {"rule": "holds", "name": "wait", "inputs": inputs, "arguments": {"chunk": 10, "parameters": held}},
            {"rule": "table", "name": "measure", "inputs": inputs, "outputs": {"results": str(tmp_path / "data" / "sums.npy")}},
            {"rule": "fails_where_told", "name": "doubt", "after": "wait", "inputs": inputs, "arguments": {"chunk": 10, "parameters": bad}},
            {"rule": "sums", "name": "join", "after": ["measure", "doubt"], "inputs": inputs},
        ],
    }  # fmt: skip
    answer = live.post("rules", json=chain, params={"by": "anna"})
    assert answer.status_code == 200, answer.text
    number: int = answer.json()["id"]
    return number


def step(page: Page, name: str) -> Any:
    return page.get_by_role("region", name=name, exact=True)


def nothing_goes_on(page: Page) -> None:
    expect(page.locator("#active-rules")).to_contain_text("No rule goes on now.")


def test_a_chain_is_followed_repaired_and_its_file_downloaded(
    live: Live, browser: Browser, tmp_path: Path, pictures: Path
) -> None:
    for name in ("marker", "bad"):
        (tmp_path / name).touch()
    # A service that is asked again later on a busy machine is no error of the page.
    with a_page(browser, f"{live.root}/#rules", WIDE, allow="503") as page:
        nothing_goes_on(page)
        chain = submit(live, tmp_path)
        graph = page.locator(".graph")
        expect(graph.locator("[data-step]")).to_have_count(4)
        expect(graph.locator(".link")).to_have_count(4)
        expect(step(page, "wait")).to_contain_text("running")
        expect(step(page, "join")).to_contain_text("waiting")
        expect(page.locator("#active-rules h3")).to_contain_text("a cell, looked at")
        expect(page.locator("#active-rules h3")).to_contain_text("by anna")
        show(page, "rules-running", pictures)
        (tmp_path / "marker").unlink()
        told = live.wait_for(f"rules/{chain}", lambda told: told["state"] == "failed")
        nothing_goes_on(page)
        page.locator(f"[data-row='{chain}']").get_by_role("button").click()
        expect(page.locator(f"[data-row='{chain}']")).to_contain_text("2 of 4 rules done, 20 frames failed")
        for one in told["steps"]:
            expect(step(page, one["name"])).to_contain_text(one["state"])
        expect(step(page, "join")).to_contain_text(told["steps"][3]["reason"])
        failure = step(page, "doubt").locator(".failure").first
        expect(failure).to_contain_text("ValueError: frame 1 is bad")
        expect(failure).to_contain_text("1 chunk given up, frames 0 to 9")
        failure.locator("summary").click()
        expect(failure.locator("pre")).to_contain_text("Traceback")
        show(page, "rules-failed", pictures)
        with page.expect_download() as download:
            step(page, "measure").get_by_role("link", name="sums.npy").click()
        kept = tmp_path / "kept.npy"
        download.value.save_as(kept)
        assert kept.read_bytes() == (tmp_path / "data" / "sums.npy").read_bytes()
        (tmp_path / "bad").unlink()
        page.get_by_role("button", name="try again what failed").click()
        live.wait_for(f"rules/{chain}", lambda told: told["state"] == "done")
        expect(page.locator(f"[data-row='{chain}']")).to_contain_text("✓ done")
        nothing_goes_on(page)
        expect(step(page, "join")).to_contain_text("40 of 40 frames")
        show(page, "rules-done", pictures)


@pytest.mark.long
def test_a_chain_is_cancelled_after_a_second_question_and_the_keyboard_reaches_all(
    live: Live, browser: Browser, tmp_path: Path, pictures: Path
) -> None:
    (tmp_path / "marker").touch()
    chain = submit(live, tmp_path)
    with a_page(browser, live.root, PHONE, dark=True, allow="503") as page:
        page.keyboard.press("9")
        expect(step(page, "wait")).to_contain_text("running")
        if AXE.is_file():
            page.evaluate(AXE.read_text())
            assert wrong(page) == []
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE[0]
        show(page, "rules-phone", pictures)
        page.locator(".graph [data-step]").first.focus()
        page.keyboard.press("Enter")
        expect(page.locator(".rule.chosen")).to_have_attribute("aria-label", "wait")
        page.get_by_role("button", name="cancel").click()
        sure = page.get_by_role("button", name="yes, cancel it")
        expect(sure).to_be_focused()
        page.keyboard.press("Escape")
        expect(sure).to_be_hidden()
        assert live.read(f"rules/{chain}")["state"] == "running"
        page.get_by_role("button", name="cancel").click()
        expect(sure).to_be_focused()
        page.keyboard.press("Enter")
        live.wait_for(f"rules/{chain}", lambda told: told["state"] == "cancelled")
        expect(page.locator(f"[data-row='{chain}']")).to_contain_text("– cancelled")


def test_where_the_service_cannot_be_had_the_page_says_so(browser: Browser) -> None:
    with Live() as live, a_page(browser, f"{live.root}/#rules", allow="503") as page:
        expect(page.locator("#active-rules .problem")).to_contain_text("beamloom rules serve")
