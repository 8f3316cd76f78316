"""Packets straight from the devices of a pipeline file, or from captures of them, where there is no recording.

Policy: a source is opened as an ingester would open it, and what it gives is written down as a recording: the n-th packet of each
stream belongs to event n. A capture is played by the device's own simulator, so that it takes the same way.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
import zmq

from beamloom.devices.captures import read_capture
from beamloom.devices.device import EndlessSource, Source
from beamloom.devices.registry import find_device
from beamloom.errors import UsageError, UserError
from beamloom.events import Packet, PacketKind
from beamloom.recordings import Record, RecordingWriter
from beamloom.services.ingester.service import open_device
from beamloom.settings import StreamSettings

AT_ONCE = 100
"""Packets that are asked for at once."""
PATIENCE = 15.0
"""Seconds in which a device has to be there, and to send the next packet."""
LOOK_AGAIN = 0.01


def collect(
    streams: Mapping[str, StreamSettings], captures: Mapping[str, str], events: int, folder: Path
) -> list[Path]:
    """Take up to ``events`` packets of each stream; returns the recordings. Raises a UserError for a device that sends nothing."""
    strangers = captures.keys() - streams.keys()
    if strangers:
        raise UsageError(
            f"--capture names the stream {sorted(strangers)[0]!r}; the pipeline file has {', '.join(streams)}"
        )
    paths = []
    for number, (stream, settings) in enumerate(streams.items()):
        path = folder / f"collected-{number}.cbors"
        with RecordingWriter(path) as writer, _played(settings, captures.get(stream)) as here:
            source = open_device(stream, here)
            for item, packet in enumerate(_packets(stream, source, events)):
                writer.write(Record(item, {stream: packet}))
        paths.append(path)
    return paths


def _packets(stream: str, source: Source, events: int) -> Iterator[Packet]:
    if isinstance(source, EndlessSource):
        source.expect(events)
    source.open()
    try:
        if not _comes_up(source):
            raise UserError(f"stream {stream!r}: {source.connection_problem()}")
        count = 0
        while count < events:
            found = source.read(min(AT_ONCE, events - count))
            if not found and not _readable(source):
                if not count:
                    raise UserError(
                        f"stream {stream!r} sent nothing within {PATIENCE:g} s; start its device, or name a recording with -f"
                    )
                return
            for one in found:
                if isinstance(one, Packet):
                    count += 1
                    yield one
                    if one.kind is PacketKind.END:
                        return
    finally:
        source.close()


def _comes_up(source: Source) -> bool:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if source.connected():
            return True
        time.sleep(LOOK_AGAIN)
    return False


def _readable(source: Source) -> bool:
    """Whether more comes in time."""
    poller = zmq.Poller()
    poller.register(source.pollable, zmq.POLLIN)
    return bool(poller.poll(int(1000 * PATIENCE)))


@contextmanager
def _played(settings: StreamSettings, capture: str | None) -> Iterator[StreamSettings]:
    """The settings of the device, or of a simulator that plays the capture."""
    if capture is None:
        yield settings
        return
    device = find_device(settings.device)
    if device.bind is None:
        raise UsageError(
            f"captures of {settings.device} cannot be played here; play it with 'beamloom simulate' and leave out --capture"
        )
    try:
        messages = list(read_capture(capture))
    except OSError as error:
        raise UsageError(f"the capture {capture} cannot be read: {error.strerror}") from error
    simulator = device.simulator(device.bind)
    over = threading.Event()

    def play() -> None:
        simulator.wait_for_client(PATIENCE)
        simulator.play(messages)
        over.wait(10 * PATIENCE)

    player = threading.Thread(target=play, name="capture", daemon=True)
    try:
        player.start()
        yield msgspec.structs.replace(settings, options={**settings.options, "url": simulator.url})
    finally:
        over.set()
        player.join(PATIENCE)
        simulator.close()
