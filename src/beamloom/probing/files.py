"""What is in a file of packets: a recording of a run, or a capture of what a device sent."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from beamloom.devices.captures import read_capture
from beamloom.errors import UsageError
from beamloom.events import Malformed, Packet, PacketKind
from beamloom.probing.readers import device_reader
from beamloom.probing.recognise import Verdict, confidence, recognise
from beamloom.probing.tally import Gaps, StreamTally
from beamloom.recordings import (
    Companions,
    CorruptRecording,
    NotARecording,
    RecordingReader,
    find_companions,
)

_SAMPLE: Final = 300
"""Messages by which the device of a capture is recognised."""


@dataclass
class StreamSummary:
    """One stream of a file."""

    tally: StreamTally = field(default_factory=StreamTally)
    numbers: Gaps = field(default_factory=Gaps)
    """Of a recording the event numbers, of a capture the packets' own numbers."""
    unread: int = 0
    """Messages that the device's reader cannot read."""

    def take(self, items: Sequence[Packet | Malformed]) -> None:
        """Take in what a device's reader or source has made of messages."""
        for item in items:
            if isinstance(item, Malformed):
                self.unread += 1
                continue
            self.tally.add(item)
            if item.kind is PacketKind.START:
                self.numbers.restart()
            elif item.number is not None:
                self.numbers.add(item.number)


@dataclass
class FileSummary:
    """What is in one file."""

    path: Path
    what: str
    """``recording`` or ``capture``."""
    file_size: int
    """Bytes on disk."""
    items: int = 0
    """Records of a recording, messages of a capture."""
    nbytes: int = 0
    """Bytes of all frames."""
    streams: dict[str, StreamSummary] = field(default_factory=dict)
    """By name; a capture has one, named after the device."""
    begun: datetime | None = None
    ended: datetime | None = None
    unread: int = 0
    """Messages of a capture that its device's reader cannot read."""
    damage: str | None = None
    """Where and why reading stopped before the end."""
    companions: Companions = field(default_factory=Companions)
    verdicts: list[Verdict] = field(default_factory=list)
    """Which devices may have sent a capture, best first."""

    @property
    def confidence(self) -> str | None:
        """How sure the device of a capture is; None where there is none."""
        return confidence(self.verdicts) if self.verdicts else None


def summarise(path: Path, *, allow_pickle: bool = False, device: str | None = None) -> FileSummary:
    """Read ``path`` to its end; ``device`` names who sent a capture, else it is recognised.

    Raises UsageError for a file that is neither a recording nor a capture, and OSError.
    """
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name the files in it, for example {path}/*.cbors")
    try:
        reader = RecordingReader(path, allow_pickle=allow_pickle)
    except NotARecording as not_a_recording:
        return _capture(path, not_a_recording, device)
    return _recording(path, reader)


def _recording(path: Path, reader: RecordingReader) -> FileSummary:
    found = FileSummary(path, "recording", path.stat().st_size, companions=find_companions(path))
    try:
        for record in reader:
            found.items += 1
            if record.created_at is not None:
                found.begun = found.begun or record.created_at
                found.ended = record.created_at
            for name, packet in record.streams.items():
                stream = found.streams.setdefault(name, StreamSummary())
                stream.tally.add(packet)
                stream.numbers.add(record.event_number)
                found.nbytes += packet.nbytes
    except CorruptRecording as damaged:
        found.damage = str(damaged)
    if reader.truncation is not None:
        found.damage = str(reader.truncation)
    return found


def _capture(path: Path, not_a_recording: NotARecording, device: str | None) -> FileSummary:
    found = FileSummary(path, "capture", path.stat().st_size)
    sample = list(itertools.islice(_whole_messages(path, found), _SAMPLE))
    if not sample:
        raise not_a_recording
    found.verdicts = [verdict for verdict in recognise(sample) if device in (None, verdict.device.name)]
    if device is not None and not found.verdicts:
        raise UsageError(
            f"{path} holds nothing that the device {device!r} can read; leave --device out to have it recognised"
        )
    found.damage = None
    chosen = device_reader(found.verdicts[0].device) if found.verdicts else None
    stream = StreamSummary()
    for message in _whole_messages(path, found):
        found.items += 1
        found.nbytes += sum(map(len, message))
        if chosen is None:
            continue
        items: list[Packet | Malformed] = []
        chosen.reader.take(list(message), items)
        stream.take(items)
    if chosen is not None and stream.tally.packets:
        found.streams[chosen.device.name] = stream
    found.unread = stream.unread
    return found


def _whole_messages(path: Path, found: FileSummary) -> Iterator[list[bytes]]:
    try:
        yield from read_capture(path)
    except UsageError as damaged:
        found.damage = str(damaged)
