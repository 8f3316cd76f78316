"""The analysis of serial crystallography: what a frame costs a worker and the reducer, and what pictures cost.

CPU time, the median over frames of one core, unpacking of the frames included, on simulated frames of which four in ten are hits; where
it says so, the median over hits alone, or over frames that are none. The veto has learnt before it is measured; one in twenty of the frames
that it would leave out is searched all the same.
``--panel SS FS`` sets the size of each of four panels, ``--json`` prints the figures as one JSON object on the last line.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

# Before the library that reads it is imported.
os.environ["OMP_NUM_THREADS"] = "1"

from beamloom import Event, Packet, ParameterSet, Result
from beamloom.apps.crystallography import Reducer, Simulation, Worker
from beamloom.devices import dectris_v2

SETTINGS: Final = {"adc_threshold": 8, "minimum_snr": 5, "min_num_peaks_for_hit": 9}
HITS: Final = {"class_sums_interval": 0, "hit_frame_sending_interval": 0}


class Way(NamedTuple):
    """What is measured."""

    settings: dict[str, Any]
    of: bool | None = None
    """True: of hits alone; False: of others."""
    rounds_before: int = 1
    """That are not measured."""


WAYS: Final[dict[str, Way]] = {
    "exact": Way({"peakfinding_mode": "exact"}),
    "robust": Way({}),
    "fast": Way({"peakfinding_mode": "fast"}),
    "fast, sums of every 10th frame": Way({"peakfinding_mode": "fast", "class_sums_interval": 10}),
    "fast, 2 x 2 bins": Way({"peakfinding_mode": "fast", "bin_size": 2}),
    "fast, a hit": Way({"peakfinding_mode": "fast", **HITS}, of=True),
    "fast, a hit, stored as it came": Way({"peakfinding_mode": "fast", **HITS, "write_hits": True}, of=True),
    "fast, a hit, calibrated, stored": Way(
        {"peakfinding_mode": "fast", **HITS, "write_hits": True, "common_mode": "panel"}, of=True
    ),
    "fast, a hit, calibrated": Way({"peakfinding_mode": "fast", **HITS, "common_mode": "panel"}, of=True),
    "fast, no hit": Way({"peakfinding_mode": "fast", **HITS}, of=False),
    "fast, no hit, vetoed": Way(
        {"peakfinding_mode": "fast", **HITS, "veto": True, "veto_wanted_recall": 0.9},
        of=False,
        rounds_before=20,
    ),
}


def events(simulation: Simulation, frames: int, rounds: int) -> Iterator[Event]:
    """The same frames again and again."""
    images = (simulation.frame(index) for index in range(frames))
    messages = list(dectris_v2.generate(images=images, dtype="uint16"))[1:-1]
    for number in range(rounds * frames):
        yield Event(
            number + 1, {"eiger": Packet(dectris_v2.TYP, messages[number % frames], number % frames + 1)}
        )


def milliseconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """The CPU time that ``work`` takes, and what it returns."""
    begun = time.process_time()
    done = work()
    return 1000 * (time.process_time() - begun), done


def measure(
    simulation: Simulation, way: Way, frames: int, rounds: int, stack: contextlib.ExitStack
) -> dict[str, float]:
    """Medians in milliseconds, of so many rounds after those that are not measured."""
    folder = stack.enter_context(tempfile.TemporaryDirectory()) if "write_hits" in way.settings else ""
    values = {
        "geometry_file_file": simulation.geometry_text().encode(),
        "processed_directory": folder,
        **SETTINGS,
        **way.settings,
    }
    parameters = ParameterSet.from_values(values, Reducer.describe_parameters())
    worker, reducer = Worker(parameters), Reducer(parameters)
    mapped, reduced = [], []
    for event in events(simulation, frames, way.rounds_before + rounds):
        taken, payload = milliseconds(lambda event=event: worker.process_event(event, parameters))  # type: ignore[misc]
        result = Result(event.event_number, "worker", parameters.hash, payload)
        given = milliseconds(lambda result=result: reducer.process_result(result, parameters))[0]  # type: ignore[misc]
        hit = simulation.truth((event.event_number - 1) % frames).hit
        if event.event_number > way.rounds_before * frames and way.of in (None, hit):
            mapped.append(taken)
            reduced.append(given)
    reducer.timer(parameters)
    result = Result(
        event.event_number + 1,
        "worker",
        parameters.hash,
        worker.process_event(Event(event.event_number + 1, event.streams), parameters),
    )
    reducer.process_result(result, parameters)
    return {
        "worker": statistics.median(mapped),
        "reducer": statistics.median(reduced),
        "pictures": milliseconds(lambda: reducer.timer(parameters))[0],
    }


def main() -> None:
    """Measure each way, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--panel", type=int, nargs=2, default=(1080, 1035), metavar=("SS", "FS"))
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    simulation = Simulation(seed=1, panel=tuple(arguments.panel), spots=(60, 120), rings=12)
    print(f"{simulation.shape[0]} x {simulation.shape[1]} pixels, uint16, bslz4; milliseconds of CPU time")
    print(f"{'':32} {'worker':>8} {'reducer':>8} {'pictures':>9}")
    report = {}
    for name, way in WAYS.items():
        with contextlib.ExitStack() as stack:
            report[name] = figures = measure(
                simulation, way, arguments.frames, max(1, arguments.rounds - 1), stack
            )
        print(f"{name:32} {figures['worker']:8.2f} {figures['reducer']:8.2f} {figures['pictures']:9.0f}")
    if arguments.json:
        print(json.dumps(report))


if __name__ == "__main__":
    main()
