"""What a run has recorded of a device can be played by its simulator, where a packet is a message."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
import pytest

from beamloom.cli._recorded_messages import is_recording, recorded_messages
from beamloom.devices.registry import find_device, installed_devices
from beamloom.errors import UsageError
from beamloom.events import Packet
from beamloom.recordings import Record, RecordingWriter
from support.patience import PATIENCE
from support.waiting import until

PLAYABLE = [device.name for device in installed_devices() if device.packets_are_messages]


@pytest.mark.parametrize("name", PLAYABLE)
def test_a_recording_has_the_messages_that_the_device_has_sent(name: str, tmp_path: Path) -> None:
    device = find_device(name)
    sent = [[bytes(frame) for frame in message] for message in device.generate()]
    simulator = device.simulator("tcp://127.0.0.1:*")
    source = device.source(msgspec.convert({"url": simulator.url}, device.settings))
    source.open()
    packets: list[Packet] = []

    def play() -> None:
        simulator.wait_for_client(PATIENCE)
        simulator.play(sent)

    def all_read() -> bool:
        packets.extend(item for item in source.read(100) if isinstance(item, Packet))
        return len(packets) >= len(sent)

    player = threading.Thread(target=play)
    player.start()
    try:
        until(all_read, f"all {len(sent)} packets of {name} are read")
    finally:
        player.join()
        source.close()
        simulator.close()

    recording = tmp_path / "run.cbors"
    with RecordingWriter(recording) as writer:
        for number, packet in enumerate(packets):
            writer.write(Record(number, {"here": packet}))
    assert is_recording(str(recording))
    assert recorded_messages(device, str(recording)) == sent


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("stins", "has no stream of the device stins; it has scan (packets of type contrast)"),
        ("lecroy", "its packets are not the messages that a lecroy sends; play it with `beamloom replay`"),
        ("contrast", "has more than one stream of the device contrast; it has scan"),
    ],
)
def test_a_recording_that_cannot_be_played_says_why(name: str, said: str, tmp_path: Path) -> None:
    recording = tmp_path / "run.cbors"
    with RecordingWriter(recording) as writer:
        writer.write(Record(0, {"scan": Packet("contrast", [b"x"])}))
        if name == "contrast":
            writer.write(Record(1, {"again": Packet("contrast", [b"x"])}))
    with pytest.raises(UsageError) as refused:
        recorded_messages(find_device(name), str(recording))
    assert said in str(refused.value)
