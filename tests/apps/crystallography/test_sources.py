"""The analysis over each of the devices that bring frames, by their real sources: sockets and files, shared by two workers."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import fabio.cbfimage
import h5py
import hdf5plugin
import numpy as np
import pytest

from apps.crystallography.cxi import as_crystfel_reads
from apps.crystallography.series import SIMULATION, analysed, assert_same, packets, parameter_set, plain
from beamloom import Detector, Event, ParameterSet, ReducerState, Result, Tile
from beamloom.analysis import ReducerAnalysis
from beamloom.apps.crystallography import Reducer, Worker
from beamloom.devices import dectris_v1, dectris_v2, jungfrau
from beamloom.devices.codecs import pack
from beamloom.devices.device import Source
from beamloom.devices.registry import find_device
from beamloom.services.inline import InlinePipeline, InlineWorker
from beamloom.services.worker.user_map import Map
from beamloom.settings import ControllerSettings
from beamloom.triggermap import uniform

FRAMES = 30


class Feed(NamedTuple):
    """What brings the frames."""

    sources: dict[str, Callable[[], Source]]
    """By stream."""
    begin: Callable[[], object] = lambda: None
    """Called when the run is armed."""
    detector: Detector | None = None
    """That the streams are tiles of."""


def images() -> Iterator[Any]:
    return (SIMULATION.frame(index) for index in range(FRAMES))


@contextmanager
def sent(device_name: str, series: dict[str, Any], detector: Detector | None = None) -> Iterator[Feed]:
    """Detectors that send these messages over a socket each."""
    device = find_device(device_name)
    with contextlib.ExitStack() as stack:
        simulators = {
            name: stack.enter_context(closing(device.simulator("tcp://127.0.0.1:*"))) for name in series
        }
        threads = [
            threading.Thread(target=simulators[name].play, args=(messages,))
            for name, messages in series.items()
        ]

        def begin() -> None:
            for thread in threads:
                thread.start()

        settings = {name: device.settings(url=simulator.url) for name, simulator in simulators.items()}
        yield Feed({name: partial(device.source, one) for name, one in settings.items()}, begin, detector)
        for thread in threads:
            thread.join()


@contextmanager
def eiger_v1(folder: Path) -> Iterator[Feed]:
    with sent("dectris_v1", {"camera": dectris_v1.generate(images=images(), dtype="uint16")}) as feed:
        yield feed


@contextmanager
def eiger_v2(folder: Path) -> Iterator[Feed]:
    with sent("dectris_v2", {"camera": dectris_v2.generate(images=images(), dtype="uint16")}) as feed:
        yield feed


@contextmanager
def hdf5_files(folder: Path) -> Iterator[Feed]:
    stack = np.stack(list(images()))
    with h5py.File(folder / "run_master.h5", "w") as file:
        file.create_dataset(
            "entry/data/data",
            data=stack,
            chunks=(1, *stack.shape[1:]),
            **hdf5plugin.Bitshuffle(cname="lz4"),
        )
    device = find_device("hdf5")
    yield Feed({"camera": partial(device.source, device.settings(url=str(folder / "run_master.h5")))})


@contextmanager
def image_files(folder: Path) -> Iterator[Feed]:
    for number, image in enumerate(images(), 1):
        fabio.cbfimage.CbfImage(data=image.astype(np.int32)).write(str(folder / f"run_{number:05}.cbf"))
    device = find_device("images")
    yield Feed({"camera": partial(device.source, device.settings(url=str(folder / "run_*.cbf")))})


@contextmanager
def jungfrau_pair(folder: Path) -> Iterator[Feed]:
    half = SIMULATION.shape[0] // 2
    series = {
        "upper": jungfrau.generate(images=(image[:half] for image in images()), row=0, rows=2),
        "lower": jungfrau.generate(images=(image[half:] for image in images()), row=1, rows=2),
    }
    tiles = (Tile(stream="upper", at=(0, 0)), Tile(stream="lower", at=(half, 0)))
    with sent("jungfrau", series, Detector(tiles=tiles)) as feed:
        yield feed


def run(feed: Feed, parameters: ParameterSet) -> tuple[Any, tuple[int, int, int], Counter[str]]:
    """What two workers and a reducer publish, how many events were reduced, failed and lost, and who had how many."""
    had: Counter[str] = Counter()

    class Mapping:
        def __init__(self) -> None:
            self.worker = Worker(parameters)

        def process_event(self, event: Event) -> Any:
            return self.worker.process_event(event, parameters)

    class Reducing:
        def __init__(self) -> None:
            self.reducer = Reducer(parameters, ReducerState(run="run-1"))
            self.publish = self.reducer.publish

        def process_result(self, result: Result) -> None:
            had[result.worker] += 1
            self.reducer.process_result(result, parameters)

        def finish(self) -> None:
            self.reducer.finish(parameters)

    detectors = {} if feed.detector is None else {"camera": feed.detector}
    analysis = ReducerAnalysis(Reducing)
    workers = [InlineWorker(name, ("generic",), lambda: Map(Mapping)) for name in ("worker-1", "worker-2")]
    settings = ControllerSettings(detectors=detectors)
    with InlinePipeline(feed.sources, workers, lambda: analysis, settings) as pipeline:
        active = pipeline.arm(uniform(["camera"], FRAMES))
        feed.begin()
        while not active.finished:
            pipeline.step()
        ledger = active.run.ledger
        return plain(analysis.publish), (len(ledger.reduced), len(ledger.failed), len(ledger.lost)), had


@pytest.mark.parametrize("source", [eiger_v1, eiger_v2, hdf5_files, image_files, jungfrau_pair])
def test_frames_of_every_device_are_found_hits_of_and_stored(source: Any, tmp_path: Path) -> None:
    oracle = plain(analysed(packets(FRAMES), parameter_set()).publish)
    folder = tmp_path / "frames"
    folder.mkdir()
    with source(folder) as feed:
        parameters = parameter_set(
            processed_directory=str(tmp_path / "out"), write_hits=True, detector_stream="camera"
        )
        tree, counts, had = run(feed, parameters)
    assert counts == (FRAMES + 2, 0, 0)
    assert min(had.values()) >= FRAMES // 4, had
    hits = [index for index in range(FRAMES) if SIMULATION.truth(index).hit]
    assert np.flatnonzero(tree["events"]["hit"] == 1).tolist() == [index + 1 for index in hits]
    assert np.count_nonzero(tree["events"]["hit"] == -1) <= 2, "every frame was looked at"
    for name in ("num_peaks", "ave_intensity"):
        assert_same(tree["events"][name][1 : FRAMES + 1], oracle["events"][name][1 : FRAMES + 1])
    for name in ("hits", "non_hits"):
        assert_same(tree["classes"][name]["peaks"], oracle["classes"][name]["peaks"])
        assert np.array_equal(
            tree["classes"][name]["frames"]["sum"], oracle["classes"][name]["frames"]["sum"]
        )
    master = tmp_path / "out" / "processed-hits-master.cxi"
    with h5py.File(tmp_path / "out" / "processed-hits-0000.cxi") as file:
        order = np.argsort(file["entry_1/event"][...])
        for index, row in zip(hits, order.tolist(), strict=True):
            np.testing.assert_array_equal(as_crystfel_reads(master, row).pixels, SIMULATION.frame(index))
            if source in (eiger_v1, eiger_v2):
                chunk = file["entry_1/data_1/data"].id.read_direct_chunk((row, 0, 0))[1]
                assert chunk == pack(SIMULATION.frame(index), "bslz4"), "as the detector sent it"
