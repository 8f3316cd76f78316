"""The command that finds out what sends at an address, against simulators over real sockets."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
import zmq

from beamloom.cli import main
from beamloom.devices import dectris_v2, karabo, pandabox, pcap, pva, stins, xspress3
from beamloom.devices.captures import read_capture
from beamloom.devices.device import Device, Simulator
from beamloom.pipeline_file import check_streams
from beamloom.settings import StreamSettings
from support.patience import PATIENCE
from support.ports import quiet_port


@contextmanager
def sending(simulator: Simulator, messages: Iterable[Sequence[bytes]], rate: float | None) -> Iterator[str]:
    """The address of a simulator that sends once somebody reads."""

    def play() -> None:
        simulator.wait_for_client(PATIENCE)
        simulator.play(messages, rate=rate)

    player = threading.Thread(target=play)
    player.start()
    try:
        yield simulator.url
    finally:
        simulator.close()
        player.join()


def probed(
    device: Device,
    messages: Iterable[Sequence[bytes]],
    capsys: pytest.CaptureFixture[str],
    simulator: Simulator | None = None,
    rate: float | None = None,
) -> str:
    """What is said of a simulator; its entry in the pipeline file is right."""
    speaker = simulator or device.simulator("tcp://127.0.0.1:0")
    with sending(speaker, messages, rate) as url:
        status = main(["probe", url, "--seconds", "3"])
    shown = capsys.readouterr().out
    assert status == 0, shown
    entry = yaml.safe_load(shown.partition("In the pipeline file:")[2])["streams"][device.name]
    assert entry.pop("device") == device.name
    assert entry["url"] == url
    check_streams({"it": StreamSettings(device=device.name, options=entry)})
    return shown


def test_images_that_are_pushed_are_recognised_with_their_rate_and_shape(
    capsys: pytest.CaptureFixture[str],
) -> None:
    images = list(stins.generate(frames=400, shape=(20, 30), compression="bslz4"))
    shown = probed(stins.DEVICE, images[:50] + images[51:], capsys, rate=100)
    assert "stins (certain)" in shown
    assert "20×30 uint16 bslz4" in shown
    assert "1 missing (50)" in shown
    rate = float(shown.partition("data packets per second")[0].split()[-1])
    assert 60 < rate < 110


def test_a_series_that_is_under_way_is_recognised_without_its_header(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = probed(dectris_v2.DEVICE, list(dectris_v2.generate(frames=20))[5:], capsys)
    assert "dectris_v2 (certain)" in shown
    assert "128×160 uint32" in shown


@pytest.mark.parametrize(
    ("device", "name", "first"),
    [
        (xspress3.DEVICE, "xspress3-dump.cbors", "4×4096 uint32"),
        (pcap.DEVICE, "pcap-zmq.cbors", "message_id"),
    ],
)
def test_a_real_capture_that_is_published_is_recognised(
    device: Device, name: str, first: str, shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = probed(device, read_capture(shared_data / "captures" / name), capsys)
    assert f"{device.name} (certain)" in shown
    assert first in shown


def test_what_has_to_be_asked_for_is_recognised(capsys: pytest.CaptureFixture[str]) -> None:
    shown = probed(karabo.DEVICE, karabo.generate(trains=10), capsys)
    assert "karabo (certain)" in shown


def test_a_setting_that_it_needs_stands_in_the_pipeline_file(capsys: pytest.CaptureFixture[str]) -> None:
    publisher = karabo.publisher("tcp://127.0.0.1:*")
    assert "socket: SUB" in probed(karabo.DEVICE, karabo.generate(trains=10), capsys, publisher)


def test_a_box_that_speaks_plain_tcp_is_recognised(capsys: pytest.CaptureFixture[str]) -> None:
    shown = probed(pandabox.DEVICE, pandabox.generate(), capsys)
    assert "pandabox" in shown


def test_a_process_variable_is_recognised(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("p4p")
    simulator = pva.DEVICE.simulator("pva://127.0.0.1:0/BEAMLOOM:SIM:IMAGE")
    shown = probed(pva.DEVICE, pva.DEVICE.generate(frames=30), capsys, simulator, rate=50)
    assert "pva (certain)" in shown
    assert "16×64 uint16" in shown


def test_silence_says_what_to_check(capsys: pytest.CaptureFixture[str]) -> None:
    simulator = stins.simulator("tcp://127.0.0.1:0")
    try:
        assert main(["probe", simulator.url, "--seconds", "0.3"]) == 1
    finally:
        simulator.close()
    assert "the connection stands, but no message came" in (shown := capsys.readouterr().out)
    assert "Check that the device is acquiring" in shown


def test_nobody_there_says_what_to_check(capsys: pytest.CaptureFixture[str]) -> None:
    url = f"tcp://127.0.0.1:{quiet_port()}"
    assert main(["probe", url, "--seconds", "0.3"]) == 1
    assert f"nobody listens at {url}; check the host and the port" in capsys.readouterr().err


def test_what_nobody_can_read_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with zmq.Context() as context, context.socket(zmq.PUSH) as sender:
        port = sender.bind_to_random_port("tcp://127.0.0.1")
        feeder = threading.Thread(target=lambda: sender.send_multipart([b"\xfestrange", b"thing"]))
        feeder.start()
        assert main(["probe", f"tcp://127.0.0.1:{port}", "--seconds", "1"]) == 1
        feeder.join()
    shown = capsys.readouterr().out
    assert "1 message came by PULL" in shown
    assert "frame 0: b'\\xfestrange'" in shown


def test_a_socket_that_is_read_by_nobody_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with zmq.Context() as context, context.socket(zmq.PULL) as reader:
        port = reader.bind_to_random_port("tcp://127.0.0.1")
        assert main(["probe", f"tcp://127.0.0.1:{port}", "--seconds", "1"]) == 1
    assert "is a PULL, from which nobody reads" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["detector:9999"], "does not say how to connect"),
        (["tcp://detector"], "is no address of a device"),
        (["tcp://127.0.0.1:1", "--seconds", "0"], "leaves no time to listen"),
    ],
)
def test_what_cannot_be_probed_is_refused(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["probe", *words]) == 2
    assert said in capsys.readouterr().err
