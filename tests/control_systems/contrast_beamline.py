"""A beamline of contrast, as a script that runs in an environment that has it: motors and a detector of contrast, its mesh scan.

Words: address of the controller, where the record is published, number of positions of a line, the path that ends a scan. The version that
is on the package index has no stream recorder: the one here sends what that of later versions does.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from typing import Any

import zmq
from contrast.detectors import DummyDetector
from contrast.environment import env
from contrast.environment.snapshots import EmptySnapshot
from contrast.motors import DummyMotor
from contrast.recorders import Recorder
from contrast.scans import Mesh

from beamloom.control.contrast import arm_scans


class StreamRecorder(Recorder):  # type: ignore[misc]
    """Publishes pickled dictionaries, from a process of its own, as contrast's recorders do."""

    def __init__(self, url: str) -> None:
        super().__init__(name="stream", delay=0.01)
        self.url = url

    def init(self) -> None:
        self.socket = zmq.Context().socket(zmq.PUB)
        self.socket.bind(self.url)

    def _close(self) -> None:
        self.socket.close(linger=2000)

    def act_on_header(self, dct: dict[str, Any]) -> None:
        self.scan = {"scannr": dct["scannr"], "path": dct["path"], "description": "mesh"}
        self.socket.send_pyobj({**self.scan, "status": "started", "snapshot": dct["snapshot"]}, protocol=2)

    def act_on_data(self, dct: dict[str, Any]) -> None:
        self.socket.send_pyobj(OrderedDict(dct, status="running"), protocol=2)

    def act_on_footer(self) -> None:
        self.socket.send_pyobj({**self.scan, "status": "finished"}, protocol=2)


def main() -> None:
    """Scan once."""
    controller, record, intervals, found = sys.argv[1:]
    recorder = StreamRecorder(record)
    recorder.start()
    env.snapshot = EmptySnapshot()
    x, y = DummyMotor(name="x"), DummyMotor(name="y")
    for motor in (x, y):
        motor.velocity = 1e6
    detector = DummyDetector(name="diode")
    arm_scans(controller, streams=["camera"], found=found)
    Mesh(x, 0, 1, 1, y, 0, int(intervals), int(intervals), 0.02).run()
    recorder.stop()
    recorder.join()
    del detector


if __name__ == "__main__":
    main()
