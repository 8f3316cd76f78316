"""Tomography: what a frame of 2048 x 2048 costs a worker, and slices beside scikit-image's ``iradon`` on the same projections.

``--live`` measures besides, through a pipeline of real processes on this machine, how many frames with their angles another program gets.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import _measure as measure  # before numpy
import numpy as np
import zmq
from skimage.transform import iradon

import beamloom
from beamloom import Event, Packet, ParameterSet
from beamloom.apps.tomography import Republisher, Simulation, Stack, Worker
from beamloom.apps.tomography.backprojection import across, weights_of
from beamloom.apps.tomography.filtering import filtered
from beamloom.devices import pandabox, stins
from beamloom.devices.registry import find_device
from beamloom.pipeline_file import parse_pipeline
from beamloom.placement import LocalPlacement
from beamloom.triggermap import uniform

Array = np.ndarray[Any, np.dtype[Any]]


def of_worker() -> None:
    """What a frame costs a worker that makes a projection of it, and one that sends it on."""
    frame = np.random.default_rng(1).poisson(20_000, (2048, 2048)).astype(np.uint16)
    _, message, _ = stins.generate(images=[frame])
    header, row, _ = pandabox.generate(rows=1)
    event = Event(1, {"camera": Packet("STINS", message), "box": Packet("PCAP_RAW", [*row, *header])})
    for what, worker_class, given in (
        ("2048 x 2048: projection of 256 columns, filtered", Worker, {"air_columns": 20}),
        ("2048 x 2048: sent on, nobody reads", Republisher, {"republish_url": "tcp://127.0.0.1:*"}),
    ):
        parameters = ParameterSet.from_values(given, worker_class.describe_parameters())
        worker = worker_class(parameters, {}) if worker_class is Republisher else worker_class()
        measure.row(
            what,
            measure.cpu_seconds(
                lambda worker=worker, parameters=parameters: worker.process_event(event, parameters)
            ),
        )


def of_slices(width: int, frames: int) -> None:
    """A slice across the axis beside the library, and all three slices."""
    # An odd number of columns has its middle in a pixel, which is where the library turns.
    simulation = Simulation(shape=(width, width), frames=frames, centre=(width - 1) / 2)
    projections = [
        simulation.projection(simulation.degrees(index)).astype(np.float32) for index in range(frames)
    ]
    stack = Stack()
    for index, projection in enumerate(projections):
        stack.add(index, filtered(projection))
    degrees = np.array([simulation.degrees(index) for index in range(frames)])
    angles, row = np.radians(degrees), width // 2
    sinogram = np.array([projection[row] for projection in projections])
    weights = weights_of(angles)

    def own(window: str = "ramp") -> Array:
        image = np.zeros((width, width), np.float32)
        across(filtered(sinogram, window), angles, weights, simulation.centre, image)
        return image

    def library() -> Array:
        return np.asarray(iradon(sinogram.T, theta=degrees, circle=True, filter_name="ramp"))

    truth = simulation.truth(row)
    print(f"{frames} projections of {width} columns")
    for what, work in (
        ("  slice across the axis, filter included", own),
        ("  the same by skimage iradon", library),
    ):
        image = work()
        # The library draws y upwards.
        best = min(
            float(np.sqrt(np.mean((one - truth) ** 2) / np.mean(truth**2))) for one in (image, image[::-1])
        )
        measure.row(f"{what} (error {best:.3f})", measure.cpu_seconds(work, 3), unit="slices")
    measure.row(
        "  three slices",
        measure.cpu_seconds(lambda: stack.slices(angles, simulation.centre, row), 3),
        unit="times",
    )


def live(side: int, frames: int) -> None:
    """Frames per second that another program gets, of a pipeline with one worker that sends them on."""
    frame = np.random.default_rng(1).poisson(20_000, (side, side)).astype(np.uint16)
    camera, box = (
        find_device("stins").simulator("tcp://127.0.0.1:*"),
        find_device("pandabox").simulator("tcp://127.0.0.1:*"),
    )
    with tempfile.TemporaryDirectory() as folder:
        text = json.dumps(
            {
                "streams": {
                    "camera": {"device": "stins", "url": camera.url},
                    "box": {"device": "pandabox", "url": box.url},
                },
                "workers": {"class": "beamloom.apps.tomography:Republisher", "count": 1},
                "reducer": {"class": "beamloom.apps.tomography:Reducer", "http": "127.0.0.1:0"},
                "controller": {"http": "127.0.0.1:0"},
                "parameters": {"republish_queue": 1000, "republish_url": f"ipc://{folder}/frames"},
            }
        )
        with LocalPlacement(parse_pipeline(text, folder=Path(folder)), quiet=True) as placement:
            placement.wait_ready(120)
            with beamloom.connect(placement.controller_url) as pipeline:
                pipeline.arm(uniform(["camera", "box"], frames))
                times: list[float] = []
                reader = threading.Thread(target=_read, args=(f"ipc://{folder}/frames", times))
                reader.start()
                for simulator, messages in (
                    (camera, stins.generate(images=(frame for _ in range(frames)))),
                    (box, pandabox.generate(rows=frames)),
                ):
                    threading.Thread(target=simulator.play, args=(list(messages),), daemon=True).start()
                pipeline.wait(300)
                reader.join(60)
    camera.close()
    box.close()
    count, taken = len(times), times[-1] - times[0]
    rate = (count - 1) / taken
    print(
        f"{side} x {side}, live: {count} of {frames} frames, {rate:.0f}/s, {rate * frame.nbytes / 1e9:.2f} GB/s"
    )


def _read(url: str, times: list[float]) -> None:
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.PULL)
    socket.setsockopt(zmq.RCVTIMEO, 60_000)
    socket.connect(url)
    while True:
        head, *blobs = socket.recv_multipart(copy=False)
        if b'"series_end"' in head.bytes[:100]:
            break
        if b'"image"' in head.bytes[:400] and blobs:
            times.append(time.perf_counter())
    socket.close()


def main() -> None:
    """Print a line for each way."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--live", action="store_true")
    of_worker()
    of_slices(257, 360)
    of_slices(513, 720)
    if arguments.parse_args().live:
        live(512, 2000)
        live(2048, 300)


if __name__ == "__main__":
    main()
