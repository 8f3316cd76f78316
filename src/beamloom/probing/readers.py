"""The message readers of all installed devices, to be offered messages of unknown origin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec
import zmq

from beamloom.devices.device import Device, EndlessSource, Source
from beamloom.devices.registry import installed_devices
from beamloom.devices.zeromq import MessageReader, OverZeroMq, ZmqSource
from beamloom.errors import UserError

_NOWHERE: Final = "tcp://127.0.0.1:1"
"""An address for the settings of a source that is never opened."""


@dataclass(frozen=True)
class DeviceReader:
    """What reads the messages of one device, with the ZeroMQ pattern by which they come."""

    device: Device
    pattern: int
    """``zmq.PULL``, ``zmq.SUB`` or ``zmq.REQ``."""
    reader: MessageReader
    endless: bool
    """Whether the protocol has neither START nor END."""


def device_readers() -> Iterator[DeviceReader]:
    """A fresh reader of every installed device that sends over ZeroMQ."""
    for device in installed_devices():
        found = device_reader(device)
        if found is not None:
            yield found


def device_reader(device: Device) -> DeviceReader | None:
    """A fresh reader of one device with its default settings.

    None where the device does not send over ZeroMQ, or has settings that nobody can guess.
    """
    try:
        return _reader_within(device, device.source(msgspec.convert({"url": _NOWHERE}, device.settings)))
    except (ValueError, UserError):
        return None


def _reader_within(device: Device, source: Source) -> DeviceReader | None:
    """The reader and the pattern of a ZmqSource, or of the one that a source reads through."""
    # A source looks after series and drops what precedes one; what is running already can only be known by the reader itself.
    connection = source.connection if isinstance(source, OverZeroMq) else source
    if not isinstance(connection, ZmqSource):
        return None
    return DeviceReader(device, connection.pattern, connection.reader, isinstance(source, EndlessSource))


PATTERN_NAMES: Final = {int(zmq.PULL): "PULL", int(zmq.SUB): "SUB", int(zmq.REQ): "REQ"}
"""How people write the patterns by which one reads."""
