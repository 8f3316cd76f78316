"""The commands that prepare and look: simulate, map, schema."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zmq

from beamloom.cli import main
from beamloom.devices.captures import read_capture
from beamloom.pipeline_file import markdown
from beamloom.settings import settings_markdown
from beamloom.triggermap import TriggerMap, batched, render
from support.ports import quiet_port


@contextmanager
def reader(kind: int, url: str) -> Iterator[zmq.Socket[bytes]]:
    """A ZeroMQ socket that is connected as an ingester's would be."""
    with zmq.Context() as context, context.socket(kind) as socket:
        if kind == zmq.SUB:
            socket.subscribe(b"")
        socket.rcvtimeo = 10_000
        socket.connect(url)
        yield socket


def simulated(words: list[str], kind: int, count: int) -> tuple[int, list[list[bytes]]]:
    """The exit status of ``beamloom simulate``, and the first messages that it sent."""
    url = f"tcp://127.0.0.1:{quiet_port()}"
    status: list[int] = []
    player = threading.Thread(
        target=lambda: status.append(main(["simulate", *words, "--stay", "0", "--bind", url]))
    )
    player.start()
    with reader(kind, url) as socket:
        received = [socket.recv_multipart() for _ in range(count)]
    player.join()
    return status[0], received


def test_a_capture_is_played_as_it_was_sent(shared_data: Path) -> None:
    capture = next((shared_data / "captures").glob("xspress3-dump.*"))
    sent = list(read_capture(capture))
    assert simulated(["xspress3", "--capture", str(capture)], zmq.SUB, len(sent)) == (0, sent)


def test_generated_frames_follow_the_flags() -> None:
    words = ["stins", "--frames", "3", "--shape", "4,5", "--dtype", "uint8", "--rate", "500"]
    status, received = simulated(words, zmq.PULL, 5)
    assert status == 0
    heads = [json.loads(message[0]) for message in received]
    assert [head["htype"] for head in heads] == ["header", "image", "image", "image", "series_end"]
    assert heads[1]["shape"] == [4, 5]
    assert len(received[1][1]) == 20


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["stins", "--wait", "0.05"], 1, "nobody connected to tcp://127.0.0.1:"),
        (["stins", "--capture", "/nowhere.cbors"], 2, "the capture /nowhere.cbors cannot be read"),
        (["stins", "--capture", "x", "--first-frame", "3"], 2, "so --first-frame cannot change it"),
        (["stins", "--bind", "tcp://300.0.0.1:1"], 2, "cannot bind to 'tcp://300.0.0.1:1'"),
        (["stins", "--fames", "3"], 2, "unknown argument '--fames' (did you mean '--frames'?)"),
    ],
)
def test_a_simulator_that_cannot_play_says_why(
    words: list[str], status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", *words]) == status
    assert said in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("device", "said"),
    [
        ("hdf5", r"hdf5 writes to file://.*/simulated_\w+\.h5"),
        ("images", r"beamloom simulate images: the following arguments are required: --bind"),
        ("sardana", r"sardana posts to http://127\.0\.0\.1:\d+"),
        ("pva", r"pva listens at pva://127\.0\.0\.1:\d+/BEAMLOOM:SIM:IMAGE"),
        ("stins", r"stins listens at tcp://127\.0\.0\.1:\d+"),
    ],
)
def test_a_simulator_that_is_told_no_address_has_one_of_its_kind_and_says_it(
    device: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    main(["simulate", device, "--wait", "0", "--stay", "0"])
    assert re.match(said, capsys.readouterr().err.splitlines()[0])


def test_a_map_is_shown_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["map", "batched", "--streams", "a,b", "--events", "9", "--size", "3", "--first", "2"]) == 0
    assert capsys.readouterr().out == render(batched(["a", "b"], 9, 3), 2, 16) + "\n"


def test_a_map_in_a_file_is_shown_and_written_as_the_controller_takes_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["map", "sparse", "--streams", "a,slow", "--events", "6", "--every", "slow=3", "--json"]) == 0
    written = capsys.readouterr().out
    file = tmp_path / "scan.json"
    file.write_text(written)
    assert main(["map", str(file), "--json"]) == 0
    assert capsys.readouterr().out == written
    assert main(["map", str(file)]) == 0
    assert capsys.readouterr().out == render(TriggerMap.from_json(written.encode()), 0, 16) + "\n"


def test_a_wrong_map_in_a_file_is_refused_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "scan.json"
    file.write_text('{"parts": {"main": {"a": [[]], "b": [[], []]}}, "sequence": ["main"]}')
    assert main(["map", str(file)]) == 2
    assert "part 'main'" in capsys.readouterr().err


def test_the_schema_is_json_and_the_tables_are_those_of_the_reference(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Pipeline"
    assert main(["schema", "--markdown"]) == 0
    assert capsys.readouterr().out == markdown()
    assert main(["schema", "--settings"]) == 0
    assert capsys.readouterr().out == settings_markdown()
