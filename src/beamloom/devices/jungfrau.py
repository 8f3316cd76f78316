"""The live stream of a receiver of slsDetectorPackage, as of a JUNGFRAU: for each image a JSON header and the pixels over ZeroMQ PUB.

A receiver sends the images of a module, or of half of one; a detector of several has as many streams, each from a port of its own,
which a trigger map joins by ``frame``. It counts from 0 in each acquisition. An acquisition is closed by a header without pixels;
the next one goes on behind the highest number.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import zmq

from beamloom.devices.device import Device
from beamloom.devices.fields import Fields, MalformedPacket, RawPacket, frames_of
from beamloom.devices.images import Image, as_image, size_in_bytes
from beamloom.devices.player import ZmqPlayer
from beamloom.devices.series.endless import EndlessSeries, read_mark
from beamloom.devices.sources.endless_zeromq import EndlessZmqSource
from beamloom.devices.zeromq import ZmqSource
from beamloom.events import Malformed, Packet, PacketKind

TYP: Final = "JUNGFRAU"
_CLOCK: Final = 10_000_000
"""Ticks of ``timestamp`` in a second."""
_TYPES: Final[Mapping[int, str]] = {8: "uint8", 16: "uint16", 32: "uint32"}


class JungfrauSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stream of the device ``jungfrau`` in the pipeline file."""

    url: str
    """Where the receiver streams to (``rx_zmqip``, ``rx_zmqport``), for example ``tcp://receiver.example.org:30001``."""
    first_frame: int | None = 0
    """What the first image of a run is called; null: whatever comes first, as when a run begins in the middle of an acquisition. Streams
    of one detector may then be apart."""
    receive_queue: int = 0
    """Messages that wait in this process, 0 for no limit. The sender cannot be made to wait: what does not fit is dropped, and seen as a
    gap. They count in memory."""


class JungfrauStart(Fields):
    """What the first image looks like: all fields of ``JungfrauImage`` but the pixels."""

    packet_kind = PacketKind.START


class JungfrauImage(Fields):
    """One image of one port."""

    frame: int
    """Its index in the acquisition, from 0."""
    frame_number: int
    """What the detector itself counts."""
    acquisition: int
    """The index of the file that the receiver writes."""
    shape: list[int]
    """In numpy's order."""
    dtype: str
    time_stamp: float
    """When it was taken, in seconds by the detector's clock of 10 MHz."""
    complete: bool
    """Whether all network packets of the image have come."""
    packets: int
    """How many came."""
    row: int
    """Of the module in the detector."""
    column: int
    module: int
    blob: Any
    """The pixels as they came."""

    @functools.cached_property
    def array(self) -> Image:
        """The pixels, read-only, of ``shape``: 14 bits of value and two of the gain. Raises MalformedPacket."""
        return as_image(self.blob, self.shape, self.dtype)


class JungfrauEnd(Fields):
    """The run has all the images that it is for."""

    packet_kind = PacketKind.END


JungfrauPacket = JungfrauStart | JungfrauImage | JungfrauEnd


class _Header(msgspec.Struct, gc=False):
    data: int
    frame_index: int = msgspec.field(default=0, name="frameIndex")
    frame_number: int = msgspec.field(default=0, name="frameNumber")
    file_index: int = msgspec.field(default=0, name="fileIndex")
    shape: tuple[int, int] = (0, 0)
    bits: int = msgspec.field(default=16, name="bitmode")
    timestamp: int = 0
    complete: int = msgspec.field(default=1, name="completeImage")
    packets: int = msgspec.field(default=0, name="packetNumber")
    row: int = 0
    column: int = 0
    module: int = msgspec.field(default=0, name="modId")


_decode = msgspec.json.Decoder(_Header).decode


def _read_header(frame: Any) -> _Header:
    try:
        # Some versions write the end of a C string as well.
        return _decode(bytes(frame).rstrip(b"\0\n"))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedPacket(f"the first frame is no header of an image: {error}") from None


def _fields(header: _Header, frames: Sequence[Any]) -> dict[str, Any]:
    """What is known of an image that is whole. Raises MalformedPacket."""
    if len(frames) != 2:
        raise MalformedPacket(f"the message has {len(frames)} frames; a header and the pixels are two")
    dtype = _TYPES.get(header.bits)
    if dtype is None:
        raise MalformedPacket(f"the header says {header.bits} bits for each pixel; 8, 16 and 32 are read")
    shape = list(header.shape[::-1])
    if len(frames[1]) != (size := size_in_bytes(shape, dtype)):
        raise MalformedPacket(
            f"the blob has {len(frames[1])} bytes, but shape {shape} of {dtype} takes {size}"
        )
    return {
        "frame": header.frame_index,
        "frame_number": header.frame_number,
        "acquisition": header.file_index,
        "shape": shape,
        "dtype": dtype,
        "time_stamp": header.timestamp / _CLOCK,
        "complete": bool(header.complete),
        "packets": header.packets,
        "row": header.row,
        "column": header.column,
        "module": header.module,
    }


