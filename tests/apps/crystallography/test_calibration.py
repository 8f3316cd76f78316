"""What is done to a frame before peaks are sought, and to what is summed: calibration, common mode, masks, binning."""

from __future__ import annotations

import io
from typing import Any

import h5py
import numpy as np
import pytest

from apps.crystallography.series import SIMULATION, analysed, packets, parameter_set, plain
from beamloom import UserError
from beamloom.apps.crystallography.analysis import common_mode
from beamloom.apps.crystallography.analysis.binning import Binning
from beamloom.apps.crystallography.analysis.calibration import Calibration
from beamloom.apps.crystallography.analysis.instrument import Instrument
from beamloom.apps.crystallography.geometry.slab import Slab

Array = np.ndarray[Any, np.dtype[Any]]
SHAPE = SIMULATION.shape


def hdf5(**datasets: Array) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, values in datasets.items():
            file[name.replace("__", "/")] = values
    return buffer.getvalue()


def calibration(**given: Any) -> Calibration:
    parameters = parameter_set(**given)
    return Calibration(parameters, Instrument(parameters))


def test_dark_and_gain_are_taken_off_and_divided_by() -> None:
    random = np.random.default_rng(1)
    wanted = random.integers(0, 50, SHAPE).astype(np.float32)
    dark, gain = random.uniform(90, 110, SHAPE), random.uniform(2, 4, SHAPE)
    raw = (wanted * gain + dark).astype(np.float32)
    calibrate = calibration(
        calibration="dark-gain",
        dark_filename_file=hdf5(dark=dark),
        dark_hdf5_path="/dark",
        gain_filename_file=gain.astype("<f8").tobytes(),
    )
    assert calibrate(raw) == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("has_bits", [True, False])
def test_each_gain_stage_has_its_own_dark_and_gain(has_bits: bool) -> None:
    random = np.random.default_rng(2)
    wanted = random.uniform(0, 30, SHAPE)
    stage = random.integers(0, 3, SHAPE)
    bits = np.array([0, 0x4000, 0xC000])
    darks = np.array([1000.0, 8000.0, 9000.0])[:, None, None] + random.uniform(-20, 20, (3, *SHAPE))
    gains = np.array([40.0, -3.0, -0.3])[:, None, None] * random.uniform(0.9, 1.1, (3, *SHAPE))
    energy = 9.5
    values = np.take_along_axis(darks + wanted * gains * energy, stage[None], 0)[0]
    raw = np.rint(values).astype(np.int64) + bits[stage]
    kept = darks + (bits[:, None, None] if has_bits else 0)
    calibrate = calibration(
        calibration="jungfrau",
        dark_filename_file=hdf5(gain0=kept[0], gain1=kept[1], gain2=kept[2]),
        gain_filename_file=hdf5(data__data=gains),
        photon_energy_kev=energy,
    )
    found = calibrate(raw.astype(np.uint16))
    # Half a unit of the converter is so many photons in each stage.
    assert (np.abs(found - wanted) < np.array([0.002, 0.03, 0.3])[stage]).all()
    assert np.array_equal(calibrate(raw.astype(np.uint16).view(np.int16)), found)


@pytest.mark.parametrize("what", ["panel", "row", "column"])
def test_the_common_mode_is_the_median_of_good_pixels_of_each_panel(what: str) -> None:
    random = np.random.default_rng(3)
    frame = random.normal(0, 1, SHAPE).astype(np.float32)
    shifted = frame.copy()
    for index, (top, bottom, left, right) in enumerate(Slab(SIMULATION.geometry()).panels):
        part = shifted[top : bottom + 1, left : right + 1]
        along = {
            "panel": 50.0 * index,
            "row": np.arange(part.shape[0])[:, None],
            "column": np.arange(part.shape[1]),
        }
        part += np.asarray(along[what], np.float32)
    calibrate = calibration(common_mode=what)
    assert calibrate(shifted) == pytest.approx(calibrate(frame), abs=1e-3)
    assert np.abs(calibrate(shifted)).max() < 7


@pytest.mark.parametrize("what", ["panel", "row", "column"])
@pytest.mark.parametrize(
    "kind", ["noise", "few photons", "photons", "offset", "outliers", "holes", "nothing"]
)
def test_the_common_mode_is_the_median_to_the_last_bit(what: str, kind: str) -> None:
    random = np.random.default_rng(11)
    shape, panels = (150, 230), [(0, 99, 0, 120), (100, 149, 0, 120), (3, 149, 130, 229), (0, 2, 150, 150)]
    holes = np.where(random.random(shape) < 0.9, np.nan, random.normal(0, 1, shape))
    frame = {
        "noise": random.normal(0, 1, shape),
        "few photons": random.poisson(0.05, shape),
        "photons": random.poisson(3.0, shape),
        "offset": random.normal(20_000, 3, shape) + 9_000 * random.poisson(0.02, shape),
        "outliers": random.standard_cauchy(shape) * 1e30,
        "holes": holes,
        "nothing": np.full(shape, np.inf),
    }[kind].astype(np.float32)
    frame[5, 7], frame[60, 200] = np.nan, -np.inf
    good = random.random(shape) > 0.02
    good[20] = good[:, 140] = False
    wanted, found = frame.copy(), frame.copy()
    axis = {"panel": None, "row": 1, "column": 0}[what]
    for top, bottom, left, right in panels:
        here = np.s_[top : bottom + 1, left : right + 1]
        used = np.where(good[here] & np.isfinite(frame[here]), frame[here], np.nan)
        used = np.where(np.isnan(used).all(axis=axis, keepdims=True), np.float32(0), used)
        wanted[here] -= np.nanmedian(used, axis=axis, keepdims=True)
    common_mode.take_off(found, good, panels, what)
    np.testing.assert_array_equal(found, wanted)


