"""Results on the page: the right plot for each kind, the values of the reducer under the cursor, files and links of what is seen."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import h5py
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from beamloom.results.http import make_app as results_app
from beamloom.transport.http_server import HttpServer
from control.live import Live as InMemory
from dashboard.browser import PHONE, Browser, a_page, show
from dashboard.conftest import POINTS, showcase_map
from dashboard.plotting import array, boxes, canvas, choose, downloaded, place, point_at
from live.pipelines import Live, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]


@pytest.fixture
def page(browser: Browser, measured: Live) -> Iterator[Page]:
    with a_page(browser, f"{measured.placement.controller_url}/#results") as one:
        yield one


def said(page: Page) -> Any:
    """What is said of the place under the cursor."""
    return expect(page.locator("#plot output"))


# ---- the right plot ------------------------------------------------------------------------------------------------------


def test_the_tree_names_all_that_is_published(page: Page, measured: Live) -> None:
    names = page.locator(".panel > .tree > li > .branch > a")
    expect(names).to_have_text([name for name in measured.published() if not name.endswith("_attrs")])


@pytest.mark.parametrize(
    "path", ["spectrum", "curves", "region", "brightness", "kinds/measured", "kinds/steps"]
)
def test_curves_are_drawn_with_their_names(page: Page, pictures: Path, path: str) -> None:
    choose(page, path)
    expect(page.locator("#plot .u-legend")).to_be_visible()
    show(page, f"plot-{path.replace('/', '-')}", pictures)


@pytest.mark.parametrize("path", ["map", "waterfall", "kinds/places", "kinds/stack", "kinds/projections"])
def test_images_and_points_are_drawn_with_their_scale(page: Page, pictures: Path, path: str) -> None:
    choose(page, path)
    expect(page.locator("#plot .scale")).to_be_visible()
    show(page, f"plot-{path.replace('/', '-')}", pictures)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("about/sample", "C-17"),
        ("kinds/number", "0.3"),
        ("kinds/big_integer", str(2**63 - 25)),
        ("kinds/not_a_number", "not a number"),
        ("kinds/complex_number", "(3-4j)"),
        ("kinds/truth", "true"),
    ],
)
def test_a_single_value_is_shown_as_it_is(page: Page, path: str, text: str) -> None:
    choose(page, path)
    expect(page.locator("#plot .value")).to_have_text(text)


def test_before_the_first_run_it_is_said_that_there_was_none(browser: Browser) -> None:
    with InMemory() as live, HttpServer(results_app(live.bench.desk)) as results:
        live.show_results_at(results.url)
        with a_page(browser, f"{live.root}/#results", allow="404") as page:
            expect(page.locator("#plot [role=status]")).to_contain_text(
                "Nothing is published yet. No run has been armed yet."
            )


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("kinds/all_nan", "No element of it is a number yet. 32 events were reduced."),
        ("never", "No element of it is a number yet."),
        ("kinds/empty", "It is empty: nothing has been added to it yet. 32 events were reduced."),
        ("kinds/none", "It has no value (None)."),
    ],
)
def test_what_is_empty_says_why(page: Page, path: str, sentence: str) -> None:
    choose(page, path)
    expect(page.locator("#plot [role=status]")).to_contain_text(sentence)


def test_a_part_that_is_not_there_says_so(page: Page) -> None:
    page.evaluate("location.hash = 'results?path=nowhere'")
    expect(page.locator("#plot")).to_contain_text("There is no nowhere in the results now")


def test_texts_records_and_times_are_tables(page: Page) -> None:
    cells = page.locator("#plot tbody td")
    choose(page, "kinds/words")
    expect(cells).to_have_text(["2", "delta", "1", "beta, gamma", "0", "alpha"])
    choose(page, "kinds/records")
    expect(page.locator("#plot thead th")).to_have_text(["row", "n", "x", "element"])
    expect(cells).to_have_text(["1", "2", "–", "Cu", "0", "1", "0.5", "Fe"])
    choose(page, "kinds/times")
    expect(cells.nth(1)).to_have_text("2026-11-22T03:04:00")


def test_a_table_shows_its_newest_row_on_top_and_goes_back(page: Page, measured: Live) -> None:
    choose(page, "peaks")
    cells = page.locator("#plot tbody tr").first.locator("td")
    newest = array(measured, "peaks/x")
    expect(cells.first).to_have_text(str(len(newest) - 1))
    expect(cells.nth(2)).to_have_text(str(newest[-1]))
    choose(page, "kinds/large", "&as=table")
    large = array(measured, "kinds/large")
    expect(page.locator("#plot tbody tr").first.locator("td").nth(5)).to_have_text(str(large[-1, 4]))
    page.get_by_role("button", name="earlier").click()
    expect(page.locator("#plot tbody tr").first.locator("td").nth(5)).to_have_text(str(large[1100, 4]))


def test_a_group_leads_to_its_default_however_deep(page: Page) -> None:
    choose(page, "kinds/chain")
    expect(page.locator("#plot h2")).to_have_text("leaf")
    choose(page, "kinds")
    expect(page.locator("#plot .values")).to_contain_text("1500 × 3000 uint16")


def test_another_way_of_showing_can_be_chosen(page: Page) -> None:
    choose(page, "camera")
    page.get_by_role("group", name="Shown as").get_by_role("button", name="curves").click()
    expect(page.locator("#plot .u-legend")).to_be_visible()
    assert "as=curves" in page.url


# ---- values under the cursor ---------------------------------------------------------------------------------------------


def test_the_value_under_the_cursor_is_that_of_the_reducer(page: Page, measured: Live) -> None:
    choose(page, "virtual_powder")
    image = array(measured, "virtual_powder/sum")
    for column, row in ((200, 60), (0, 0), (255, 255)):
        point_at(page, column, row)
        said(page).to_have_text(f"column {column}, row {row}: {image[row, column]:,} counts")


def test_of_an_image_that_is_made_smaller_the_value_is_exact_where_the_cursor_rests(
    page: Page, measured: Live, pictures: Path
) -> None:
    choose(page, "kinds/large")
    large = array(measured, "kinds/large")
    expect(page.locator("#plot")).to_contain_text("Each pixel here is the largest of")
    for column, row in ((2999, 1499), (1234, 567)):
        point_at(page, column, row)
        said(page).to_have_text(f"column {column}, row {row}: {large[row, column]:,} counts")
    show(page, "plot-large", pictures)
    canvas(page).focus()
    for _ in range(20):
        page.keyboard.press("+")
    expect(page.locator("#plot")).not_to_contain_text("Each pixel here is the largest of")
    seen, _, _ = boxes(page)
    column, row = int(seen[0] + seen[2] / 2), int(seen[1] + seen[3] / 2)
    point_at(page, column, row)
    said(page).to_have_text(f"column {column}, row {row}: {large[row, column]:,} counts")


def test_planes_are_chosen_by_sliders_and_named_by_their_axes(page: Page, measured: Live) -> None:
    choose(page, "kinds/stack")
    stack = array(measured, "kinds/stack/i")
    sliders = page.locator("#plot .plane")
    expect(sliders).to_contain_text("3 of 0 to 3: 7.4")
    sliders.get_by_label("photon energy (keV)").fill("1")
    expect(sliders).to_contain_text("1 of 0 to 3: 7.2")
    point_at(page, 10, 29)
    said(page).to_have_text(f"column 10, row 29, x 0.0525, y -5: {stack[1, 29, 10]:.6g} counts")
    _, _, up = boxes(page)
    # Positions that fall, in a graph where they grow upwards: the first row is on top.
    assert not up


def test_rows_of_a_camera_go_downwards_and_the_newest_is_seen_first(page: Page, measured: Live) -> None:
    choose(page, "kinds/projections")
    stack = array(measured, "kinds/projections/i")
    plane = page.locator("#plot .plane")
    expect(plane).to_contain_text("0 of 0 to 3: 9")
    point_at(page, 10, 4)
    said(page).to_have_text(f"column 10, row 4, x -10, y 8: {stack[0, 4, 10]:.6g}")
    seen, shown, up = boxes(page)
    assert not up
    # One of two rows is there: where pixels of the camera are square, what is seen of it is twice as high.
    assert shown[3] / shown[2] == pytest.approx(2 * seen[3] / seen[2], rel=0.02)
    expect(page.get_by_label("same scale")).to_be_checked()
    plane.get_by_label("event").fill("3")
    expect(plane).to_contain_text("3 of 0 to 3: 2")
    point_at(page, 11, 4)
    said(page).to_have_text(f"column 11, row 4, x -9, y 8: {stack[3, 4, 11]:.6g}")


def test_points_tell_their_place_and_value(page: Page, measured: Live) -> None:
    choose(page, "kinds/places")
    x, y, v = (array(measured, f"kinds/places/{name}").astype(float) for name in "xyv")
    best = int(np.argmax(x))
    canvas(page).scroll_into_view_if_needed()
    page.mouse.move(*place(page, x[best], y[best]))
    said(page).to_have_text(f"x {x[best]:.6g}, y {y[best]:.6g}: {v[best]:.6g} counts")
    # The first of the two axes is along, as in silx and h5web.
    seen, _, up = boxes(page)
    assert seen[2] == pytest.approx(1.06 * np.ptp(x))
    assert seen[3] == pytest.approx(1.06 * np.ptp(y))
    assert up


def test_curves_are_zoomed_and_moved_by_keys(page: Page) -> None:
    choose(page, "kinds/measured")
    expect(page.locator("#plot .u-over")).to_be_visible()
    curves = page.locator("#plot .curves")
    curves.focus()
    page.keyboard.press("+")
    expect(page).to_have_url(re.compile(r"see=-2\.4%2C2\.4"))
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile(r"see=-1\.92%2C2\.88"))
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile(r"see=-1\.8%2C3"))
    page.keyboard.press("0")
    expect(page).not_to_have_url(re.compile("see="))


def test_curves_tell_their_values_in_the_legend(page: Page, measured: Live) -> None:
    choose(page, "kinds/steps")
    over = page.locator("#plot .u-over")
    box = over.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 1.1 / 16, box["y"] + box["height"] / 2)
    counts = array(measured, "kinds/steps/n")
    expect(page.locator("#plot .u-legend")).to_contain_text(
        re.compile(rf"edges \(µm\):?\s*1\s*n:?\s*{counts[1]}$")
    )


def test_complex_numbers_are_shown_by_the_part_that_is_chosen(page: Page, measured: Live) -> None:
    choose(page, "kinds/complex", "&as=table")
    expect(page.locator("#plot tbody td").nth(1)).to_contain_text("j)")
    choose(page, "kinds/complex")
    page.get_by_label("of it").select_option("phase")
    page.locator("#plot .u-over").hover()
    phase = np.angle(array(measured, "kinds/complex"))
    near = [f"{value:.6g}" for value in phase[90:110]]
    expect(page.locator("#plot .u-legend")).to_contain_text(re.compile("|".join(map(re.escape, near))))


# ---- colours -------------------------------------------------------------------------------------------------------------


def drawn(page: Page) -> npt.NDArray[Any]:
    """The shades of what is drawn within the axes."""
    png = base64.b64decode(canvas(page).evaluate("one => one.toDataURL('image/png').split(',')[1]"))
    _, shown, _ = boxes(page)
    left, top, wide, high = (round(one) for one in shown)
    return np.asarray(Image.open(io.BytesIO(png)).convert("L"), float)[top : top + high, left : left + wide]


def likeness(page: Page, truth: npt.NDArray[Any]) -> float:
    """How what is drawn correlates with 16 x 16 blocks."""
    shades = drawn(page)
    high, wide = (length // 16 * 16 for length in shades.shape)
    blocks = shades[:high, :wide].reshape(16, high // 16, 16, wide // 16).mean((1, 3))
    return float(np.corrcoef(blocks.ravel(), truth.ravel())[0, 1])


def test_an_image_is_drawn_from_dark_to_bright(page: Page, measured: Live) -> None:
    choose(page, "virtual_powder")
    expect(canvas(page)).to_be_visible()
    truth = array(measured, "virtual_powder/sum").astype(float)
    page.get_by_label("colours").select_option("grey")
    page.get_by_label("from").fill("0")
    page.get_by_label("to", exact=True).fill(str(int(truth.max())))
    blocks = truth.reshape(16, 16, 16, 16).mean((1, 3))
    wait_until(
        lambda: likeness(page, blocks) > 0.97, "a picture like the array", lambda: f"{likeness(page, blocks)}"
    )
    page.get_by_label("upwards").check()
    wait_until(
        lambda: likeness(page, blocks[::-1]) > 0.97,
        "the picture upside down",
        lambda: f"{likeness(page, blocks[::-1])}",
    )
    page.get_by_label("log").check()
    expect(page.get_by_label("auto levels")).to_be_checked()


def _colour_at(page: Page, x: float, y: float) -> tuple[int, int, int]:
    """What is drawn at a place of the data."""
    corner = canvas(page).bounding_box()
    assert corner is not None
    left, top = place(page, x, y)
    picture = Image.open(io.BytesIO(canvas(page).screenshot())).convert("RGB")
    red, green, blue = picture.getpixel((round(left - corner["x"]), round(top - corner["y"])))  # type: ignore[misc]
    return red, green, blue


def test_places_and_rings_are_drawn_over_an_image_and_can_be_taken_away(page: Page) -> None:
    choose(page, "kinds/beside/marked")
    expect(page.locator("#plot")).to_contain_text("Circled: spots, 2 of them.")
    # Of the image itself all pixels are alike.
    plain = _colour_at(page, 5, 35)
    _, shown, _ = boxes(page)
    size = min(14.0, max(5.0, 3.5 * shown[2] / 60)) * 60 / shown[2]
    on_spot = _colour_at(page, 10.5 + size, 20.5)
    on_ring = _colour_at(page, 30 + 10 * np.sin(0.5), 20 + 10 * np.cos(0.5))
    assert max(np.abs(np.subtract(on_spot, plain))) > 60
    assert max(np.abs(np.subtract(on_ring, plain))) > 60
    page.get_by_label("spots and rings").uncheck()
    expect(page.locator("#plot")).not_to_contain_text("Circled")
    assert _colour_at(page, 10.5 + size, 20.5) == plain


def test_what_belongs_together_is_seen_beside_each_other(page: Page, pictures: Path) -> None:
    choose(page, "kinds/beside")
    titles = page.locator(".overview .panel h2")
    expect(titles).to_have_text(["A marked image", "Several", "wave", "number"])
    captions = page.locator(".overview figcaption")
    expect(captions).to_have_text(
        [
            "spots: 2",
            "number 7, places: 2",
            "number 8, places: 1",
            "number 9, places: 0",
            "number 12, places: 2",
        ]
    )
    expect(page.locator(".overview .u-legend")).to_be_visible()
    expect(page.locator(".overview .value")).to_have_text("0.25")
    show(page, "plot-overview", pictures)
    page.locator(".overview .panel", has_text="Several").get_by_role("link", name="larger").click()
    expect(page.locator("#plot .plane")).to_contain_text("number")
    expect(page.locator("#plot")).to_contain_text("Circled: places, 2 of them.")


def test_a_permanent_link_shows_the_same_to_others(browser: Browser, measured: Live, page: Page) -> None:
    choose(page, "kinds/stack", "&at=2")
    page.get_by_label("colours").select_option("inferno")
    page.get_by_label("from").fill("205")
    canvas(page).focus()
    page.keyboard.press("+")
    page.keyboard.press("ArrowLeft")
    wait_until(
        lambda: f"see={canvas(page).get_attribute('data-seen')}" in unquote(page.url),
        "the zoom in the address",
    )
    seen, _, _ = boxes(page)
    point_at(page, int(seen[0] + 3), int(seen[1] + 3))
    said(page).to_contain_text("column")
    told = page.locator("#plot output").inner_text()
    with a_page(browser, page.url) as other:
        expect(other.locator("#plot .scale")).to_be_visible()
        wait_until(
            lambda: boxes(other) == boxes(page), "the same part", lambda: f"{boxes(other)} {boxes(page)}"
        )
        expect(other.get_by_label("colours")).to_have_value("inferno")
        expect(other.get_by_label("from")).to_have_value("205")
        expect(other.locator("#plot .plane")).to_contain_text("2 of 0 to 3")
        point_at(other, int(seen[0] + 3), int(seen[1] + 3))
        expect(other.locator("#plot output")).to_have_text(told)
        np.testing.assert_array_equal(drawn(other), drawn(page))


def test_the_zoom_of_curves_is_in_the_link_too(browser: Browser, page: Page) -> None:
    choose(page, "kinds/measured")
    box = page.locator("#plot .u-over").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 52, steps=5)
    page.mouse.up()
    page.wait_for_url(re.compile("see="))
    low, high = (float(one) for one in re.findall(r"see=([^&,%]+)(?:,|%2C)([^&,%]+)", page.url)[0])
    assert low == pytest.approx(0, abs=0.05)
    assert high == pytest.approx(1.5, abs=0.05)
    page.locator("#plot .u-over").dblclick()
    page.wait_for_url(re.compile("^((?!see=).)*$"))


# ---- live, and of other runs ------------------------------------------------------------------------------------------------


def test_what_is_shown_follows_the_run_and_past_runs_stay_as_they_were(
    page: Page, measured: Live, first_run: str, tmp_path: Path
) -> None:
    measured.arm(showcase_map(None))
    choose(page, "about/points")
    wait_until(
        lambda: int(page.locator("#plot .value").inner_text().replace("–", "0")) > 5,
        "newer points",
        measured.state,
    )
    choose(page, "camera")
    expect(canvas(page)).to_be_visible()
    first = drawn(page)
    wait_until(lambda: not np.array_equal(drawn(page), first), "another picture", measured.state)
    choose(page, "about/points", f"&run={first_run}")
    points = int(array(measured, "about/points", f"/runs/{first_run}"))
    assert points <= POINTS
    expect(page.locator("#plot .value")).to_have_text(str(points))
    choose(page, "spectrum", f"&run={first_run}")
    with h5py.File(downloaded(page, "HDF5", tmp_path)) as file:
        assert file["entry/entry_identifier"][()].decode() == first_run
        assert "spectrum" in file["entry"]
    measured.post("stop")
    measured.finished()


# ---- every kind, on every screen -------------------------------------------------------------------------------------------


def test_nothing_sticks_out_on_a_phone_whatever_is_shown(
    browser: Browser, measured: Live, pictures: Path
) -> None:
    with a_page(browser, f"{measured.placement.controller_url}/#results", PHONE, dark=True) as page:
        for name in (
            "large",
            "stack",
            "measured",
            "records",
            "text",
            "steep",
            "photo",
            "one",
            "mask",
            "watched",
        ):
            choose(page, f"kinds/{name}")
            expect(page.locator("#plot .canvas, #plot .u-legend, #plot table, #plot p").first).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
        choose(page, "kinds/stack")
        expect(canvas(page)).to_be_visible()
        show(page, "plot-phone", pictures)
