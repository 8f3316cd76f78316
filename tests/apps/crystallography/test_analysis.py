"""The analysis finds what was put into the frames, in whichever order and by however many workers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from apps.camera_series import source_of
from apps.crystallography.series import (
    SIMULATION,
    analysed,
    assert_same,
    packets,
    parameter_set,
    plain,
    values,
)
from beamloom import ParameterSet, UserError
from beamloom.apps.crystallography import Reducer, Simulation, Worker
from beamloom.apps.crystallography.analysis.binning import Binning
from beamloom.apps.crystallography.analysis.thumbnails import Thumbnails
from beamloom.replay import replay

FRAMES = 60


@pytest.fixture(scope="module")
def series() -> list[Any]:
    return packets(FRAMES)


@pytest.fixture(scope="module")
def tree(series: list[Any]) -> dict[str, Any]:
    """What is published after the whole series."""
    found: dict[str, Any] = plain(analysed(series, parameter_set()).publish)
    return found


def truths() -> list[Any]:
    return [SIMULATION.truth(index) for index in range(FRAMES)]


def test_every_hit_is_found_and_nothing_else(tree: dict[str, Any]) -> None:
    assert tree["events"]["hit"].tolist()[1:] == [int(truth.hit) for truth in truths()]
    hits = sum(truth.hit for truth in truths())
    assert 0.2 * FRAMES < hits < 0.6 * FRAMES
    assert tree["summary"]["frames"] == FRAMES
    assert tree["summary"]["hits"] == hits
    assert tree["hit_rate"]["value"][-1] == pytest.approx(100 * hits / FRAMES)


def test_spots_are_found_where_they_are_with_their_counts(series: list[Any]) -> None:
    worker, parameters = Worker(), parameter_set()
    placed = found = 0
    ratios = []
    for index, truth in enumerate(truths()):
        payload = worker.process_event(_event(index + 1, series), parameters)
        assert payload is not None
        if not truth.hit:
            continue
        (peaks,) = payload["peaks"].take().values()
        distance = np.hypot(peaks[:, 0] - truth.fs[:, None], peaks[:, 1] - truth.ss[:, None])
        near = distance.min(axis=1) < 0.6
        placed, found = placed + len(near), found + int(near.sum())
        assert len(peaks) <= len(truth.fs)
        ratios += (peaks[distance.argmin(axis=1)[near], 2] / truth.counts[near]).tolist()
    # A ring of many spots raises its own threshold a little.
    assert found > 0.98 * placed
    # What lies beyond the pixels that belong to a peak is a few per cent of a Gaussian.
    assert 0.8 < np.median(ratios) < 1.02


def test_powders_and_sums_add_up_to_what_was_in_the_frames(series: list[Any], tree: dict[str, Any]) -> None:
    hits = [index for index, truth in enumerate(truths()) if truth.hit]
    frames = [SIMULATION.frame(index).astype(np.uint64) for index in range(FRAMES)]
    classes = tree["classes"]
    assert np.array_equal(classes["hits"]["frames"]["sum"], sum(frames[index] for index in hits))
    assert classes["hits"]["frames"]["count"] == len(hits)
    total = classes["hits"]["frames"]["sum"] + classes["non_hits"]["frames"]["sum"]
    assert np.array_equal(total, sum(frames))
    powder = classes["hits"]["peaks"]["peaks"].sum() + classes["non_hits"]["peaks"]["peaks"].sum()
    assert tree["virtual_powder"]["image"].sum() == pytest.approx(powder, rel=1e-12)
    assert tree["peakogram"]["counts"].sum() == sum(
        classes[name]["peaks"]["count"] for name in ("hits", "non_hits")
    )


def test_rings_are_shown_only_of_a_geometry_that_is_good_enough(
    series: list[Any], tree: dict[str, Any]
) -> None:
    rough = plain(analysed(series[:3], parameter_set(geometry_is_optimized=False)).publish)
    assert len(tree["rings"]["d"]) > 0
    assert len(rough["rings"]["d"]) == len(rough["rings"]["radius"]) == 0


def test_what_is_seen_first_and_drawn_over_it_is_there(tree: dict[str, Any]) -> None:
    assert set(tree["_attrs"]["overview"]) <= set(tree)
    for name in ("virtual_powder", "last_hit", "mean_hits"):
        centre, radius, spacing = tree[name]["_attrs"]["overlay_circles"]
        assert tree[name][centre].shape == (2,)
        assert tree["rings"][radius.removeprefix("/rings/")].shape == tree["rings"]["d"].shape
        assert spacing == "/rings/d"
    for name in ("last_hit", "last_hits"):
        x, y = (tree[name][one] for one in tree[name]["_attrs"]["overlay_points"])
        assert x.shape == y.shape
        assert x.shape[:-1] == tree[name]["image"].shape[:-2]


def test_the_radial_profile_has_the_rings_that_the_spots_lie_on(tree: dict[str, Any]) -> None:
    profile, radius = tree["radial_profile"]["hits"]["profile"], tree["radial_profile"]["hits"]["radius"]
    blank = tree["radial_profile"]["non_hits"]["profile"]
    reach = min(SIMULATION.panel) + SIMULATION.gap / 2
    excess = profile - blank
    for ring in (2, 3, 4):
        at = reach * (0.25 + 0.75 * ring / SIMULATION.rings)
        on = excess[np.abs(radius - at) < 2].mean()
        off = excess[np.abs(radius - at - 10) < 2].mean()
        assert on > 5 * abs(off), ring


def test_the_resolution_follows_from_bragg(tree: dict[str, Any]) -> None:
    ring = SIMULATION.panel[0] + SIMULATION.gap / 2
    wavelength, distance = 12398.42 / 9500, 0.1
    d = wavelength / (2 * np.sin(np.arctan(ring / 13333.3 / distance) / 2))
    resolutions = tree["events"]["resolution"][tree["events"]["hit"] == 1]
    assert np.isfinite(resolutions).all()
    assert resolutions.min() == pytest.approx(d, rel=0.02)
    nearest = np.argmin(np.abs(tree["rings"]["d"] - 3))
    d = tree["rings"]["d"][nearest]
    angle = 2 * np.arcsin(wavelength / (2 * d))
    assert tree["rings"]["radius"][nearest] == pytest.approx(distance * np.tan(angle) * 13333.3, rel=1e-4)


def test_the_last_hit_is_shown_with_its_peaks_on_bright_pixels(tree: dict[str, Any]) -> None:
    last = max(index for index, truth in enumerate(truths()) if truth.hit)
    shown = tree["last_hit"]
    assert shown["event"] == last + 1
    rows, columns = np.rint(shown["peak_y"]).astype(int), np.rint(shown["peak_x"]).astype(int)
    assert len(rows) > 10
    assert (shown["image"][rows, columns] > 20).all()


def test_the_last_hits_are_shown_small_with_their_peaks() -> None:
    simulation = Simulation(seed=3, panel=(270, 300), spots=(15, 20))
    parameters = parameter_set(simulation, last_hits_shown=3, class_sums_interval=0)
    series = packets(12, simulation)
    order = np.random.default_rng(8).permutation(len(series)).tolist()
    tree = plain(analysed(series, parameters, order=order, workers=2).publish)
    hits = [index for index in range(12) if simulation.truth(index).hit]
    shown = tree["last_hits"]
    assert shown["event"].tolist() == [index + 1 for index in hits[:-4:-1]]
    assert shown["_attrs"]["newest_first"] is True
    assert shown["pixel_size"] == 2
    assert shown["image"].shape == (3, 2 * 135 + 4, 2 * 150 + 4)
    for index, image in enumerate(shown["image"]):
        number = shown["num_peaks"][index]
        x, y = shown["peak_x"][index], shown["peak_y"][index]
        assert np.isfinite(x[:number]).all()
        assert np.isnan(x[number:]).all()
        brightest = image[np.rint(y[:number]).astype(int), np.rint(x[:number]).astype(int)]
        assert (brightest > 20).mean() > 0.9
        assert len(simulation.truth(hits[-1 - index]).fs) == pytest.approx(number, abs=3)


def test_a_thumbnail_has_the_brightest_good_pixels() -> None:
    slab = np.random.default_rng(9).integers(0, 1000, (1030, 700)).astype(np.uint16)
    good = np.random.default_rng(10).random(slab.shape) > 0.3
    good[:3, :3] = False
    small = Thumbnails(Binning([(0, 1029, 0, 699)], good, 1)).image(slab)
    assert small.shape == (344, 234)
    assert np.isnan(small[0, 0])
    for row, column in ((5, 7), (343, 233), (0, 1)):
        here = np.s_[3 * row : 3 * row + 3, 3 * column : 3 * column + 3]
        assert small[row, column] == slab[here][good[here]].max()


@pytest.mark.parametrize("workers", [1, 3])
def test_order_and_number_of_workers_change_nothing(
    series: list[Any], tree: dict[str, Any], workers: int
) -> None:
    order = np.random.default_rng(workers).permutation(len(series)).tolist()
    assert_same(plain(analysed(series, parameter_set(), order=order, workers=workers).publish), tree)


def test_sums_of_calibrated_frames_do_not_depend_on_the_order_either(series: list[Any]) -> None:
    parameters = parameter_set(common_mode="row", calibration="dark-gain", bin_size=2, adu_per_photon=1)
    one = plain(analysed(series, parameters).publish)
    assert one["classes"]["hits"]["frames"]["sum"].dtype == np.float64
    assert_same(plain(analysed(series, parameters, order=reversed(range(len(series)))).publish), one)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_replay_gives_the_same(tree: dict[str, Any], workers: int) -> None:
    report = replay(
        Worker,
        Reducer,
        ["ignored.cbors"],
        source=source_of(packets(FRAMES)),
        parameters=parameter_set().to_wire(),
        workers=workers,
    )
    assert report.clean, report
    assert_same(plain(report.publish), tree)


def test_a_limit_that_changes_holds_from_that_event_on(series: list[Any], tree: dict[str, Any]) -> None:
    change = FRAMES // 2
    after = parameter_set(min_num_peaks_for_hit=1000)
    changed = plain(analysed(series, parameter_set(), after, change_at=change).publish)
    before = tree["events"]["hit"][:change]
    assert changed["events"]["hit"].tolist() == [*before.tolist(), *[0] * (FRAMES + 1 - change)]
    # A limit of hits does not change what a sum consists of: the powder goes on.
    assert changed["classes"]["hits"]["frames"]["count"] == np.count_nonzero(before == 1)


@pytest.mark.parametrize("what", [{"reset": 1}, {"bin_size": 2}, {"peakogram_radius_bin_size": 7}])
def test_what_changes_the_layout_begins_the_sums_anew(series: list[Any], what: dict[str, Any]) -> None:
    change = FRAMES // 2
    order = np.random.default_rng(5).permutation(len(series)).tolist()
    changed = plain(
        analysed(series, parameter_set(), parameter_set(**what), change_at=change, order=order).publish
    )
    later = plain(analysed(series, parameter_set(**what), order=range(change, len(series))).publish)
    assert_same(changed["classes"], later["classes"])
    assert_same(changed["peakogram"], later["peakogram"])
    assert changed["summary"]["frames"] == FRAMES


def test_without_a_geometry_it_is_said_what_to_do(series: list[Any]) -> None:
    parameters = ParameterSet.from_values({}, Reducer.describe_parameters())
    with pytest.raises(UserError, match="set the parameter geometry_file"):
        Worker().process_event(_event(1, series), parameters)


def test_the_criteria_of_hits_hold_one_by_one(series: list[Any], tree: dict[str, Any]) -> None:
    resolutions = tree["events"]["resolution"]
    middle = float(np.nanmedian(resolutions[tree["events"]["hit"] == 1]))
    fine = plain(analysed(series, parameter_set(max_resolution_for_hit=middle)).publish)["events"]
    assert np.array_equal(fine["hit"] == 1, (tree["events"]["hit"] == 1) & (resolutions <= middle))
    counts = tree["events"]["num_peaks"]
    most = int(np.median(counts[tree["events"]["hit"] == 1]))
    few = plain(analysed(series, parameter_set(max_num_peaks_for_hit=most)).publish)["events"]
    assert np.array_equal(few["hit"] == 1, (counts > 9) & (counts < most))
    brightest = [int(SIMULATION.frame(index).max()) for index in range(FRAMES)]
    value = int(np.median(brightest))
    clean = plain(
        analysed(series, parameter_set(saturation_value=value, max_saturated_peaks_for_hit=0)).publish
    )["events"]
    saturated = np.array([0, *(np.array(brightest) >= value)], bool)
    assert np.array_equal(clean["saturated_peaks"] > 0, saturated)
    assert np.array_equal(clean["hit"] == 1, (tree["events"]["hit"] == 1) & ~saturated)


def test_another_seed_is_another_series() -> None:
    assert not np.array_equal(Simulation(seed=1).frame(0), Simulation(seed=2).frame(0))
    assert np.array_equal(Simulation(seed=1).frame(3), Simulation(seed=1).frame(3))
    assert values()["minimum_snr"] == 6


def _event(number: int, series: list[Any]) -> Any:
    from beamloom import Event

    return Event(number, {"camera": series[number]})