def test_files_that_do_not_fit_are_refused_with_a_sentence() -> None:
    with pytest.raises(UserError, match="dark_filename has the shape"):
        calibration(
            calibration="dark-gain", dark_filename_file=hdf5(dark=np.zeros((3, 4))), dark_hdf5_path="/dark"
        )
    with pytest.raises(UserError, match="has no dataset"):
        calibration(calibration="dark-gain", dark_filename_file=hdf5(dark=np.zeros(SHAPE)))
    with pytest.raises(UserError, match="no float64 of"):
        calibration(calibration="dark-gain", gain_filename_file=b"12345")
    with pytest.raises(UserError, match="raw words have 16 bits"):
        calibration(calibration="jungfrau")(np.zeros(SHAPE, np.float32))


def test_bad_pixels_of_a_map_have_no_peaks() -> None:
    index = next(index for index in range(20) if SIMULATION.truth(index).hit)
    truth = SIMULATION.truth(index)
    good = np.ones(SHAPE, np.uint8)
    row, column = round(truth.ss[0]), round(truth.fs[0])
    good[row - 4 : row + 5, column - 4 : column + 5] = 0
    parameters = parameter_set(
        bad_pixel_map_filename_file=hdf5(data__data=good), class_sums_interval=1, hit_frame_sending_interval=1
    )
    series = packets(index + 1)
    plainly = plain(analysed(series, parameter_set()).publish)
    masked = plain(analysed(series, parameters).publish)
    assert masked["events"]["num_peaks"][-1] == plainly["events"]["num_peaks"][-1] - 1
    here = masked["classes"]["hits"]["peaks"]["peaks"][row - 4 : row + 5, column - 4 : column + 5]
    assert not here.any()
    assert np.isnan(masked["mean_hits"]["image"]).sum() > np.isnan(plainly["mean_hits"]["image"]).sum()


def test_bins_are_sums_of_panels_whatever_their_place() -> None:
    places = [(0, 4, 0, 6), (0, 4, 9, 15), (7, 11, 0, 6), (7, 11, 9, 15)]
    slab = np.zeros((12, 16), np.uint16)
    good = np.zeros(slab.shape, bool)
    for value, (top, bottom, left, right) in enumerate(places, 1):
        slab[top : bottom + 1, left : right + 1] = value
        good[top : bottom + 1, left : right + 1] = True
    binning = Binning(places, good, 2, least=1)
    assert binning.shape == (6, 8)
    binned = binning.image(slab)
    assert np.array_equal(binned, 4.0 * np.kron([[1, 2], [3, 4]], np.ones((3, 4))))
    # Three of four good pixels: their mean, times four.
    good[0, 0] = False
    slab[0, 0] = 60000
    assert Binning(places, good, 2, least=3).image(slab)[0, 0] == 4.0
    strict = Binning(places, good, 2)
    assert np.isnan(strict.image(slab)[0, 0])
    assert not strict.good[0, 0]
    holes = slab.astype(np.float32)
    holes[0, 2] = np.nan
    assert Binning(places, good, 2, least=3).image(holes)[0, 1] == 4.0


def test_peaks_lie_in_the_bin_that_has_their_pixels() -> None:
    series = packets(30)
    one = plain(analysed(series, parameter_set()).publish)
    binned = plain(analysed(series, parameter_set(bin_size=4)).publish)
    assert binned["mean_hits"]["image"].shape < one["mean_hits"]["image"].shape
    fine, coarse = (tree["classes"]["hits"]["peaks"]["peaks"] for tree in (one, binned))
    assert coarse.shape == (SHAPE[0] // 4, SHAPE[1] // 4)
    assert coarse.sum() == fine.sum()
    blocks = fine.reshape(SHAPE[0] // 4, 4, SHAPE[1] // 4, 4).sum(axis=(1, 3))
    # The centre of a peak at the edge of a bin may be rounded to the other side of it.
    assert np.count_nonzero(blocks != coarse) < 0.1 * np.count_nonzero(coarse)
    total = binned["classes"]["hits"]["frames"]["sum"]
    frames = one["classes"]["hits"]["frames"]["sum"].reshape(SHAPE[0] // 4, 4, SHAPE[1] // 4, 4)
    assert np.array_equal(total, frames.sum(axis=(1, 3)))
    profile, whole = binned["radial_profile"]["non_hits"], one["radial_profile"]["non_hits"]
    level = np.interp(profile["radius"][5:20], whole["radius"], whole["profile"])
    assert np.median(profile["profile"][5:20] / 16 / level) == pytest.approx(1, abs=0.03)
