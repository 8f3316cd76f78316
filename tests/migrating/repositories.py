"""Repositories of analyses as they are written for dranspose, for tests that migrate them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from beamloom.events import Packet
from beamloom.recordings import Record, RecordingWriter
from dranspose.data.stream1 import Stream1Data, Stream1End, Stream1Start

FRAMES = 4
WORKER = """\
from dranspose.event import EventData
from dranspose.middlewares import stream1
from dranspose.parameters import IntParameter


class SpotWorker:
    @staticmethod
    def describe_parameters():
        return [IntParameter(name="factor", default=2)]

    def __init__(self, parameters=None, context=None, state=None, **kwargs):
        self.frames = 0

    def process_event(self, event: EventData, parameters=None, tick=False, *args, **kwargs):
        packet = stream1.parse(event.streams["cam"])
        if isinstance(packet, stream1.Stream1Data):
            print("frame", packet.frame)
            total = int(packet.data.sum()) * parameters["factor"].value
            return {"frame": packet.frame, "sum": total}  # one number for each frame
"""
REDUCER = """\
from dranspose.event import ResultData


class SpotReducer:
    def __init__(self, parameters=None, **kwargs):
        self.publish = {"sums": [], "total": 0}
        open("written_beside", "w").close()

    def process_result(self, result: ResultData, parameters=None):
        if result.payload is None:
            return
        self.publish["sums"].append(result.payload["sum"])
        self.publish["total"] += result.payload["sum"]
"""
TEST = """\
import threading
from pathlib import Path

from dranspose.replay import replay


def test_replay():
    thread = threading.Thread(
        target=replay,
        args=("src.worker:SpotWorker", "src.reducer:SpotReducer", [Path("data") / "spots.cbors"], None, "factor.json", 5010),
        kwargs={"nworkers": 2},
    )
    thread.start()
"""
VALUES = """\
global: {beamline: any, dump_prefix: /data/dumps/}
workers: 4
worker: {class: src.worker.SpotWorker}
reducer: {class: src.reducer:SpotReducer}
ingesters:
  cam: {upstream_url: "tcp://camera:9999"}
  scan: {stream: contrast, upstream_url: "tcp://scan:5556", ingester_class: ZmqSubContrastIngester}
  own: {ingester_class: "mine:OwnIngester"}
"""


def recording(path: Path, frames: int = FRAMES) -> None:
    """A series of a camera: image n has the value n + 1 in each of its 16 pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    images = [
        Stream1Data(
            frame=n, shape=[4, 4], type="uint16", msg_number=n + 1, data=np.full((4, 4), n + 1, np.uint16)
        )
        for n in range(frames)
    ]
    packets: list[Packet] = [
        Stream1Start(filename="", msg_number=0).to_stream_data(),
        *(image.to_stream_data() for image in images),
        Stream1End(msg_number=frames + 1).to_stream_data(),
    ]
    with RecordingWriter(path) as writer:
        for event, packet in enumerate(packets):
            writer.write(Record(event, {"cam": packet}))


def repository(folder: Path, **texts: str) -> Path:
    """A repository with a recording; ``texts`` are other forms of its files, by their names with __ for the slash."""
    recording(folder / "data" / "spots.cbors")
    files = {
        "src/worker.py": WORKER,
        "src/reducer.py": REDUCER,
        "tests/test_replay.py": TEST,
        "factor.json": json.dumps([{"name": "factor", "data": "3"}]),
    }
    for name, text in {**files, **{name.replace("__", "/"): text for name, text in texts.items()}}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder
