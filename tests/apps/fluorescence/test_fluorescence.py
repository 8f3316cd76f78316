"""The analysis of the simulated sample: maps show what is where, in whichever order events come."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.fluorescence.material import (
    SIMULATION,
    events,
    fitting,
    needs_pymca,
    parameter_set,
)
from apps.runs import analysed, as_packets, assert_same
from beamloom import Event, Packet, UserError
from beamloom.apps.fluorescence import Reducer, Simulation, Worker
from beamloom.apps.fluorescence.regions import parse_regions
from beamloom.devices import pcap
from beamloom.devices.captures import read_capture

ELEMENTS = ("Ca", "Fe", "Cu")


def truth(element: str, simulation: Simulation = SIMULATION) -> Any:
    amounts = [simulation.amounts(point)[element] for point in range(simulation.points)]
    return np.array(amounts).reshape(simulation.rows, simulation.columns)


@needs_pymca[0]
@needs_pymca[1]
def test_maps_of_a_fit_show_how_much_of_each_element_is_where() -> None:
    maps = analysed(Worker, Reducer, events(), fitting())["maps"]
    for element in ELEMENTS:
        found, wanted = maps[f"{element}_K"]["map"], truth(element)
        assert found.shape == wanted.shape
        np.testing.assert_allclose(maps[f"{element}_K"]["x"], SIMULATION.step * np.arange(12), atol=1e-9)
        # The lines of PyMca differ a little from those of the simulation, in their ratios.
        assert found.sum() == pytest.approx(wanted.sum(), rel=0.06)
        noise = np.sqrt(wanted + 300)
        assert np.sqrt((((found - wanted * found.sum() / wanted.sum()) / noise) ** 2).mean()) < 1.7


def test_maps_of_regions_show_the_counts_there() -> None:
    series = events()
    tree = analysed(Worker, Reducer, series, parameter_set(dead_time="", i0=""))
    for element, channels in {"Ca": slice(357, 382), "Fe": slice(625, 656), "Cu": slice(785, 826)}.items():
        counts = [int(SIMULATION.spectrum(point)[:, channels].sum()) for point in range(SIMULATION.points)]
        assert np.array_equal(tree["maps"][element]["map"].ravel(), counts)
    total = sum(SIMULATION.spectrum(point).sum(axis=0) for point in range(SIMULATION.points))
    assert np.array_equal(tree["spectrum"]["counts"], total)


def test_dead_time_and_i0_are_taken_out() -> None:
    tree = analysed(Worker, Reducer, events(), parameter_set())
    raw = analysed(Worker, Reducer, events(), parameter_set(dead_time="", i0=""))
    i0 = np.array([SIMULATION.i0(point) for point in range(SIMULATION.points)])
    ratio = raw["maps"]["Cu"]["map"].ravel() / tree["maps"]["Cu"]["map"].ravel() / i0
    assert ratio.mean() == pytest.approx(len(SIMULATION.corrections) / sum(SIMULATION.corrections), rel=0.01)
    assert np.array_equal(tree["points"]["i0"][1:], i0)
    once = analysed(Worker, Reducer, events(), parameter_set(i0_reference=2.0))
    np.testing.assert_allclose(once["maps"]["Cu"]["map"], 2 * tree["maps"]["Cu"]["map"], rtol=1e-12)


def test_chosen_elements_of_the_detector_are_added_up() -> None:
    tree = analysed(
        Worker,
        Reducer,
        events(),
        parameter_set(detector_elements=[1, 3], i0="", dead_time="xspress3.meta.dtc"),
    )
    spectrum = SIMULATION.spectrum(5)
    wanted = 1.10 * spectrum[1, 625:656].sum() + 1.20 * spectrum[3, 625:656].sum()
    assert tree["points"]["Fe"][6] == pytest.approx(wanted, rel=1e-12)


def test_neither_the_order_of_events_nor_the_number_of_workers_matters() -> None:
    series = events()
    wanted = analysed(Worker, Reducer, series, parameter_set())
    order = np.random.default_rng(1).permutation(len(series))
    assert_same(wanted, analysed(Worker, Reducer, series, parameter_set(), order=order, workers=3))


@pytest.mark.parametrize("grid", ["steps", "points"])
def test_positions_that_lie_on_no_grid_are_put_on_one_or_shown_as_they_are(grid: str) -> None:
    irregular = Simulation(columns=12, rows=8, seed=4, jitter=0.3)
    settings = parameter_set(grid=grid, x_step=irregular.step, y_step=irregular.step)
    shown = analysed(Worker, Reducer, events(irregular), settings)["maps"]["Cu"]
    if grid == "points":
        places = [irregular.position(point) for point in range(irregular.points)]
        np.testing.assert_allclose(np.column_stack([shown["x"], shown["y"]]), places, rtol=1e-12)
        assert shown["amount"].shape == (irregular.points,)
    else:
        assert shown["count"].sum() == irregular.points
        columns = np.nanmean(shown["map"], axis=0)
        assert np.corrcoef(columns, shown["x"])[0, 1] > 0.9


def test_a_map_that_would_fill_the_memory_is_a_problem_and_all_else_is_shown() -> None:
    tree = analysed(Worker, Reducer, events(), parameter_set(grid="steps", x_step=1e-9, y_step=1e-9))
    assert "set x_step and y_step" in tree["problem"]
    assert tree["spectrum"]["counts"].any()


@pytest.mark.parametrize("with_event", ["last", "first"])
def test_a_line_of_a_fly_scan_may_come_in_one_packet(with_event: str) -> None:
    """Spectra come one by one, the positions of their line with the last of them or with the first."""
    wanted = analysed(Worker, Reducer, events(), parameter_set())["maps"]
    columns = SIMULATION.columns
    packets = []
    for row in range(SIMULATION.rows):
        line = np.array([SIMULATION.position(row * columns + i) for i in range(columns)])
        captured = {"INENC1.VAL_Mean": line[:, 0], "INENC2.VAL_Mean": line[:, 1]}
        message = pickle.dumps({"status": "running", "dt": 1.0, "panda0": captured}, protocol=4)
        packets.append(Packet("contrast", [message]))
    flown = []
    for event in events():
        streams = {name: packet for name, packet in event.streams.items() if name != "contrast"}
        point = event.event_number - 1
        if 0 <= point < SIMULATION.points and point % columns == (columns - 1 if with_event == "last" else 0):
            streams["contrast"] = packets[point // columns]
        flown.append(Event(event.event_number, streams))
    settings = parameter_set(
        x="contrast.panda0.INENC1.VAL_Mean", y="contrast.panda0.INENC2.VAL_Mean", line_packet=with_event
    )
    order = np.random.default_rng(2).permutation(len(flown))
    for chosen in (None, order):
        found = analysed(Worker, Reducer, flown, settings, order=chosen)["maps"]
        assert_same(found, wanted)


def test_positions_may_come_from_a_pandabox_by_its_own_port_or_by_tango() -> None:
    wanted = analysed(Worker, Reducer, events(), parameter_set())["maps"]
    places = [SIMULATION.position(point) for point in range(SIMULATION.points)]
    columns = {"INENC1.VAL.Mean": [x for x, _ in places], "INENC2.VAL.Mean": [y for _, y in places]}
    sent = list(pcap.generate(columns=columns, rows_per_message=1))
    rows = as_packets("PCAP", sent)
    settings = parameter_set(x="panda.INENC1.VAL.Mean", y="panda.INENC2.VAL.Mean")
    series = [
        Event(event.event_number, {**event.streams, "panda": row})
        for event, row in zip(events(), rows, strict=True)
    ]
    assert_same(analysed(Worker, Reducer, series, settings)["maps"], wanted)


def test_captured_scans_give_the_map_of_their_counts(shared_data: Path) -> None:
    sent = read_capture(shared_data / "captures" / "contrast-dump.cbors")
    scan = as_packets("contrast", [message for message in sent if b"heartbeat" not in message[0]])
    images = [*read_capture(shared_data / "captures" / "xspress3-dump.cbors")]
    # Three messages make one image.
    middle = [[*images[i], *images[i + 1], *images[i + 2]] for i in range(1, len(images) - 1, 3)]
    spectra = as_packets("xspress", [images[0], *middle, images[-1]])
    assert len(scan) == len(spectra) == 22
    series = [
        Event(i, {"contrast": a, "xspress3": b}) for i, (a, b) in enumerate(zip(scan, spectra, strict=True))
    ]
    settings = parameter_set(regions="all 0-9", detector_elements=[3], i0="", dead_time="")
    tree = analysed(Worker, Reducer, series, settings)
    for event in series[1:-1]:
        point, image = event.streams["contrast"].parse(), event.streams["xspress3"].parse()
        found = tree["maps"]["all"]
        column = np.argmin(abs(found["x"] - point.pseudo["x"][0]))
        row = np.argmin(abs(found["y"] - point.pseudo["y"][0]))
        assert found["map"][row, column] == image.data[3][:10].sum()


def test_a_region_that_is_none_is_told_and_spectra_are_shown_all_the_same() -> None:
    assert parse_regions(" Fe: 3-5,Cu 7-7 ") == {"Fe": slice(3, 6), "Cu": slice(7, 8)}
    for text in ("Fe", "Fe 5-3", "Fe 1-2, Fe 3-4", "1-2"):
        with pytest.raises(UserError, match="regions has"):
            parse_regions(text)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"regions": "Fe 4000-5000"}, "the region Fe goes to channel 5000, but spectra have 4096"),
        ({"detector_elements": [4]}, "detector_elements has 4, but the detector has 4 elements"),
        ({"dead_time": "i0.timestamp"}, None),
        ({"dead_time": "xspress3.meta.nothing"}, "dead_time is xspress3.meta.nothing, but the packets"),
        (
            {"x": "contrast.pseudo.z"},
            "x is contrast.pseudo.z, but the packets of the stream contrast have no pseudo.z",
        ),
        ({"i0": "contrast.status"}, "and no number"),
        ({"spectra_stream": "i0"}, "stream i0 have no spectra"),
    ],
)
def test_a_parameter_that_does_not_fit_is_refused_with_a_sentence(
    changes: dict[str, Any], says: str | None
) -> None:
    event = events(Simulation(columns=3, rows=1))[1]
    if says is None:
        assert Worker().process_event(event, parameter_set(**changes)) is not None
        return
    with pytest.raises(UserError, match=says):
        Worker().process_event(event, parameter_set(**changes))
