"""The command that captures what a socket sends, against simulators over real sockets."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from beamloom.cli import main
from beamloom.devices import karabo, stins, xspress3
from beamloom.devices.captures import read_capture, write_capture
from beamloom.devices.device import Device
from support.patience import PATIENCE
from support.ports import quiet_port


@contextmanager
def sending(device: Device, messages: Iterable[Sequence[bytes]]) -> Iterator[str]:
    """The address of a simulator that sends once somebody reads."""
    simulator = device.simulator("tcp://127.0.0.1:0")

    def play() -> None:
        simulator.wait_for_client(PATIENCE)
        simulator.play(messages)

    player = threading.Thread(target=play)
    player.start()
    try:
        yield simulator.url
        player.join()
    finally:
        simulator.close()


def test_what_a_publisher_sends_is_captured_as_it_was_sent(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sent = list(read_capture(shared_data / "captures" / "xspress3-dump.cbors"))
    file = tmp_path / "again.cbors"
    with sending(xspress3.DEVICE, sent) as url:
        assert main(["record", url, "-o", str(file), "--messages", "62"]) == 0
    assert list(read_capture(file)) == sent
    captured = capsys.readouterr()
    assert f"{file}: 62 messages, 1.33 MB" in captured.out
    assert "by SUB" in captured.err


@pytest.mark.parametrize("words", [[], ["--pattern", "pull"], ["--device", "stins"]])
def test_what_is_pushed_is_captured_too(words: list[str], tmp_path: Path) -> None:
    sent = list(stins.generate(frames=20, shape=(100, 512), compression="bslz4"))
    file = tmp_path / "images.cbors.gz"
    with sending(stins.DEVICE, sent) as url:
        assert main(["record", url, "-o", str(file), "--messages", "22", *words]) == 0
    assert list(read_capture(file)) == sent


def test_what_has_to_be_asked_for_is_asked_for(tmp_path: Path) -> None:
    sent = [[bytes(frame) for frame in message] for message in karabo.generate(trains=5)]
    file = tmp_path / "trains.cbors"
    with sending(karabo.DEVICE, sent) as url:
        assert main(["record", url, "-o", str(file), "--messages", "5"]) == 0
    assert list(read_capture(file)) == sent


def test_ctrl_c_ends_the_capture_and_keeps_what_came(tmp_path: Path) -> None:
    file, part = tmp_path / "some.cbors", tmp_path / ".some.cbors.part"
    sent = list(stins.generate(frames=4, shape=(500, 500)))[:-1]
    with sending(stins.DEVICE, sent) as url:
        recorder = subprocess.Popen(
            [sys.executable, "-m", "beamloom", "record", url, "-o", str(file)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            until = time.monotonic() + PATIENCE
            while not (part.exists() and part.stat().st_size > 4 * 500_000):
                assert recorder.poll() is None
                assert time.monotonic() < until
                os.sched_yield()
            recorder.send_signal(signal.SIGINT)
            out, err = recorder.communicate(timeout=PATIENCE)
        finally:
            recorder.kill()
            recorder.wait()
    assert recorder.returncode == 0, err
    assert "5 messages, 2 MB" in out
    assert list(read_capture(file)) == sent
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_nothing_is_said_in_a_sentence_and_leaves_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    simulator = stins.simulator("tcp://127.0.0.1:0")
    file = tmp_path / "none.cbors"
    try:
        assert main(["record", simulator.url, "-o", str(file), "--seconds", "0.2"]) == 1
    finally:
        simulator.close()
    assert "nothing was captured: the connection stood, but no message came" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_nobody_there_is_said_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"tcp://127.0.0.1:{quiet_port()}"
    words = ["record", url, "-o", str(tmp_path / "none.cbors"), "--seconds", "0.2"]
    assert main(words) == 1
    assert "nobody listens at" in capsys.readouterr().err
    assert main([*words, "--pattern", "sub"]) == 1
    assert f"nothing was captured: nothing listens at {url}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tcp://127.0.0.1:1", "-o", "there.cbors"], "there.cbors is there already"),
        (["tcp://127.0.0.1:1", "-o", "absent/x.cbors"], "there is no folder absent"),
        (["pva://a:b", "-o", "x.cbors"], "is no address of a device"),
        (["nonsense", "-o", "x.cbors", "--pattern", "sub"], "is no address of a device"),
        (["tcp://127.0.0.1:1", "-o", "x.cbors", "--device", "pandabox"], "does not send over ZeroMQ"),
        (["tcp://127.0.0.1:1", "-o", "x.cbors", "--messages", "0"], "0 is not more than 0"),
    ],
)
def test_what_cannot_be_done_is_refused(
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    write_capture(tmp_path / "there.cbors", [[b"kept"]])
    assert main(["record", *words]) == 2
    assert said in capsys.readouterr().err
    assert list(read_capture(tmp_path / "there.cbors")) == [[b"kept"]]
