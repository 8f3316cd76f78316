"""Parameters, errors, logs and runs on the page: what is typed there reaches the processes, and what is shown there is what they have."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from playwright.sync_api import Locator, Page, expect

from dashboard.browser import PHONE, Browser, a_page, show
from dashboard.conftest import at_rest, showcase_map
from live.pipelines import TIMEOUT, Live, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]


@pytest.fixture
def page(browser: Browser, showcase: Live) -> Iterator[Page]:
    """A page, while no run goes on and all parameters are as the analysis describes them."""
    at_rest(showcase)
    with a_page(browser, showcase.placement.controller_url) as one:
        yield one


def go(page: Page, place: str) -> None:
    page.evaluate("place => location.hash = place", place)


def field(page: Page, name: str) -> Locator:
    return page.locator(f"[data-parameter='{name}']")


def put(page: Page, name: str, text: str) -> None:
    field(page, name).locator("input:not([type=file]), textarea").fill(text)


def events_with_the_newest(showcase: Live) -> None:
    """Changes between which no event is given out are one."""
    newest = showcase.get("epochs")["epochs"][-1]["first_event"]
    wait_until(lambda: showcase.progress()["last_assigned"] > newest, "more events", showcase.state)


def values(live: Live) -> dict[str, Any]:
    found: dict[str, Any] = live.get("epochs")["values"]
    return found


def measure(live: Live, points: int = 12) -> str:
    run = live.arm(showcase_map(points))
    live.finished()
    return run


# ---- parameters -----------------------------------------------------------------------------------------------------------


def test_what_is_set_by_the_form_is_one_epoch_that_reaches_the_workers_and_can_be_gone_back_from(
    page: Page, showcase: Live, pictures: Path
) -> None:
    showcase.arm(showcase_map(None))
    go(page, "parameters")
    before = showcase.get("epochs")
    put(page, "sample", "D-4")
    put(page, "line", "700")
    field(page, "keep_dark").get_by_role("checkbox").check()
    field(page, "scaling").get_by_role("combobox").select_option("log")
    expect(field(page, "sample")).to_contain_text("not set yet")
    expect(page.locator("#parameters")).to_contain_text("Not set yet: keep_dark, line, sample, scaling.")
    show(page, "parameters-edited", pictures)
    assert showcase.get("epochs") == before
    page.get_by_role("button", name="set 4 from the next event on").click()
    newest = page.locator("#epochs tbody tr").first
    expect(newest).to_contain_text("sample: C-17 → D-4")
    expect(newest).to_contain_text("line: 512 → 700")
    expect(newest).to_contain_text("keep_dark: false → true")
    expect(newest).to_contain_text("scaling: counts → log")
    wait_until(
        lambda: showcase.published()["about"]["sample"] == "D-4", "the sample in the result", showcase.state
    )
    after = showcase.get("epochs")
    assert after["epoch"] == before["epoch"] + 1
    assert [after["values"][name] for name in ("sample", "line", "keep_dark", "scaling")] == [
        "D-4",
        700,
        True,
        "log",
    ]
    expect(newest).to_contain_text(f"{after['epochs'][-1]['first_event']:,} on")
    expect(field(page, "sample")).not_to_contain_text("not set yet")
    show(page, "parameters", pictures)
    events_with_the_newest(showcase)
    put(page, "sample", "E-9")
    page.get_by_role("button", name="set from the next event on").click()
    wait_until(lambda: values(showcase)["sample"] == "E-9", "the second change", showcase.state)
    events_with_the_newest(showcase)
    page.locator("#epochs tbody tr").last.get_by_role("button", name="back to this").click()
    wait_until(lambda: values(showcase)["sample"] == "C-17", "the first values", showcase.state)
    assert [values(showcase)[name] for name in ("line", "keep_dark")] == [512, False]
    expect(field(page, "line").locator("input")).to_have_value("512")
    expect(newest).to_contain_text("sample: E-9 → C-17")
    page.get_by_role("button", name="undo").click()
    wait_until(lambda: values(showcase)["sample"] == "E-9", "the undoing", showcase.state)


def test_a_value_that_is_none_is_refused_beside_its_field(page: Page, showcase: Live, pictures: Path) -> None:
    go(page, "parameters")
    button = page.get_by_role("button", name="from the next event on")
    put(page, "line", "5000")
    expect(field(page, "line")).to_contain_text("This takes 0 to 2047.")
    put(page, "band", "[1, 2, 3]")
    expect(field(page, "band")).to_contain_text("the array has shape (3,), not (2,)")
    show(page, "parameters-refused", pictures)
    expect(button).to_be_disabled()
    put(page, "line", "600")
    expect(button).to_be_disabled()
    put(page, "band", "[-5, 5]")
    expect(button).to_be_enabled()
    button.click()
    wait_until(lambda: values(showcase)["band"] == [-5, 5], "the band", showcase.state)
    assert values(showcase)["line"] == 600


def test_what_others_set_appears_and_what_was_typed_stays(page: Page, showcase: Live) -> None:
    go(page, "parameters")
    put(page, "sample", "mine")
    showcase.set(sample="theirs", line=900)
    expect(field(page, "line").locator("input")).to_have_value("900")
    expect(field(page, "sample")).to_contain_text(
        "It was set to theirs elsewhere; it was C-17 when you began."
    )
    expect(field(page, "sample").locator("input")).to_have_value("mine")
    go(page, "log")
    go(page, "parameters")
    expect(field(page, "sample").locator("input")).to_have_value("mine")
    field(page, "sample").get_by_role("button", name="keep theirs").click()
    expect(field(page, "sample").locator("input")).to_have_value("theirs")
    field(page, "line").get_by_role("button", name="default 512").click()
    page.get_by_role("button", name="set from the next event on").click()
    wait_until(lambda: values(showcase)["line"] == 512, "the default", showcase.state)
    assert values(showcase)["sample"] == "theirs"


def test_a_file_is_sent_with_its_name_and_reaches_the_workers(
    page: Page, showcase: Live, tmp_path: Path, pictures: Path
) -> None:
    bright = tmp_path / "response.npy"
    np.save(bright, np.full((256, 256), 1e9))
    go(page, "parameters")
    field(page, "flat_field").locator("input[type=file]").set_input_files(bright)
    expect(field(page, "flat_field")).to_contain_text("response.npy (524 kB)")
    put(page, "sample", "flat")
    page.get_by_role("button", name="set 2 from the next event on").click()
    told = field(page, "flat_field").locator("[title^='SHA-256']")
    expect(told).to_contain_text("524 kB")
    size, digest = values(showcase)["flat_field_file"].split(" bytes, SHA-256 ")
    assert (int(size), values(showcase)["flat_field"]) == (bright.stat().st_size, "response.npy")
    expect(told).to_have_attribute("title", f"SHA-256 {digest}")
    address = f"{showcase.placement.controller_url}/api/v1/parameter/flat_field_file"
    assert requests.get(address, timeout=TIMEOUT).content == bright.read_bytes()
    show(page, "parameters-file", pictures)
    measure(showcase)
    assert showcase.published()["virtual_powder"]["sum"].max() == 0
    field(page, "flat_field").get_by_role("button", name="remove").click()
    page.get_by_role("button", name="set from the next event on").click()
    expect(field(page, "flat_field")).to_contain_text("no file")
    measure(showcase)
    assert showcase.published()["virtual_powder"]["sum"].max() > 0


# ---- errors ---------------------------------------------------------------------------------------------------------------


def test_a_kind_of_failure_is_opened_and_its_capsule_makes_the_call_again(
    page: Page, showcase: Live, tmp_path: Path, pictures: Path
) -> None:
    showcase.set(fail_every=7)
    run = measure(showcase, 40)
    go(page, "errors")
    group = page.locator("#failures .failure")
    expect(group).to_have_count(1)
    [told] = showcase.get("errors")
    group.locator("summary").first.click()
    facts = group.locator(".facts")
    for expected in (
        str(told["count"]),
        f"{told['first_event']} and {told['last_event']}",
        ", ".join(told["workers"]),
        told["what_to_do"],
    ):
        expect(facts).to_contain_text(expected)
    expect(group.locator(".culprit")).to_contain_text("showcase.py")
    expect(group.locator(".culprit code")).to_contain_text("raise ValueError(")
    expect(group.locator(".calls .own")).to_have_count(2)
    show(page, "errors", pictures)
    with page.expect_download() as download:
        group.get_by_role("link", name=".capsule").first.click()
    kept = tmp_path / download.value.suggested_filename
    download.value.save_as(kept)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    group.get_by_role("button", name="copy").click()
    expect(group).to_contain_text("copied")
    command = page.evaluate("navigator.clipboard.readText()")
    assert command == f"beamloom debug {kept.name}"
    again = subprocess.run(
        [sys.executable, "-m", *command.split()], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert again.returncode == 1, again.stderr
    assert "ValueError: the shutter was closed at event" in again.stderr
    facts.get_by_role("link").first.click()
    expect(page.locator("main")).to_contain_text(f"the shutter was closed at event {told['first_event']}")
    showcase.set(fail_every=0)
    measure(showcase)
    go(page, "errors")
    expect(page.locator("#failures")).to_contain_text("Nothing has failed in this run.")
    go(page, f"errors?run={run}&open={told['signature']}")
    expect(page.locator("#failures .culprit")).to_be_visible()


# ---- the log --------------------------------------------------------------------------------------------------------------


def test_the_log_is_followed_filtered_sought_and_held_still(
    page: Page, showcase: Live, pictures: Path
) -> None:
    first = measure(showcase)
    go(page, "log")
    lines = page.locator(".log li")
    page.get_by_label("with the words").fill(f"{first} armed")
    expect(lines).to_have_count(1)
    expect(lines.locator("mark")).to_have_text([first, "armed"])
    [line] = [one for one in showcase.get("logs") if first in one["msg"] and "armed" in one["msg"]]
    expect(lines.locator(".words")).to_have_text(line["msg"])
    expect(lines.locator("time")).to_have_attribute("title", universal(page, float(line["created"])))
    show(page, "log-sought", pictures)
    page.get_by_role("button", name="hold still").click()
    page.get_by_label("with the words").fill("is armed")
    expect(lines.first).to_contain_text(first)
    second = measure(showcase)
    expect(page.locator("#log")).to_contain_text("new lines since")
    expect(lines.first).to_contain_text(first)
    page.get_by_role("button", name="go on").click()
    expect(lines.first).to_contain_text(second)
    page.get_by_label("with the words").fill("")
    page.locator("#log select").nth(1).select_option("controller")
    here = [one for one in showcase.get("logs") if one["service"] == "controller"]
    expect(lines).to_have_count(len(here))
    expect(lines.first.locator(".words")).to_have_text(here[-1]["msg"])
    page.get_by_label("from level").select_option("ERROR")
    expect(page.locator("#log")).to_contain_text("No line is like that")
    page.get_by_label("from level").select_option("DEBUG")
    page.get_by_label("wrap long lines").uncheck()
    page.reload()
    expect(page.get_by_label("wrap long lines")).not_to_be_checked()
    expect(page.locator(".log.long")).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_label("with the words")).to_be_focused()
    show(page, "log", pictures)


def universal(page: Page, seconds: float) -> str:
    text: str = page.evaluate(
        "at => new Date(at * 1000).toISOString().replace('T', ' ').replace('Z', '') + ' UTC'", seconds
    )
    return text


# ---- runs -----------------------------------------------------------------------------------------------------------------


def test_a_run_is_looked_at_before_it_is_armed_and_stopped_when_that_was_meant(
    page: Page, showcase: Live, pictures: Path
) -> None:
    go(page, "runs")
    arm = page.get_by_role("button", name="arm", exact=True)
    page.get_by_label("windows that overlap").check()
    page.get_by_label("frames shared by neighbours").fill("4")
    expect(page.locator("#arm")).to_contain_text("needs 5 different workers")
    expect(arm).to_be_disabled()
    show(page, "arm-refused", pictures)
    page.get_by_label("batches to the same worker").check()
    page.get_by_label("in a row").fill("3")
    page.get_by_label("until stopped").check()
    row = page.locator("#arm .map tbody tr", has_text="camera")
    expect(row.locator("td").first).to_have_text("all")
    expect(row.locator("td").nth(3)).to_have_text("0")
    expect(row.locator("td").nth(4)).to_have_text("0")
    expect(page.locator("#arm")).to_contain_text("3 in a row go to the same worker")
    show(page, "arm", pictures)
    before = showcase.progress()["run"]
    arm.click()
    wait_until(lambda: showcase.progress()["run"] != before, "another run", showcase.state)
    wait_until(lambda: showcase.completed(6), "a few events", showcase.state)
    cells = showcase.get("sequence")["parts"]["main"]["mapping"]["camera"]
    assert [cell[0]["constraint"] for cell in cells] == [0, 0, 0]
    page.get_by_role("button", name="stop the run").click()
    page.get_by_role("button", name="let it go on").click()
    assert not showcase.progress()["finished"]
    page.get_by_role("button", name="stop the run").click()
    show(page, "stop", pictures)
    page.get_by_role("button", name="yes, stop it").click()
    end = showcase.finished()
    expect(page.locator(f"tr[data-run='{end['run']}']")).to_contain_text("stopped: asked to stop")
    expect(page.locator("#arm")).to_contain_text("Begin a run")


def test_two_runs_are_compared_in_counts_parameters_and_results(
    page: Page, showcase: Live, pictures: Path
) -> None:
    first = measure(showcase, 20)
    published = [showcase.published()["about"]["points"]]
    showcase.set(sample="D-4", line=700, fail_every=9)
    second = measure(showcase, 30)
    published.append(showcase.published()["about"]["points"])
    go(page, "runs")
    for run in (first, second):
        page.get_by_label(f"compare run {run[:8]}").check()
    table = page.locator("#compared table").first
    summaries = {one["run"]: one for one in showcase.get("runs")}

    def row(name: str) -> Locator:
        return table.locator("tr", has=page.get_by_role("rowheader", name=name, exact=True)).locator("td")

    for name in ("reduced", "failed", "lost"):
        expect(row(name).first).to_have_text(str(summaries[first][name]))
        expect(row(name).nth(1)).to_have_text(str(summaries[second][name]))
    expect(row("events")).to_have_text(["22", "32", "+10"])
    expect(row("in the result").nth(1)).to_have_text(showcase.get(f"runs/{second}")["coverage"])
    expect(row("sample")).to_have_text(["C-17", "D-4", ""])
    expect(row("line")).to_have_text(["512", "700", "+188"])
    expect(row("fail_every")).to_have_text(["0", "9", "+9"])
    expect(table).not_to_contain_text("roi_x")
    points = page.locator("#numbers tr", has=page.get_by_role("rowheader", name="about/points")).locator("td")
    expect(points).to_have_text([*map(str, published), re.compile(r"\+\d+")])
    expect(page.locator("#compared .u-legend")).to_contain_text(f"run {second[:8]}")
    show(page, "compared", pictures)
    page.locator("#compared .plotted select").select_option("virtual_powder")
    expect(page.locator("#compared .sides canvas")).to_have_count(4)
    show(page, "compared-images", pictures)
    line = page.locator(f"tr[data-run='{second}']")
    line.get_by_role("button", name=second[:8]).click()
    detail = page.locator("tr.more")
    expect(detail).to_contain_text(showcase.get(f"runs/{second}")["coverage"])
    expect(detail).to_contain_text("D-4")
    show(page, "runs", pictures)
    line.get_by_role("link", name="failed").click()
    expect(page.locator("#failures .failure")).to_have_count(1)
    go(page, f"runs?show={second}")
    line.get_by_role("link", name="results").click()
    expect(page.locator(".tree").first).to_contain_text("virtual_powder")
    expect(page.locator("main")).to_contain_text(f"of run {second[:8]}")


def test_a_run_is_armed_again_like_one_before_with_its_parameters(
    page: Page, showcase: Live, pictures: Path
) -> None:
    showcase.set(sample="D-4")
    before = measure(showcase, 17)
    showcase.set(sample="other")
    go(page, "runs")
    page.locator(f"tr[data-run='{before}']").get_by_role("link", name="arm again").click()
    arm = page.locator("#arm")
    expect(arm).to_contain_text("sample: other → D-4")
    expect(arm).to_contain_text("19 events")
    show(page, "arm-again", pictures)
    page.get_by_role("button", name="arm", exact=True).click()
    wait_until(lambda: showcase.progress()["run"] != before, "another run", showcase.state)
    assert showcase.finished()["total_events"] == 19
    again = showcase.get(f"runs/{showcase.progress()['run']}")
    assert again["epochs"][0]["values"]["sample"] == "D-4"
    assert showcase.published()["about"]["sample"] == "D-4"


@pytest.mark.parametrize("view", ["parameters", "errors", "log", "runs"])
def test_the_forms_fit_on_a_phone_and_are_read_in_the_dark(
    browser: Browser, showcase: Live, pictures: Path, view: str
) -> None:
    failed = next((one["run"] for one in showcase.get("runs") if one["failed"]), None)
    if failed is None:
        showcase.set(fail_every=5)
        failed = measure(showcase)
    [kind] = showcase.get(f"errors?run={failed}")
    query = {"runs": f"?show={failed}", "errors": f"?run={failed}&open={kind['signature']}"}.get(view, "")
    address = f"{showcase.placement.controller_url}/#{view}{query}"
    with a_page(browser, address, PHONE, dark=True) as page:
        expect(page.locator("main .panel").first).to_be_visible()
        expect(page.locator("main")).not_to_contain_text("Asking")
        show(page, f"phone-{view}", pictures)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
