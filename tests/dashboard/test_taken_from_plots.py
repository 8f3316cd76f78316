"""What people take from a plot: a region that becomes parameters, and files of what is seen."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from dashboard.browser import Browser, a_page
from dashboard.conftest import showcase_map
from dashboard.plotting import array, canvas, choose, downloaded, mark, place
from live.pipelines import Live

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]


@pytest.fixture
def page(browser: Browser, measured: Live) -> Iterator[Page]:
    with a_page(browser, f"{measured.placement.controller_url}/#results") as one:
        yield one


# ---- regions -------------------------------------------------------------------------------------------------------------


def test_a_rectangle_on_an_image_becomes_parameters_and_reaches_the_workers(
    page: Page, measured: Live
) -> None:
    choose(page, "camera")
    mark(page, (64, 128), (128, 160))
    expect(page.locator("#plot .marked")).to_have_text("columns 64 to 128, rows 128 to 160")
    page.get_by_role("button", name="set roi").click()
    expect(page.get_by_role("button", name="roi is set")).to_be_visible()
    values = measured.get("epochs")["values"]
    assert [values[f"roi_{edge}"] for edge in ("x", "y", "width", "height")] == [64, 128, 64, 32]
    page.get_by_role("button", name="forget it").click()
    page.get_by_role("button", name="show roi").click()
    expect(page.locator("#plot .marked")).to_have_text("columns 64 to 128, rows 128 to 160")
    run = measured.arm(showcase_map(1))
    measured.finished()
    camera = array(
        measured, "camera/value" if "value" in measured.published()["camera"] else "camera/data"
    ).astype(int)
    region = camera[128:160, 64:128]
    counts = array(measured, "region/data" if "data" in measured.published()["region"] else "region/value")
    assert measured.progress()["run"] == run
    assert counts[-1] == region[region > values["threshold"]].sum()


def test_where_nothing_was_marked_a_finger_can_mark(page: Page) -> None:
    choose(page, "camera")
    page.get_by_label("mark a rectangle").check()
    canvas(page).scroll_into_view_if_needed()
    page.mouse.move(*place(page, 10, 20))
    page.mouse.down()
    page.mouse.move(*place(page, 30, 50), steps=4)
    page.mouse.up()
    expect(page.locator("#plot .marked")).to_have_text("columns 10 to 30, rows 20 to 50")


def test_a_range_is_marked_on_curves(page: Page) -> None:
    choose(page, "spectrum")
    page.get_by_label("mark a range").check()
    over = page.locator("#plot .u-over")
    # A choice has the curves drawn anew.
    expect(over).to_be_visible()
    box = over.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 60, steps=5)
    page.mouse.up()
    expect(page.locator("#plot .marked")).to_be_visible()
    expect(page.locator("#plot")).to_contain_text("No two parameters are named like a range")


# ---- files ---------------------------------------------------------------------------------------------------------------


def test_an_image_is_downloaded_in_every_form(page: Page, measured: Live, tmp_path: Path) -> None:
    choose(page, "virtual_powder")
    truth = array(measured, "virtual_powder/sum")
    expect(canvas(page)).to_be_visible()
    np.testing.assert_array_equal(np.load(downloaded(page, "npy", tmp_path)), truth)
    with downloaded(page, "CSV", tmp_path).open(newline="") as file:
        rows = list(csv.reader(file))
    assert (rows[0][0], len(rows)) == ("sum[0]", 257)
    np.testing.assert_array_equal(np.array(rows[1:], int), truth)
    with h5py.File(downloaded(page, "HDF5", tmp_path)) as part:
        np.testing.assert_array_equal(part["entry/virtual_powder/sum"], truth)
        assert "camera" not in part["entry"]
    with h5py.File(downloaded(page, "HDF5 of all", tmp_path)) as whole:
        assert {"camera", "kinds", "map"} <= set(whole["entry"])
    assert json.loads(downloaded(page, "JSON", tmp_path).read_text())[0]["sum"] == truth.tolist()
    picture = Image.open(io.BytesIO(downloaded(page, "PNG", tmp_path).read_bytes()))
    box = canvas(page).bounding_box()
    assert box is not None
    assert picture.width == round(box["width"]) + 32
    assert len(picture.getcolors(1_000_000) or []) > 200


def test_curves_are_downloaded_with_their_axis_and_errors(
    page: Page, measured: Live, tmp_path: Path, pictures: Path
) -> None:
    choose(page, "kinds/measured")
    expect(page.locator("#plot .u-legend")).to_be_visible()
    with downloaded(page, "CSV", tmp_path).open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["x", "y", "y_errors", "z"]
    for column, name in enumerate(rows[0]):
        truth = array(measured, f"kinds/measured/{name}")
        np.testing.assert_array_equal([float(row[column]) for row in rows[1:]], truth)
    picture = downloaded(page, "PNG", tmp_path).read_bytes()
    pictures.mkdir(parents=True, exist_ok=True)
    (pictures / "plot-as-a-file.png").write_bytes(picture)
    assert Image.open(io.BytesIO(picture)).width > 500
