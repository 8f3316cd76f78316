"""The analysis of the simulated powder: what is published is the truth, in whichever order frames come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.azimuthal.material import SIMULATION, events, parameter_set
from apps.runs import analysed, assert_same
from beamloom import UserError
from beamloom.apps.azimuthal import Reducer, Worker
from beamloom.apps.azimuthal.simulated import FADING, GROWING, WIDTH


def published(**changes: Any) -> dict[str, Any]:
    return analysed(Worker, Reducer, events(), parameter_set(**changes))


def test_the_waterfall_is_the_powder_as_it_was_made() -> None:
    tree = published()
    q, rows = tree["waterfall"]["x"], tree["waterfall"]["data"][1:]
    places = np.array([*FADING, *GROWING])
    between = (q > 0.5) & (q < 3.6) & (abs(q[:, np.newaxis] - places).min(axis=1) > 5 * WIDTH)
    assert between.sum() > 20
    assert rows[:, between].mean() == pytest.approx(SIMULATION.background, rel=0.02)
    # A ring's counts, as much of it as lies in its bins, are those of the truth, and so the share of each phase in each frame.
    for index, row in enumerate(rows):
        truth = SIMULATION.intensity(q, index)
        for place in places:
            ring = abs(q - place) < 3 * WIDTH
            assert row[ring].sum() == pytest.approx(truth[ring].sum(), rel=0.08), (index, place)


def test_i0_takes_the_beam_out_of_the_patterns() -> None:
    level = published()["frames"]["intensity"][1:]
    raw = published(i0="")["frames"]["intensity"][1:]
    i0 = np.array([SIMULATION.i0(index) for index in range(SIMULATION.frames)])
    assert np.corrcoef(raw, i0)[0, 1] > 0.95
    np.testing.assert_allclose(level * i0, raw, rtol=1e-12)
    np.testing.assert_allclose(published(i0_reference=2.0)["frames"]["intensity"][1:], 2 * level, rtol=1e-12)


def test_the_mean_pattern_is_the_mean_of_the_waterfall_over_the_same_axis() -> None:
    tree = published(azimuthal_bins=30, sigma_clip=4)
    rows = tree["waterfall"]["data"][1:]
    np.testing.assert_allclose(tree["pattern"]["intensity"], rows.mean(axis=0), rtol=1e-12)
    assert np.array_equal(tree["pattern"]["radial"], tree["waterfall"]["x"])
    assert tree["pattern"]["frames"] == SIMULATION.frames
    assert tree["cake"]["intensity"].shape == (30, 220)
    assert tree["cake"]["azimuth"].shape == (30,)
    # Where nothing stands out, clipping changes nothing but the tail of the counts.
    q = tree["pattern"]["radial"]
    between = (q > 2.2) & (q < 2.45)
    clipped = tree["clipped_pattern"]["intensity"][between]
    assert clipped.mean() == pytest.approx(tree["pattern"]["intensity"][between].mean(), rel=0.02)


def test_neither_the_order_of_frames_nor_the_number_of_workers_matters() -> None:
    series = events()
    wanted = analysed(Worker, Reducer, series, parameter_set(azimuthal_bins=12))
    order = np.random.default_rng(1).permutation(len(series))
    other = analysed(Worker, Reducer, series, parameter_set(azimuthal_bins=12), order=order, workers=3)
    for name in ("waterfall", "frames"):
        assert_same(wanted[name], other[name], name)
    # Means are rounded at each addition.
    for name in ("pattern", "cake"):
        np.testing.assert_allclose(wanted[name]["intensity"], other[name]["intensity"], rtol=1e-11)


def test_frames_without_beam_have_no_pattern() -> None:
    tree = published(i0_least=1.0)
    lit = [index for index in range(SIMULATION.frames) if SIMULATION.i0(index) > 1.0]
    assert tree["pattern"]["frames"] == len(lit) < SIMULATION.frames
    assert np.isnan(tree["frames"]["intensity"][1:]).sum() == SIMULATION.frames - len(lit)


def test_a_change_of_the_geometry_begins_patterns_anew() -> None:
    series, before, after = events(), parameter_set(), parameter_set(bins=100)
    from beamloom import Result

    worker, reducer = Worker({}), Reducer()
    for event in series:
        epoch = 1 if event.event_number > 12 else 0
        chosen = after if epoch else before
        payload = worker.process_event(event, chosen)
        reducer.process_result(Result(event.event_number, "w", chosen.hash, payload, epoch))
    reducer.finish()
    assert reducer.publish["pattern"]["intensity"].shape == (100,)
    assert reducer.publish["pattern"]["frames"] == SIMULATION.frames - 12


def test_the_geometry_is_read_from_a_file_and_kept_from_run_to_run(tmp_path: Path) -> None:
    file = tmp_path / "powder.poni"
    file.write_text(SIMULATION.poni)
    given = parameter_set(poni_file=b"", poni=str(file))
    context: dict[Any, Any] = {}
    event = events()[1]
    first = Worker(context).process_event(event, given)
    (kept,) = context["beamloom.apps.azimuthal"].values()
    assert first is not None
    Worker(context).process_event(event, given)
    assert list(context["beamloom.apps.azimuthal"].values()) == [kept]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"poni_file": b""}, "there is no geometry"),
        ({"poni_file": b"", "poni": "/nowhere/a.poni"}, "/nowhere/a.poni cannot be read"),
        ({"poni_file": b"hello"}, "content of a .poni file"),
        ({"radial_range": [3, 1]}, "radial_range is"),
        ({"i0": "i0.channel9"}, "i0 is i0.channel9, but the packets of the stream i0 have no channel9"),
        ({"detector_stream": "i0"}, "stream i0 have"),
    ],
)
def test_a_parameter_that_does_not_fit_is_refused_with_a_sentence(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        Worker({}).process_event(events()[1], parameter_set(**changes))
