"""``dranspose.replay.replay`` as the test suites of existing analyses call it: in a thread, with events and a port."""

from __future__ import annotations

import json
import pickle
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from beamloom.analysis import AnalysisImportError
from beamloom.devices.captures import read_capture
from beamloom.devices.contrast import ContrastReader
from beamloom.devices.xspress3 import Xspress3Reader
from beamloom.errors import UserError
from beamloom.events import Malformed, Packet
from beamloom.recordings import Record, RecordingWriter
from dranspose.replay import replay
from support.patience import PATIENCE
from support.ports import quiet_port

SEEDS = Path(__file__).parent / "seeds"

WORKER = """
import os
from dranspose.event import EventData
from dranspose.middlewares import stream1
from dranspose.parameters import IntParameter

class Worker:
    @staticmethod
    def describe_parameters():
        return [IntParameter(name="factor", default=2)]

    def __init__(self, parameters=None, **kwargs):
        pass

    def process_event(self, event: EventData, parameters=None, *args, **kwargs):
        packet = stream1.parse(event.streams["xrd"])
        if isinstance(packet, stream1.Stream1Data):
            return {"frame": packet.frame, "sum": int(packet.data.sum()) * parameters["factor"].value}
"""
REDUCER = """
class Reducer:
    def __init__(self, *args, **kwargs):
        self.publish = {"sums": {}}

    def process_result(self, result, parameters=None):
        self.publish["sums"][str(result.payload["frame"])] = result.payload["sum"]
"""
SOURCE = """
import numpy as np
from dranspose.data.stream1 import Stream1Data, Stream1End, Stream1Start
from dranspose.event import InternalWorkerMessage

class Source:
    def get_source_generators(self):
        return [self.camera()]

    def camera(self):
        start = Stream1Start(filename="", msg_number=0).to_stream_data()
        yield InternalWorkerMessage(event_number=0, streams={"xrd": start})
        for frame in range(6):
            image = Stream1Data(
                frame=frame, shape=[4, 4], type="uint16", compression="none", msg_number=frame + 1,
                data=np.full((4, 4), frame, np.uint16),
            ).to_stream_data()
            yield InternalWorkerMessage(event_number=frame + 1, streams={"xrd": image})
        yield InternalWorkerMessage(event_number=7, streams={"xrd": Stream1End(msg_number=7).to_stream_data()})
"""


@pytest.fixture(autouse=True)
def payload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A checkout of an analysis, which is the working directory; the import system is left as it was."""
    for name, text in {"worker": WORKER, "reducer": REDUCER, "source": SOURCE}.items():
        (tmp_path / f"payload_{name}.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    path, modules = list(sys.path), set(sys.modules)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name.startswith("payload_") or name.split(".")[0] == "src":
            del sys.modules[name]


@pytest.fixture
def xrd(shared_data: Path) -> Path:
    return shared_data / "captures" / "dump_xrd.cbors"


@pytest.fixture
def port() -> int:
    return quiet_port()


class Payload:
    """A replay in a thread of its own."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        self.stop, self.done = threading.Event(), threading.Event()
        self.error: Exception | None = None
        self._arguments = arguments
        self._more = more | {"stop_event": self.stop, "done_event": self.done}
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            replay(*self._arguments, **self._more)
        except (UserError, OSError) as error:
            self.error = error

    def __enter__(self) -> Payload:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self._thread.join()


def published(port: int) -> dict[str, Any]:
    content = requests.get(f"http://localhost:{port}/api/v1/result/$", timeout=PATIENCE).content
    tree: dict[str, Any] = pickle.loads(content)[0]
    return tree


def test_results_can_be_read_from_the_end_of_the_run_until_the_stop(xrd: Path, port: int) -> None:
    with Payload("payload_worker:Worker", "payload_reducer:Reducer", [xrd], port=port) as running:
        assert running.done.wait(PATIENCE)
        sums = published(port)["sums"]
        assert sorted(map(int, sums)) == list(range(9))
        again = published(port)["sums"]
        assert again == sums
    assert running.error is None
    with pytest.raises(requests.ConnectionError):
        published(port)


def test_nothing_is_run_before_the_start(xrd: Path, port: int) -> None:
    start = threading.Event()
    with Payload(
        "payload_worker:Worker", "payload_reducer:Reducer", [xrd], port=port, start_event=start
    ) as running:
        with requests.Session() as session:
            session.mount("http://", HTTPAdapter(max_retries=Retry(connect=500, backoff_factor=0.001)))
            session.get(f"http://localhost:{port}/api/v1/status", timeout=PATIENCE).raise_for_status()
        assert not running.done.is_set()
        requests.post(
            f"http://localhost:{port}/api/v1/parameter/factor", data=b"0", timeout=PATIENCE
        ).raise_for_status()
        start.set()
        assert running.done.wait(PATIENCE)
        assert set(published(port)["sums"].values()) == {0}