def parse(packet: RawPacket) -> JungfrauPacket:
    """The packet as objects. Raises MalformedPacket."""
    frames = frames_of(packet, TYP)
    if len(frames) == 1 and (mark := read_mark(frames[0])) is not None:
        return JungfrauStart(**mark[1]) if mark[0] == "start" else JungfrauEnd(**mark[1])
    return JungfrauImage(**_fields(_read_header(frames[0]), frames), blob=frames[1])


class JungfrauReader:
    """Numbers the images of one port by their index."""

    def __init__(self, first_frame: int | None = 0) -> None:
        self.series = EndlessSeries(TYP)
        self._first_frame = first_frame
        self._newest: _Header | None = None
        self._closed = False

    def take(self, frames: list[Any], items: list[Packet | Malformed]) -> None:
        """Append the image, or what is wrong with it; before the first image the START packet, behind the last the END packet."""
        try:
            header = _read_header(frames[0]) if frames else _read_header(b"")
            if not header.data and len(frames) == 1:
                self._closed = self._newest is not None
                return
            described = _fields(header, frames)
        except MalformedPacket as problem:
            if self.series.opened:
                self.series.add_malformed(str(problem), frames, items, counted=True)
            else:
                items.append(Malformed(str(problem), frames))
            return
        self.series.open(described, items)
        self.series.add(
            frames,
            header.frame_index,
            items,
            restarted=self._restarted(header),
            first_count=self._first_frame,
        )

    def _restarted(self, header: _Header) -> bool | None:
        """Whether another acquisition has begun.

        That is behind the header that closes one, with another file, or with a higher number of the detector and no higher index.
        """
        newest, closed, self._closed = self._newest, self._closed, False
        if newest is None:
            self._newest = header
            return None
        if closed:
            self._newest = header
            return True
        if header.file_index == newest.file_index and header.frame_number <= newest.frame_number:
            return False
        self._newest = header
        return header.file_index != newest.file_index or header.frame_index <= newest.frame_index


def source(settings: JungfrauSettings) -> EndlessZmqSource:
    """A connection to a receiver."""
    reader = JungfrauReader(settings.first_frame)
    return EndlessZmqSource(ZmqSource(settings.url, zmq.SUB, settings.receive_queue, reader), reader.series)


def simulator(url: str) -> ZmqPlayer:
    """A receiver that streams from ``url``."""
    return ZmqPlayer(url, zmq.XPUB, lambda message: len(message) > 1)


def generate(
    *,
    frames: int = 10,
    shape: Sequence[int] = (256, 1024),
    images: Iterable[Image] | None = None,
    acquisition: int = 0,
    row: int = 0,
    column: int = 0,
    rows: int = 1,
    columns: int = 1,
    seed: int = 0,
) -> Iterator[list[bytes]]:
    """One acquisition of one port, at ``row`` and ``column`` of ``rows`` and ``columns``: images, and the header that closes it.

    The images are ``images`` (unsigned, of 8, 16 or 32 bits), or ``frames`` of ``shape`` with raw words of gain 0 around a pedestal, the
    first pixel of each being its index.
    """
    noise = np.random.default_rng(seed)

    def words() -> Iterator[Image]:
        for index in range(frames):
            picture = noise.normal(2800, 12, tuple(shape)).astype(np.uint16)
            picture.flat[0] = index % (1 << 14)
            yield picture

    index = -1
    for index, picture in enumerate(words() if images is None else images):
        header = {
            **_told(index, acquisition, 1),
            "bitmode": 8 * picture.dtype.itemsize,
            "detshape": [columns, rows],
            "shape": list(picture.shape[::-1]),
            "size": picture.nbytes,
            "completeImage": 1,
            "expLength": 100,
            "packetNumber": -(-picture.nbytes // 8192),
            "timestamp": (index + 1) * 100_000,
            "modId": row * columns + column,
            "row": row,
            "column": column,
        }
        yield [msgspec.json.encode(header), picture.tobytes()]
    yield [msgspec.json.encode(_told(index, acquisition, 0))]


def _told(index: int, acquisition: int, data: int) -> dict[str, Any]:
    return {
        "jsonversion": 4,
        "data": data,
        "fileIndex": acquisition,
        "acqIndex": index + 1,
        "frameIndex": index,
        "frameNumber": index + 1,
        "progress": 0.0,
        "fname": "run",
    }


DEVICE = Device(
    name="jungfrau",
    title="JUNGFRAU and others by slsDetectorPackage, a receiver's ZeroMQ stream",
    settings=JungfrauSettings,
    source=source,
    simulator=simulator,
    generate=generate,
    parse=parse,
)
