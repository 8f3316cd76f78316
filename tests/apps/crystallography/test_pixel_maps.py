"""Where pixels are: maps, slabs, resolution, masks and assembled images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from apps.crystallography.reference import recipes
from beamloom.apps.crystallography.geometry import (
    Assembly,
    GeometryError,
    PixelMaps,
    Slab,
    masks,
    parse_geometry,
    read_geometry,
)
from beamloom.apps.crystallography.geometry.maps import rings

Array = np.ndarray[Any, np.dtype[Any]]
BASE = "res = 10000\nclen = 0.1\nphoton_energy = 9500\n"


def panel(name: str, places: tuple[int, int, int, int], corner: tuple[float, float], more: str = "") -> str:
    top, bottom, left, right = places
    return (
        f"{name}/min_ss = {top}\n{name}/max_ss = {bottom}\n{name}/min_fs = {left}\n{name}/max_fs = {right}\n"
        f"{name}/corner_x = {corner[0]}\n{name}/corner_y = {corner[1]}\n{more}"
    )


@pytest.mark.parametrize("name", ["eiger4m", "jungfrau4m", "cspad", "agipd1m"])
def test_the_maps_are_those_that_om_makes(shared_data: Path, name: str) -> None:
    folder = shared_data / "peakfinder8"
    maps = PixelMaps(read_geometry(folder / f"{name}.geom"))
    known = np.load(folder / "misc_refs.npz")
    ss, fs = known[f"{name}__probe_ss_fs"]
    for axis in ("x", "y", "radius"):
        np.testing.assert_array_equal(getattr(maps, axis)[ss, fs], known[f"{name}__{axis}"])
    np.testing.assert_array_equal(maps.radius, recipes(folder).radius_map(name))


@pytest.mark.parametrize("name", ["cspad", "agipd1m"])
def test_no_pixel_is_lost_in_an_assembled_image(shared_data: Path, name: str) -> None:
    geometry = read_geometry(shared_data / "peakfinder8" / f"{name}.geom")
    maps, assembly = PixelMaps(geometry, at="centre"), Assembly(geometry)
    for place in maps.slab.places.values():
        top, bottom, left, right = place
        own = np.zeros(maps.slab.shape, bool)
        own[top : bottom + 1, left : right + 1] = True
        assert len(np.unique(assembly.places[own[~np.isnan(maps.x)]])) == own.sum()
    rows, columns = np.divmod(assembly.places, assembly.shape[1])
    covered = ~np.isnan(maps.x)
    assert np.abs(columns - assembly.beam[1] - maps.x[covered]).max() < 2
    assert np.abs(rows - assembly.beam[0] - maps.y[covered]).max() < 2
    weights = np.random.default_rng(1).integers(0, 100, maps.slab.shape).astype(np.float64)
    assert assembly.total(weights).sum() == weights[covered].sum()
    if assembly.shared == 0:
        np.testing.assert_array_equal(
            np.sort(assembly.image(weights, fill=-1).reshape(-1)[assembly.places]), np.sort(weights[covered])
        )


def test_a_turned_panel_has_no_holes() -> None:
    text = panel("p0", (0, 99, 0, 149), (10, -20), "p0/fs = 0.9986x +0.0523y\np0/ss = -0.0523x +0.9986y\n")
    assembly = Assembly(parse_geometry(BASE + text))
    image = assembly.image(np.ones((100, 150), np.uint8))
    assert assembly.shared == 0
    assert image.sum() == 15000
    around = image[:-2, 1:-1] & image[2:, 1:-1] & image[1:-1, :-2] & image[1:-1, 2:]
    assert not np.any(around & ~image[1:-1, 1:-1].astype(bool))


def test_pixels_of_panels_that_overlap_show_their_mean() -> None:
    text = panel("p0", (0, 1, 0, 3), (0, 0)) + panel("p1", (2, 3, 0, 3), (2, 0))
    assembly = Assembly(parse_geometry(BASE + text))
    image = assembly.image(np.array([[1.0] * 4, [1.0] * 4, [5.0] * 4, [5.0] * 4]), fill=-1)
    np.testing.assert_array_equal(image, [[1, 1, 3, 3, 5, 5]] * 2)
    assert assembly.shared == 8
    assert assembly.beam == (-0.5, -0.5)


def test_mirrored_and_quarter_turned_panels_are_assembled_pixel_by_pixel() -> None:
    text = panel("p0", (0, 1, 0, 2), (3, 0), "p0/fs = -x\np0/ss = y\n")
    text += panel("p1", (2, 3, 0, 2), (4, 0), "p1/fs = y\np1/ss = x\n")
    image = Assembly(parse_geometry(BASE + text)).image(np.arange(1, 13).reshape(4, 3))
    np.testing.assert_array_equal(image, [[3, 2, 1, 0, 7, 10], [6, 5, 4, 0, 8, 11], [0, 0, 0, 0, 9, 12]])


def test_pixels_of_no_panel_are_no_numbers() -> None:
    maps = PixelMaps(
        parse_geometry(BASE + panel("p0", (0, 1, 0, 1), (0, 0)) + panel("p1", (4, 5, 0, 1), (0, 9)))
    )
    assert np.isnan(maps.radius[2:4]).all()
    assert np.isfinite(maps.radius[[0, 1, 4, 5]]).all()
    np.testing.assert_array_equal(maps.panel[:, 0], [0, 0, -1, -1, 1, 1])


def test_the_resolution_is_that_of_bragg() -> None:
    geometry = parse_geometry(BASE + "coffset = 0.05\n" + panel("p0", (0, 9, 0, 999), (0, 0)))
    resolution = PixelMaps(geometry).resolution()
    assert resolution[0, 0] == 0
    # 900 pixels of 0.1 mm at 0.15 m: 2 theta = 30.96 degrees, at 1.3051 Å.
    assert 1 / resolution[0, 900] == pytest.approx(2.4446, abs=1e-4)
    (ring,) = rings(geometry, [1 / resolution[0, 900], 0.3])
    assert ring.radius == pytest.approx(900)


def test_peaks_are_placed_in_space_and_outside_of_panels_nowhere() -> None:
    geometry = parse_geometry(
        BASE
        + panel("p0", (0, 9, 0, 9), (100, 0))
        + panel("p1", (20, 29, 0, 9), (0, 50), "p1/fs = y\np1/ss = -x\n")
    )
    x, y = PixelMaps(geometry, at="centre").place(np.array([2.0, 3.25, 4, 99]), np.array([1.0, 22.0, 15, 0]))
    np.testing.assert_allclose(x, [102.5, -2.5, np.nan, np.nan])
    np.testing.assert_allclose(y, [1.5, 53.75, np.nan, np.nan])


def test_a_shift_of_the_detector_moves_all_pixels() -> None:
    geometry = parse_geometry(
        BASE + "detector_shift_x = 1 mm\ndetector_shift_y = /shift mm\n" + panel("p0", (0, 1, 0, 1), (0, 0))
    )
    maps = PixelMaps(geometry, shift_y=2.0)
    assert (maps.x[0, 0], maps.y[0, 0]) == (10, 20)
    with pytest.raises(GeometryError, match="detector_shift_y from /shift"):
        PixelMaps(geometry)


STACKED = (
    BASE
    + "dim0 = %\ndim2 = ss\ndim3 = fs\n"
    + "".join(
        panel(f"p{index}", (0, 2, 0, 3), (0, 10 * index), f"p{index}/dim1 = {index}\n") for index in range(3)
    )
)


def test_stacked_panels_become_a_slab_without_a_copy() -> None:
    slab = Slab(parse_geometry(STACKED))
    frame = np.arange(36).reshape(3, 3, 4)
    assert slab.shape == (9, 4)
    assert slab.panels == [(0, 2, 0, 3), (3, 5, 0, 3), (6, 8, 0, 3)]
    np.testing.assert_array_equal(slab.of(frame), frame.reshape(9, 4))
    assert np.shares_memory(slab.of(frame), frame)
    assert np.shares_memory(slab.of(frame.reshape(9, 4)), frame)


def test_a_stack_of_which_some_is_not_used_becomes_a_slab() -> None:
    slab = Slab(parse_geometry(STACKED.replace("p1/dim1 = 1", "p1/dim1 = 5")))
    frame = np.arange(6 * 4 * 5).reshape(6, 4, 5)
    np.testing.assert_array_equal(
        slab.of(frame), np.concatenate([frame[0, :3, :4], frame[2, :3, :4], frame[5, :3, :4]])
    )


def test_panels_in_datasets_of_their_own_become_a_slab() -> None:
    text = (
        BASE
        + panel("p0", (0, 1, 0, 2), (0, 0), "p0/data = /b\n")
        + panel("p1", (0, 1, 0, 2), (0, 9), "p1/data = /a\n")
    )
    slab = Slab(parse_geometry(text))
    first, second = np.ones((2, 3)), np.full((2, 3), 2)
    np.testing.assert_array_equal(slab.of({"/a": first, "/b": second})[:, 0], [1, 1, 2, 2])
    assert slab.places["p0"] == (2, 3, 0, 2)
    with pytest.raises(GeometryError, match="has panels in /b"):
        slab.of({"/a": first})


@pytest.mark.parametrize(
    ("shape", "said"),
    [((3, 4), "the 3 dimensions"), ((2, 3, 4), "at the index"), ((3, 2, 4), "reach to 3 x 4")],
)
def test_a_frame_that_does_not_fit_is_refused(shape: tuple[int, ...], said: str) -> None:
    with pytest.raises(GeometryError, match=said):
        Slab(parse_geometry(STACKED)).of(np.zeros(shape))


def test_bad_regions_are_put_out() -> None:
    geometry = parse_geometry(
        BASE
        + panel("p0", (0, 4, 0, 4), (0, 0))
        + panel("p1", (5, 9, 0, 4), (0, 100), "p1/mask_edge_pixels = 1\n")
        + panel("p2", (10, 14, 0, 4), (0, 200), "p2/no_index = 1\n")
        + "bad1/min_fs = 1\nbad1/max_fs = 2\nbad1/min_ss = 3\nbad1/max_ss = 9\nbad1/panel = p0\n"
        + "badx/min_x = 2.5\nbadx/max_x = 3.5\nbadx/min_y = 100\nbadx/max_y = 103\n"
    )
    good = masks.good_pixels(geometry)
    expected = np.ones((15, 5), bool)
    expected[3:5, 1:3] = False
    expected[[5, 9]] = expected[5:10, [0, 4]] = False
    expected[5:8, 2:4] = False
    expected[10:] = False
    np.testing.assert_array_equal(good, expected)


def test_masks_are_read_from_files_by_their_bits(tmp_path: Path) -> None:
    bits = np.zeros((2, 6, 5), np.uint16)
    bits[0, 1, 2] = 1
    bits[1, 0, 0] = 4
    bits[1, 4, 4] = 2
    with h5py.File(tmp_path / "mask.h5", "w") as file:
        file["/m"] = bits
        file["/good"] = np.full((5, 5), 3, np.int32)
    geometry = parse_geometry(
        BASE
        + "dim0 = 0\ndim1 = ss\ndim2 = fs\nmask = /m\nmask_file = mask.h5\nmask_bad = 0x5\n"
        + panel("p0", (0, 4, 0, 4), (0, 0))
        + panel("p1", (0, 4, 0, 4), (0, 9), "p1/dim0 = 1\n")
    )
    good = masks.good_in_files(geometry, tmp_path)
    expected = np.ones((10, 5), bool)
    expected[1, 2] = expected[5, 0] = False
    np.testing.assert_array_equal(good, expected)
    plain = parse_geometry(
        BASE + "mask1_data = /good\nmask1_goodbits = 0x4\n" + panel("p0", (0, 4, 0, 4), (0, 0))
    )
    assert not masks.good_in_files(plain, data_file=tmp_path / "mask.h5").any()
    for folder, data_file, said in (
        (tmp_path / "no", None, "cannot be read"),
        (tmp_path, None, "in the file of the data"),
    ):
        wrong = geometry if said == "cannot be read" else plain
        with pytest.raises(GeometryError, match=said):
            masks.good_in_files(wrong, folder, data_file)
    with h5py.File(tmp_path / "mask.h5", "w") as file:
        file["/m"] = bits[:, :3]
    with pytest.raises(GeometryError, match="does not reach over"):
        masks.good_in_files(geometry, tmp_path)
    with h5py.File(tmp_path / "mask.h5", "w") as file:
        file["/other"] = bits
    with pytest.raises(GeometryError, match="has no dataset /m"):
        masks.good_in_files(geometry, tmp_path)


def test_values_flag_pixels() -> None:
    geometry = parse_geometry(
        BASE
        + "flag_morethan = 60000\nflag_equal = 7\nflag_lessthan = 0\n"
        + panel("p0", (0, 0, 0, 4), (0, 0))
    )
    np.testing.assert_array_equal(
        masks.flagged(geometry, np.array([[60000, 60001, 7, 0, -1]])), [[False, True, True, False, True]]
    )