def test_user_code_that_cannot_be_imported_is_raised_at_once_and_ends_the_wait(
    xrd: Path, payload: Path
) -> None:
    (payload / "payload_broken.py").write_text("import no_such_package\n")
    done, start = threading.Event(), threading.Event()
    with pytest.raises(ImportError, match="it needs the module 'no_such_package', which is not installed"):
        replay("payload_broken:Worker", "payload_reducer:Reducer", [xrd], done_event=done, start_event=start)
    assert done.is_set()
    (payload / "payload_syntax.py").write_text("class Reducer\n")
    done.clear()
    with pytest.raises(AnalysisImportError, match="SyntaxError"):
        replay("payload_worker:Worker", "payload_syntax:Reducer", [xrd], done_event=done, start_event=start)
    assert done.is_set()


def test_a_missing_file_ends_the_wait_too(payload: Path) -> None:
    with Payload("payload_worker:Worker", "payload_reducer:Reducer", [payload / "none.cbors"]) as running:
        assert running.done.wait(PATIENCE)
    assert "there is no recording" in str(running.error)


@pytest.mark.parametrize("content", ['[{"name": "factor", "data": "3"}]', '{"factor": 3}'])
def test_parameters_come_from_a_file(xrd: Path, port: int, payload: Path, content: str) -> None:
    path = payload / "parameters.json"
    path.write_text(content)
    classes = ("payload_worker:Worker", "payload_reducer:Reducer")
    with Payload(*classes, [xrd], port=port) as running:
        assert running.done.wait(PATIENCE)
        usual = published(port)["sums"]
    with Payload(*classes, [xrd], parameter_file=path, port=port, nworkers=3) as running:
        assert running.done.wait(PATIENCE)
        assert published(port)["sums"] == {frame: total // 2 * 3 for frame, total in usual.items()}


def test_a_source_wins_over_files(port: int) -> None:
    arguments = (
        "payload_worker:Worker",
        "payload_reducer:Reducer",
        None,
        "payload_source:Source",
        None,
        port,
    )
    with Payload(*arguments) as running:
        assert running.done.wait(PATIENCE)
        assert published(port)["sums"] == {str(frame): 32 * frame for frame in range(6)}


def test_what_fails_is_logged_with_its_events_and_the_rest_is_reduced(
    xrd: Path, payload: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = WORKER.replace("packet = ", "assert event.event_number != 4\n        packet = ")
    (payload / "payload_fails.py").write_text(text)
    replay("payload_fails:Worker", "payload_reducer:Reducer", [xrd])
    [record] = [record for record in caplog.records if record.name == "dranspose.replay"]
    assert record.levelname == "ERROR"
    assert record.getMessage().startswith("Worker.process_event failed at events 4:\nTraceback")


def test_latency_is_the_least_time_between_events(xrd: Path) -> None:
    begin = time.monotonic()
    replay("payload_worker:Worker", "payload_reducer:Reducer", [xrd], latency=0.02)
    assert time.monotonic() - begin >= 10 * 0.02


def test_the_tutorial_gives_the_map_of_a_captured_scan(shared_data: Path, payload: Path, port: int) -> None:
    (payload / "src").mkdir()
    for part in ("worker", "reducer"):
        (payload / "src" / f"{part}.py").write_text((SEEDS / f"tutorial_{part}.txt").read_text())
    (payload / "parameters.json").write_text(json.dumps([{"name": "roi1", "data": "[0, 10]"}]))
    files = [
        recorded(payload, "contrast", ContrastReader(), shared_data / "captures" / "contrast-dump.cbors"),
        recorded(payload, "xspress3", Xspress3Reader(), shared_data / "captures" / "xspress3-dump.cbors"),
    ]
    classes = ("src.worker:FluorescenceWorker", "src.reducer:FluorescenceReducer")
    with Payload(*classes, files, parameter_file="parameters.json", port=port) as running:
        assert running.done.wait(PATIENCE)
        published_map = published(port)["map"]
    assert running.error is None
    assert len(published_map) == 20
    assert sum(point["roi1"] for point in published_map.values()) == 32


def recorded(folder: Path, stream: str, reader: ContrastReader | Xspress3Reader, capture: Path) -> Path:
    """The recording that an ingester would have made of a capture."""
    items: list[Packet | Malformed] = []
    for message in read_capture(capture):
        reader.take(list(message), items)
    path = folder / f"{stream}.cbors"
    with RecordingWriter(path) as writer:
        for event, item in enumerate(items):
            assert isinstance(item, Packet)
            writer.write(Record(event, {stream: item}))
    return path
