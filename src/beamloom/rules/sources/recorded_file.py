"""Where in one file of a recording the frames of a stream are, also while the file grows.

Only whole records count. Each look begins behind the last of them, so that a file is read once, however often it is looked at; frames
of other streams are passed over. What opens and what closes a series is no frame: the parser of the device knows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from beamloom import Packet, PacketKind
from beamloom.recordings.format import Record
from beamloom.recordings.found import next_record
from beamloom.recordings.source import Content
from beamloom.recordings.walk import Heads, Walked
from beamloom.rules.errors import RuleRefused


class Place(NamedTuple):
    """Where a frame is."""

    event: int
    file: RecordedFile
    offset: int
    """Of its record, in bytes."""


class RecordedFile:
    """The recording of one ingester, whose ``path`` is the name that it has once it is whole."""

    def __init__(self, path: Path, stream: str) -> None:
        """Raises RuleRefused for a compressed recording."""
        if path.suffix == ".gz":
            raise RuleRefused(
                f"{path} is compressed, and rules read from any place; unpack it: gunzip {path.name}"
            )
        self.path = path
        self.part = path.with_name(f"{path.name}.part")
        self.ahead: deque[Place] = deque()
        """Frames that were found and that nobody has taken."""
        self.streams: set[str] = set()
        """All that records were found of."""
        self.opening: Mapping[str, Any] = {}
        """What the packet that opens the series says: numbers and texts."""
        self._stream = stream
        self._position = 0
        self._last = -1
        self._heads: Heads = {}

    @property
    def whole(self) -> bool:
        """The writer has closed it."""
        return self.path.exists() and not self.part.exists()

    def follow(self) -> None:
        """Find the frames of records that have come since. Raises OSError."""
        with self._content(self._position) as content:
            while True:
                record = self._next(content)
                if record is None:
                    return
                packet = _packet(record, self._stream)
                event = record.event if isinstance(record, Walked) else record.event_number
                self.streams |= _streams(record)
                if packet is not None and event > self._last:
                    # An ingester that takes a run up again may record again what it had.
                    self._last = event
                    if self._is_frame(packet):
                        self.ahead.append(Place(event, self, self._position))
                self._position = content.position

    def read(self, offset: int) -> Packet:
        """The packet of the record at ``offset``. Raises OSError."""
        with self._content(offset) as content:
            record = self._next(content)
            packet = None if record is None else _packet(record, self._stream)
            if packet is None:
                raise OSError(f"{self.path} has no packet of {self._stream!r} at byte {offset} any more")
            return _in_memory(packet)

    def _content(self, start: int) -> Content:
        try:
            return Content(self.part, start)
        except FileNotFoundError:
            return Content(self.path, start)

    def _next(self, content: Content) -> Walked | Record | None:
        try:
            return next_record(content, self._heads)
        except ValueError as error:
            raise OSError(f"{self.path} is damaged at byte {content.position}: {error}") from error

    def _is_frame(self, packet: Packet) -> bool:
        try:
            parsed = _in_memory(packet).parse()
        except Exception:  # noqa: BLE001 - it stands for a frame; who reads it is told what is wrong with it
            return True
        kind = getattr(parsed, "packet_kind", PacketKind.DATA)
        if kind == PacketKind.START and not self.opening:
            self.opening = _plain(parsed)
        return bool(kind == PacketKind.DATA)


def _streams(record: Walked | Record) -> set[str]:
    return {one.name for one in record.streams} if isinstance(record, Walked) else set(record.streams)


def _packet(record: Walked | Record, stream: str) -> Packet | None:
    if isinstance(record, Record):
        return record.streams.get(stream)
    return next((Packet(one.typ, list(one.frames)) for one in record.streams if one.name == stream), None)


def _in_memory(packet: Packet) -> Packet:
    return Packet(
        packet.typ, [frame if isinstance(frame, bytes) else frame.read() for frame in packet.frames]
    )


def _plain(parsed: Any) -> dict[str, Any]:
    """The fields that are numbers or texts, also those in a mapping of them."""
    try:
        fields = dict(parsed)
    except TypeError:
        return {}
    found: dict[str, Any] = {}
    for name, value in fields.items():
        inner = value if isinstance(value, dict) else {name: value}
        found |= {key: one for key, one in inner.items() if isinstance(one, str | int | float | bool)}
    return found
