"""A user's pipeline, measured."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from beamloom.benching.material import Material
from beamloom.benching.plain_loop import Loop, PlainLoop
from beamloom.benching.played import PlayedSource, read_packets
from beamloom.cli import main
from beamloom.errors import UsageError
from beamloom.events import Packet, PacketKind
from beamloom.recordings import Record, RecordingWriter
from beamloom.replay import Replay
from benching import bench_analysis
from benching.bench_analysis import Failing, Parsing, Reducer, Worker

FOLDER = str(Path(bench_analysis.__file__).parent)
MUCH = 1 << 30


def write(path: Path, events: Mapping[str, Sequence[int]]) -> Path:
    with RecordingWriter(path) as writer:
        for event in sorted({event for some in events.values() for event in some}):
            packets = {
                s: Packet("plain", [str(event).encode()]) for s, some in events.items() if event in some
            }
            writer.write(Record(event, packets))
    return path


def material_of(path: Path, worker: type = Worker) -> tuple[Replay, Material]:
    replay = Replay(worker, Reducer, [path])
    return replay, Material(replay, MUCH)


def looped(path: Path, worker: type, seconds: float = 0.05) -> PlainLoop:
    replay, material = material_of(path, worker)
    return Loop(worker, Reducer, material, replay.parameters, replay.detectors).measure(seconds)


def test_what_opens_a_recording_is_sent_once_and_the_rest_again_and_again(tmp_path: Path) -> None:
    _, material = material_of(write(tmp_path / "r.cbors", {"a": range(6), "b": (0, 2, 4)}))
    assert (material.extent.head, material.extent.body, material.extent.tail) == (1, 5, 0)
    trigger_map = material.map_of(3)
    assert trigger_map.total_events == 1 + 3 * 5
    paths = material.write(tmp_path)
    for stream, once, body in (("a", [b"0"], [b"1", b"2", b"3", b"4", b"5"]), ("b", [b"0"], [b"2", b"4"])):
        items = material.items_of(stream)
        source = PlayedSource(read_packets(paths[stream], stream), items, wrapped=False)
        source.expect(items.passes(3))
        source.open()
        try:
            packets = [*source.read(4), *source.read(1000)]
            assert not source.read(1000)
        finally:
            source.close()
        assert [bytes(one.frames[0]) for one in packets] == once + 3 * body
        assert [one.number for one in packets if isinstance(one, Packet)] == list(range(len(packets)))


def test_a_series_that_is_opened_and_closed_is_so_once(tmp_path: Path) -> None:
    packets = {item: Packet("plain", [str(item).encode()]) for item in range(4)}
    _, material = material_of(write(tmp_path / "r.cbors", {"a": range(4)}))
    extent = type(material.extent)(1, 2, 1)
    source = PlayedSource(packets, extent, wrapped=True)
    source.expect(extent.passes(2))
    read = [one for one in source.read(100) if isinstance(one, Packet)]
    assert [bytes(one.frames[0]) for one in read] == [b"0", b"1", b"2", b"1", b"2", b"3"]
    data = [PacketKind.DATA] * 4
    assert [one.kind for one in read] == [PacketKind.START, *data, PacketKind.END]


def test_recordings_that_do_not_fit_into_memory_are_refused(tmp_path: Path) -> None:
    replay = Replay(Worker, Reducer, [write(tmp_path / "r.cbors", {"a": range(100)})])
    with pytest.raises(UsageError, match="allow more with --memory"):
        Material(replay, 20)


def test_every_hook_is_measured_as_often_as_it_was_called(tmp_path: Path) -> None:
    plain = looped(write(tmp_path / "r.cbors", {"a": range(40)}), Worker)
    assert plain.events == 40 * plain.passes
    assert plain.failed == 0
    assert set(plain.hooks) == {"worker", "encode", "decode", "reducer", "timer", "finish"}
    worker = plain.hooks["worker"]
    assert worker.name == "Worker.process_event"
    assert worker.per_event == 1.0
    assert worker.seconds.count == plain.events
    assert 0 < worker.seconds.p50 <= worker.seconds.p99
    assert plain.rate < 1 / worker.seconds.mean
    assert plain.result_bytes > 3


def test_parsing_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "r.cbors"
    head = {
        "htype": "image",
        "frame": 0,
        "shape": [4],
        "type": "uint8",
        "compression": "none",
        "msg_number": 1,
    }
    packet = Packet("STINS", [json.dumps(head).encode(), np.arange(4, dtype=np.uint8).tobytes()])
    with RecordingWriter(path) as writer:
        for event in range(20):
            writer.write(Record(event, {"a": packet}))
    plain = looped(path, Parsing)
    assert plain.hooks["parse"].per_event == 1.0
    assert plain.hooks["parse"].seconds.mean < plain.hooks["worker"].seconds.mean


def test_events_that_fail_are_counted_with_the_first_reason(tmp_path: Path) -> None:
    plain = looped(write(tmp_path / "r.cbors", {"a": range(10)}), Failing)
    assert plain.failed == plain.passes
    assert plain.error is not None
    assert "three is too many" in plain.error


@pytest.mark.processes
@pytest.mark.timeout(120)
def test_a_pipeline_of_real_processes_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(FOLDER)
    file = str(write(tmp_path / "r.cbors", {"a": range(101), "b": range(0, 101, 2)}))
    told = tmp_path / "bench.json"
    words = ["bench", "-w", "bench_analysis:Worker", "-r", "bench_analysis:Reducer", "-f", file]
    assert main([*words, "-n", "1", "--seconds", "0.2", "--json", str(told)]) == 0
    found = json.loads(told.read_text())
    assert found["rate"] > 0
    assert found["largest_rate"] > 0
    assert found["live"]["failed"] == found["live"]["lost"] == 0
    roles = sorted(one["role"] for one in found["live"]["processes"])
    assert roles == ["controller", "ingester", "ingester", "reducer", "worker"]
    assert all(one["busy"] > 0 and one["cpu"] > 0 for one in found["live"]["processes"])
    assert found["bottleneck"] in {"workers", "machine", *(one["name"] for one in found["live"]["processes"])}
    assert found["one_more"]["workers"] == 2
    assert found["one_more"]["measured"] > 0
    printed = capsys.readouterr().out
    assert "Worker.process_event" in printed
    assert "The bottleneck is" in printed
    assert max(map(len, printed.splitlines())) <= 80


def pipeline_file(
    folder: Path, streams: dict[str, dict[str, str]], worker: str, parameters: object = None
) -> str:
    path = folder / "pipeline.yaml"
    pipeline = {
        **({} if parameters is None else {"parameters": parameters}),
        "streams": streams,
        "workers": {"class": f"bench_analysis:{worker}"},
        "reducer": {"class": "bench_analysis:Reducer"},
        "analysis": FOLDER,
    }
    path.write_text(json.dumps(pipeline))
    return str(path)


def test_a_generator_takes_the_place_of_a_recording(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    streams = {"a": {"device": "generator", "url": "generator:", "kind": "scan"}}
    words = ["bench", pipeline_file(tmp_path, streams, "Numbers"), "--no-live", "--events", "50"]
    assert main([*words, "--seconds", "0.01", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["events"] == 50
    assert found["plain"]["hooks"]["parse"]["per_event"] == 1.0


@pytest.mark.processes
def test_streams_that_share_an_ingester_do_so_when_they_are_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = {"device": "generator", "url": "generator:", "kind": "scan", "ingester": "field"}
    words = ["bench", pipeline_file(tmp_path, {"a": one, "b": one}, "Numbers"), "--events", "50", "-n", "1"]
    assert main([*words, "--seconds", "0.1", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    ingesters = [one["name"] for one in found["live"]["processes"] if one["role"] == "ingester"]
    assert ingesters == ["field-ingester"]
    assert found["live"]["failed"] == found["live"]["lost"] == 0


@pytest.mark.parametrize("as_file", [False, True])
def test_the_parameters_of_the_pipeline_file_hold(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], as_file: bool
) -> None:
    if as_file:
        (tmp_path / "parameters.json").write_text('{"wanted": "yes"}')
    parameters: object = "parameters.json" if as_file else {"wanted": "yes"}
    streams = {"a": {"device": "generator", "url": "generator:", "kind": "scan"}}
    file = pipeline_file(tmp_path, streams, "Wanting", parameters)
    words = ["bench", file, "--no-live", "--events", "10", "--seconds", "0.01", "--json", "-"]
    assert main(words) == 0, capsys.readouterr().out


def test_a_capture_takes_the_place_of_a_recording(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], shared_data: Path
) -> None:
    capture = next((shared_data / "captures").glob("xspress3-dump.*"))
    streams = {"a": {"device": "xspress3", "url": "tcp://127.0.0.1:1"}}
    words = ["bench", pipeline_file(tmp_path, streams, "Numbers"), "--no-live", "--capture", f"a={capture}"]
    assert main([*words, "--seconds", "0.01", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["events"] > 5
    assert found["plain"]["failed"] == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--capture", "b=x.cbors"], "the stream 'b'; the pipeline file has a"),
        (["--capture", "a"], "takes STREAM=FILE"),
        (["--capture", "a=nowhere.cbors"], "nowhere.cbors cannot be read"),
        (["--capture", "a=x.cbors", "-f", "r.cbors"], "leave out -f"),
    ],
)
def test_captures_that_cannot_be_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    streams = {"a": {"device": "xspress3", "url": "tcp://127.0.0.1:1"}}
    assert main(["bench", pipeline_file(tmp_path, streams, "Worker"), "--no-live", *words]) == 2
    assert says in capsys.readouterr().err


def test_without_processes_the_hooks_alone_are_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(FOLDER)
    file = str(write(tmp_path / "r.cbors", {"a": range(10)}))
    words = ["bench", "-w", "bench_analysis:Worker", "-r", "bench_analysis:Reducer", "-f", file, "--no-live"]
    assert main([*words, "--seconds", "0.01", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["rate"] is None
    assert found["plain_loop_rate"] > 0


def test_a_measurement_of_nothing_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "-f", "r.cbors"]) == 2
    assert "name a pipeline file, or a worker class" in capsys.readouterr().err
