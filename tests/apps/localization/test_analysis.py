"""The analysis finds the molecules that were put into the frames, in whichever order and by however many workers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.camera_series import source_of
from apps.localization.series import (
    BLINKING,
    analysed,
    assert_same,
    packets,
    parameter_set,
    plain,
)
from beamloom import Event, Packet, UserError
from beamloom.apps.localization import Reducer, Simulation, Worker, localize, read_table
from beamloom.devices import stins
from beamloom.replay import replay

FRAMES = BLINKING.frames


@pytest.fixture(scope="module")
def series() -> list[Packet]:
    return packets(FRAMES)


@pytest.fixture(scope="module")
def tree(series: list[Packet]) -> dict[str, Any]:
    """What is published after the whole series."""
    found: dict[str, Any] = analysed(series, parameter_set())
    return found


def test_molecules_are_where_they_were_put(tree: dict[str, Any]) -> None:
    lit = sum(len(BLINKING.truth(index).x) for index in range(FRAMES))
    assert lit > 100
    found = tree["localizations"]
    assert len(found["x"]) == tree["frames"]["found"][1:].sum()
    # Of spots that lie on each other none is good.
    assert 0.7 * lit < tree["frames"]["good"][1:].sum() <= 1.02 * lit
    off = []
    for x, y, frame, bad in zip(found["x"], found["y"], found["frame"], found["status"], strict=True):
        truth = BLINKING.truth(frame - 1)
        if not bad and len(truth.x):
            off.append(np.hypot(truth.x - x, truth.y - y).min())
    assert np.median(off) < 10
    image = tree["image"]
    assert image["counts"].sum() == tree["frames"]["good"][1:].sum()
    y, x = np.nonzero(image["counts"])
    places = np.column_stack([image["x"][x], image["y"][y]])
    nearest = np.hypot(*(places[:, None, :] - BLINKING.places).transpose(2, 0, 1)).min(axis=1)
    assert np.median(nearest) < 20
    assert (np.diff(found["frame"]) >= 0).all()


def test_it_is_plotted_without_being_told_how(tree: dict[str, Any]) -> None:
    assert tree["_attrs"]["default"] == "image"
    assert tree["image"]["_attrs"] == {"NX_class": "NXdata", "signal": "counts", "axes": ["y", "x"]}
    assert tree["image"]["x_attrs"] == {"units": "nm", "long_name": "x"}
    assert tree["localizations"]["crlb_x_attrs"]["units"] == "nm"
    # As the rows of the camera are.
    for name in ("image", "localizations"):
        assert (tree[name]["_attrs"] | tree.get(f"{name}_attrs", {}))["y_down"] is True


@pytest.mark.parametrize("workers", [1, 3])
def test_order_and_number_of_workers_change_nothing(
    series: list[Packet], tree: dict[str, Any], workers: int
) -> None:
    order = np.random.default_rng(workers).permutation(len(series)).tolist()
    assert_same(analysed(series, parameter_set(), order=order, workers=workers), tree)


def test_a_replay_gives_the_same_and_so_does_a_batch(tree: dict[str, Any]) -> None:
    report = replay(
        Worker,
        Reducer,
        source=source_of(packets(FRAMES)),
        parameters=parameter_set().to_wire(),
        workers=2,
    )
    assert report.clean, report
    assert_same(plain(report.publish), tree)
    table = localize(BLINKING.stack(), first_frame=1)
    for name in table.dtype.names or ():
        np.testing.assert_array_equal(table[name], tree["localizations"][name], strict=True)


def test_the_end_of_a_run_finds_the_drift_and_writes_the_table(tmp_path: Path) -> None:
    drifting = Simulation(seed=3, frames=150, shape=(64, 80), drift=(120.0, 0.0), lit=0.1, molecules=64)
    parameters = parameter_set(
        drift_segments=4, table_file=str(tmp_path / "{run}.parquet"), most_uncertain=12
    )
    tree = analysed(packets(150, drifting), parameters)
    assert tree["problem"] == ""
    moved = tree["drift"]["x"][-10:].mean() - tree["drift"]["x"][:10].mean()
    assert moved == pytest.approx(110, abs=25)
    assert np.abs(tree["drift"]["y"]).max() < 20
    assert tree["corrected"]["density"].sum() == pytest.approx(tree["image"]["counts"].sum(), rel=0.02)
    table, about = read_table(tmp_path / "run-1.parquet")
    assert np.array_equal(table["x"], tree["localizations"]["x"])
    assert about["run"] == "run-1"


def test_what_cannot_be_done_at_the_end_is_told_and_the_results_stay(
    series: list[Packet], tmp_path: Path
) -> None:
    tree = analysed(series[:5], parameter_set(drift_segments=50))
    assert "do not tell a drift" in tree["problem"]
    tree = analysed(series[:5], parameter_set(table_file=str(tmp_path / "table.csv")))
    assert "use .h5, .h5r or .parquet" in tree["problem"]
    assert tree["image"]["counts"].sum() > 0


def test_parameters_that_do_not_go_together_are_told_in_a_sentence(series: list[Packet]) -> None:
    event = Event(1, {"camera": series[1]})
    with pytest.raises(UserError, match="set psf_sigma and pixel_size right"):
        Worker().process_event(event, parameter_set(psf_sigma=20))
    with pytest.raises(
        UserError, match=r"the frame of event 1 cannot be localized: .* give a smaller half_size"
    ):
        Worker().process_event(event, parameter_set(half_size=40))
    both = Event(1, {"a": series[1], "b": series[1]})
    with pytest.raises(UserError, match="the streams a, b send images; say by the parameter camera_stream"):
        Worker().process_event(both, parameter_set())
    assert Worker().process_event(both, parameter_set(camera_stream="b")) is not None
    assert Worker().process_event(Event(0, {"camera": series[0]}), parameter_set()) is None


def test_stacks_and_colours_are_refused() -> None:
    (_, message, _) = stins.generate(images=[np.zeros((3, 40, 40), np.uint16)])
    with pytest.raises(UserError, match="takes one grey image for each event"):
        Worker().process_event(Event(1, {"camera": Packet("STINS", message)}), parameter_set())
