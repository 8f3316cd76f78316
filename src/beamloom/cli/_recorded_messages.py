"""What a device has sent in a run, out of the run's recording: for its simulator, which plays it again.

A packet is a message only for devices that say so. Others make one packet of several messages, or leave some out; what they sent is in
a capture alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from beamloom.errors import UsageError
from beamloom.events import UnknownPacketType, find_parser

if TYPE_CHECKING:
    from beamloom.devices.device import Device


def is_recording(path: str) -> bool:
    """Whether the file is the recording of a run. Raises OSError where it cannot be read."""
    from beamloom.recordings import NotARecording, RecordingReader

    try:
        RecordingReader(path)
    except NotARecording:
        return False
    return True


def recorded_messages(device: Device, path: str) -> list[list[bytes]]:
    """The messages of the device in the recording, in the order of their events. Raises UsageError where it has none that can be played."""
    from beamloom.recordings import RecordingReader

    if not device.packets_are_messages:
        raise UsageError(
            f"{path} is a recording of a run, and its packets are not the messages that a {device.name} sends; "
            "play it with `beamloom replay`, or capture what the device sends with `beamloom record`"
        )
    streams: dict[str, str] = {}
    messages: list[list[bytes]] = []
    for record in RecordingReader(path):
        for stream, packet in record.streams.items():
            streams[stream] = packet.typ
            if _is_of(device, packet.typ):
                messages.append([bytes(frame) for frame in packet.frames])
    playable = [stream for stream, typ in streams.items() if _is_of(device, typ)]
    if len(playable) == 1:
        return messages
    has = ", ".join(f"{stream} (packets of type {typ})" for stream, typ in streams.items()) or "nothing"
    which = "no stream" if not playable else "more than one stream"
    raise UsageError(f"{path} has {which} of the device {device.name}; it has {has}")


def _is_of(device: Device, typ: str) -> bool:
    try:
        return find_parser(typ) is device.parse
    except UnknownPacketType:
        return False
