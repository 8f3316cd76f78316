"""Real processes: slices and angles are those of a replay and of one process, and another program reads the frames that are sent on."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq

from apps.runs import analysed, assert_same, parameters_of, plain
from apps.tomography.scans import box_messages, scan, series, settings
from beamloom import Packet
from beamloom.apps.tomography import Reducer, Simulation, Worker
from beamloom.devices import stins
from beamloom.replay import replay
from live.pipelines import Bench, Live, running
from live.series import uniform_map
from support.patience import PATIENCE
from support.ports import quiet_address

pytestmark = pytest.mark.processes
SIMULATION = Simulation(seed=6, frames=60)
ENCODER = {"angle_scale": 1e-6, "angle_offset": 10.0}


def bench() -> Bench:
    return Bench({"camera": ("stins", "tcp://127.0.0.1:*"), "box": ("pandabox", "tcp://127.0.0.1:*")})


def streams_of(devices: Bench) -> dict[str, dict[str, str]]:
    return {
        "camera": {"device": "stins", "url": devices.url("camera")},
        "box": {"device": "pandabox", "url": devices.url("box")},
    }


def measure(live: Live, devices: Bench, begin: threading.Event | None = None) -> dict[str, Any]:
    """Run the scan, whose devices send when ``begin`` is set; returns what is published."""
    live.arm(uniform_map(["camera", "box"], SIMULATION.frames))
    assert begin is None or begin.wait(PATIENCE)
    devices.play("camera", series(SIMULATION), rate=200)
    devices.play("box", box_messages(SIMULATION), rate=200)
    end = live.finished()
    assert (end["reduced"], end["failed"], end["lost"]) == (SIMULATION.frames + 2, 0, 0), live.state()
    tree: dict[str, Any] = plain(live.published())
    return tree


def test_live_replay_and_one_process_agree_to_the_bit(tmp_path: Path) -> None:
    # Files by their path here: what is sent as bytes does not go into a pipeline file.
    files = {}
    for name, image in (("dark", SIMULATION.dark()), ("flat", SIMULATION.flat())):
        np.save(tmp_path / f"{name}.npy", image)
        files[f"{name}_file"] = str(tmp_path / f"{name}.npy")
    given = {**ENCODER, "air_columns": 6, **files}
    with bench() as devices:
        with running(
            streams_of(devices),
            worker="beamloom.apps.tomography:Worker",
            reducer="beamloom.apps.tomography:Reducer",
            parameters=given,
            analysis=tmp_path,
            recording={"prefix": f"{tmp_path}/"},
        ) as live:
            published = measure(live, devices)
    report = replay(Worker, Reducer, sorted(tmp_path.glob("*.cbors")), parameters=encoded(given))
    assert not report.failures
    assert_same(plain(report.publish), published)
    oracle = analysed(Worker, Reducer, scan(SIMULATION), parameters_of(Worker, **settings(SIMULATION)))
    assert_same(oracle, published)


def test_another_program_reads_every_frame_with_its_angle(tmp_path: Path) -> None:
    url = f"tcp://{quiet_address()}"
    packets: list[Any] = []
    connected = threading.Event()
    reading = threading.Thread(target=read_series, args=(url, packets, connected))
    reading.start()
    with bench() as devices:
        with running(
            streams_of(devices),
            worker="beamloom.apps.tomography:Republisher",
            reducer="beamloom.apps.tomography:Reducer",
            count=1,
            parameters={**ENCODER, "republish_url": url},
            analysis=tmp_path,
        ) as live:
            published = measure(live, devices, connected)
    reading.join(60)
    header, *frames, last = packets
    assert isinstance(header, stins.Stream1Start)
    assert isinstance(last, stins.Stream1End)
    truth = [SIMULATION.degrees(index) for index in range(SIMULATION.frames)]
    np.testing.assert_allclose([frame.angle for frame in frames], truth, atol=1e-6)
    for index in (0, 31, 59):
        assert np.array_equal(frames[index].array, SIMULATION.frame(index))
    assert published["republished"] == {"frames": SIMULATION.frames, "left_out": 0}


def read_series(url: str, packets: list[Any], connected: threading.Event) -> None:
    """A program that knows STINS and nothing else."""
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.PULL)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RCVTIMEO, 60_000)
    monitor = socket.get_monitor_socket(zmq.Event.HANDSHAKE_SUCCEEDED)
    monitor.setsockopt(zmq.RCVTIMEO, 60_000)
    socket.connect(url)
    try:
        monitor.recv_multipart()
        connected.set()
        while not packets or not isinstance(packets[-1], stins.Stream1End):
            packets.append(stins.parse(Packet("STINS", socket.recv_multipart())))
    finally:
        socket.disable_monitor()
        monitor.close()
        socket.close()


def encoded(values: dict[str, Any]) -> dict[str, bytes]:
    return {
        one.name: one.encode(values[one.name]) for one in Worker.describe_parameters() if one.name in values
    }
