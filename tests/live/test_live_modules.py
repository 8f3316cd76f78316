"""A detector whose two modules send through sockets and ingesters of their own, live and replayed."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from beamloom.analysis import load_class
from beamloom.devices import stins
from beamloom.replay import replay
from live.pipelines import ANALYSES, TIMEOUT, Bench, Live, running
from live.series import Message, uniform_map
from support.ports import quiet_address

pytestmark = pytest.mark.processes

MODULES = ("upper", "lower")
EVENTS = 30
JUNGFRAU = {
    "shape": [9, 8],
    "fill": 65535,
    "tiles": [
        {"stream": "upper", "at": [0, 0], "rotate": 180},
        {"stream": "lower", "at": [5, 0]},
    ],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("modules")


@pytest.fixture(scope="module")
def live(folder: Path) -> Iterator[Live]:
    streams = {name: {"device": "stins", "url": f"ipc://{folder / name}"} for name in MODULES}
    with running(
        streams,
        worker="modules:Worker",
        reducer="modules:Reducer",
        detectors={"jungfrau": JUNGFRAU},
        debugworker={"http": quiet_address()},
        recording={"prefix": f"{folder}/recorded/"},
        settings={"straggler_timeout": 1.0},
    ) as running_pipeline:
        yield running_pipeline


@pytest.fixture
def modules(folder: Path) -> Iterator[Bench]:
    """The two modules."""
    with Bench({name: ("stins", f"ipc://{folder / name}") for name in MODULES}) as bench:
        yield bench


def image(module: str, index: int) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """The picture of a module, which no other event or module has."""
    first = 1000 * MODULES.index(module) + 32 * index
    return np.arange(first, first + 32, dtype=np.uint16).reshape(4, 8)


def series(module: str, compression: str) -> list[Message]:
    return list(stins.generate(images=[image(module, n) for n in range(EVENTS)], compression=compression))


def frame(index: int) -> list[list[int]]:
    """The frame of the pictures ``index`` as it has to be."""
    upper, lower = image("upper", index).tolist(), image("lower", index).tolist()
    return [*(row[::-1] for row in reversed(upper)), [65535] * 8, *lower]


def check_frames(tree: dict[str, Any], lost: frozenset[int] = frozenset()) -> None:
    events = set(range(1, EVENTS + 1)) - lost
    assert {event for event in tree["frames"] if 0 < event <= EVENTS} == events
    for event in events:
        result = tree["frames"][event]
        assert np.asarray(result["frame"]).tolist() == frame(event - 1), event
        assert (result["missing"], result["number"]) == ([], event - 1)
        assert tree["times"][event] == 1


def test_modules_on_separate_streams_come_to_the_worker_as_one_frame(
    live: Live, modules: Bench, folder: Path
) -> None:
    run = live.arm(uniform_map(["jungfrau"], EVENTS))
    modules.play("upper", series("upper", "bslz4"))
    modules.play("lower", series("lower", "none"))
    end = live.finished()
    assert (end["reduced"], end["failed"], end["lost"]) == (EVENTS + 2, 0, 0)
    check_frames(live.published())
    shown = live.get("sequence")
    assert list(shown["parts"]["main"]["mapping"]) == ["jungfrau"]
    assert live.get("runs")[0]["streams"] == ["jungfrau"]
    assert live.get("config")["detectors"] == {"jungfrau": list(MODULES)}
    files = [folder / "recorded" / f"{module}-ingester-{run}.cbors" for module in MODULES]
    worker, reducer = (load_class(name, ANALYSES) for name in ("modules:Worker", "modules:Reducer"))
    check_frames(replay(worker, reducer, files).publish)


def test_a_picture_that_one_module_skips_costs_its_event_and_no_other(live: Live, modules: Bench) -> None:
    live.arm(uniform_map(["jungfrau"], EVENTS))
    upper = series("upper", "none")
    del upper[17]
    modules.play("upper", upper)
    modules.play("lower", series("lower", "none"))
    end = live.finished()
    assert (end["reduced"], end["failed"], end["lost"]) == (EVENTS + 1, 0, 1)
    (loss,) = end["losses"]
    assert loss["events"] == "17"
    assert "'upper' skipped frame numbers" in loss["cause"]
    check_frames(live.published(), lost=frozenset({17}))


def test_the_debug_worker_shows_the_frame_beside_its_tiles(live: Live, modules: Bench) -> None:
    cells = [[{"constraint": event}, {"tags": ["debug"]}] for event in range(EVENTS)]
    live.arm({"parts": {"main": {"jungfrau": cells}}, "sequence": ["main"]})
    for module in MODULES:
        modules.play(module, series(module, "none"))
    end = live.finished()
    assert (end["reduced"], end["failed"], end["lost"]) == (EVENTS + 2, 0, 0)
    address = f"{live.placement.debugworker_url}/api/v1/last_events?number=2"
    event = pickle.loads(requests.get(address, timeout=TIMEOUT).content)[0]
    assert event.streams.keys() == {*MODULES, "jungfrau"}
    assert event.streams["jungfrau"].parse().array.tolist() == frame(EVENTS - 1)
    json = requests.get(address, headers={"accept": "application/json"}, timeout=TIMEOUT).json()
    described = json[0]["streams"]["jungfrau"]
    assert (described["typ"], described["parsed"]) == ("TILES", "DetectorData")
    assert described["arrays"]["array"]["shape"] == [9, 8]
    assert described["arrays"]["array"]["thumbnail"].startswith("data:image/png")


def test_a_map_that_names_the_detector_and_one_of_its_modules_is_refused(live: Live) -> None:
    status, sentence = live.refusal(uniform_map(["jungfrau", "lower"], 3))
    assert status == 400
    assert (
        "has cells for the stream 'lower' twice: as a part of 'jungfrau' and under its own name" in sentence
    )


def test_a_module_may_be_split_over_two_ingesters(modules: Bench, folder: Path) -> None:
    streams: dict[str, dict[str, Any]] = {
        name: {"device": "stins", "url": f"ipc://{folder / name}"} for name in MODULES
    }
    streams["upper"]["ingesters"] = 2
    with running(
        streams, worker="modules:Worker", reducer="modules:Reducer", detectors={"jungfrau": JUNGFRAU}
    ) as split:
        split.arm(uniform_map(["jungfrau"], EVENTS))
        for module in MODULES:
            modules.play(module, series(module, "bslz4"))
        end = split.finished()
        assert (end["reduced"], end["failed"], end["lost"]) == (EVENTS + 2, 0, 0)
        check_frames(split.published())
        shares = split.get("streams")["upper"]["shares"]
        assert sorted(one["packets"] for one in shares.values()) == [EVENTS // 2 + 1] * 2
