"""STINS, also called stream1: images over ZeroMQ PUSH, as MAX IV's streaming-receiver and camera servers send them.

A message is a JSON header and for images one or more blobs. ``htype`` is ``header``, ``image`` or ``series_end``.
``msg_number`` counts all messages of the sender, also from one series to the next, from any number on; ``frame`` counts the
images of one series, with most senders from 0, with some from 1. The sender drops what it sends while nobody is connected.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import zmq

from beamloom.devices.codecs import pack
from beamloom.devices.device import Device, Sharing
from beamloom.devices.encodings.counting_heads import CountingHeads
from beamloom.devices.encodings.json_headers import BlobSize, Head, read_fields, read_head
from beamloom.devices.fields import Fields, MalformedPacket, RawPacket, frames_of
from beamloom.devices.images import Image, PackedImage, decode_blobs, pixel_type
from beamloom.devices.player import ZmqPlayer
from beamloom.devices.zeromq import ZmqSource
from beamloom.engine.streams.packet_rows import PacketRow, row_of_frames
from beamloom.events import Bearing, Malformed, Packet, PacketKind

TYP = "STINS"


class StinsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stream of the device ``stins`` in the pipeline file."""

    url: str
    """Where the sender listens, for example ``tcp://detector.example.org:9999``."""
    first_frame: int = 0
    """What the sender calls the first image of a series; needed only for senders without ``msg_number``."""
    receive_queue: int = 100
    """Messages that wait in this process before the sender has to; 0 for no limit. They count in memory: 100 frames of 8 MB are
    800 MB."""


class Stream1Start(Fields):
    """The header of a series."""

    packet_kind = PacketKind.START

    filename: str
    """Where the sender saves the series; empty for a live view that is not saved."""
    msg_number: int | None
    meta: dict[str, Any]
    """The second frame of the message, where the sender has one: exposure time, photon energy, ..."""


class Stream1Data(Fields):
    """One image."""

    frame: int
    shape: list[int]
    type: str
    compression: str
    msg_number: int | None
    blobs: list[Any]
    """The blobs as they were received."""

    @functools.cached_property
    def array(self) -> Image:
        """The pixels, read-only, unpacked when they are first asked for.

        An array of ``shape``, also from several blobs that are parts of it; several blobs that are an image each are stacked
        along a new first axis. Raises MalformedPacket where the blobs do not hold that, and UnknownCompression.
        """
        shape, type_name = _shape_and_type(self._fields)
        return decode_blobs(self.blobs, shape, type_name, self.compression)

    @property
    def arrays(self) -> list[Image]:
        """The images of several modules or thresholds, one by one; of one blob, the one image."""
        several = len(self.blobs) > 1 and len(self.array) == len(self.blobs)
        return list(self.array) if several else [self.array]

    @property
    def packed(self) -> list[PackedImage]:
        """``arrays`` as they were sent; none of those that are parts of one. Raises MalformedPacket.

        A single blob is not unpacked for it.
        """
        shape, type_name = _shape_and_type(self._fields)
        if len(self.blobs) == 1:
            return [PackedImage(self.blobs[0], self.compression, tuple(shape), pixel_type(type_name))]
        if len(self.blobs) > 1 and len(self.arrays) == 1:
            return []
        return [
            PackedImage(blob, self.compression, array.shape, pixel_type(type_name))
            for blob, array in zip(self.blobs, self.arrays, strict=True)
        ]

    @property
    def data(self) -> Image:
        """``array``, as existing analyses call it."""
        return self.array


class Stream1End(Fields):
    """The end of a series."""

    packet_kind = PacketKind.END

    msg_number: int | None


Stream1Packet = Stream1Start | Stream1Data | Stream1End


def parse(packet: RawPacket) -> Stream1Packet:
    """The packet as objects. Raises MalformedPacket."""
    frames = frames_of(packet, TYP)
    fields = {"msg_number": None, **read_fields(frames[0])}
    match fields.get("htype"):
        case "header":
            meta = read_fields(frames[1]) if len(frames) > 1 else {}
            return Stream1Start(**{"filename": "", **fields, "meta": meta})
        case "image":
            fields = {"frame": None, "compression": "none", **fields}
            _shape_and_type(fields)
            if len(frames) == 1:
                raise MalformedPacket("the image comes without a blob")
            return Stream1Data(**{**fields, "blobs": frames[1:]})
        case "series_end":
            return Stream1End(**fields)
        case other:
            raise MalformedPacket(
                f"the header has the htype {other!r}; known are header, image and series_end"
            )


def _shape_and_type(fields: Mapping[str, Any]) -> tuple[list[int], str]:
    """How the header describes the image. Raises MalformedPacket."""
    try:
        return msgspec.convert((fields.get("shape"), fields.get("type")), tuple[list[int], str])
    except msgspec.ValidationError:
        raise MalformedPacket("the header of the image has no shape or no type") from None


class BegunAnew:
    """Finds the place of images in their series where only some messages of the sender come here, but its series may be begun anew.

    The number of the message goes on through all series, and the header may go to another ingester. What tells is ``frame``: it
    has followed the number until then, and falls behind it. That it follows is known from an image whose ``frame`` is what the setting
    says, or from two that agree; a ``frame`` that stays the same tells nothing.
    """

    def __init__(self, first_frame: int) -> None:
        self._expected = 1 - first_frame
        self._before = 0
        self._behind: int | None = None
        self._follows = False
        self._frame: int | None = None
        self._repeats = 0

    def header(self, number: int) -> None:
        """The header of a series has this number."""
        self._before = number

    def number(self, number: int, frame: int | None) -> int:
        """The place in its series of the message ``number``, which has a ``frame`` if it is an image."""
        if frame is not None and self._counts(frame):
            if self._follows and self._behind is not None:
                self._before = max(number - frame - self._behind, 0)
            else:
                behind = number - self._before - frame
                self._follows = behind in (self._expected, self._behind) and not self._repeats
                self._behind = behind
        return number - self._before

    def _counts(self, frame: int) -> bool:
        """Whether this sender counts its images: not when one ``frame`` comes three times in a row."""
        if self._repeats < 2:
            self._repeats = self._repeats + 1 if frame == self._frame else 0
            self._frame = frame
            if self._repeats == 2:
                self._before = 0
        return self._repeats < 2


@dataclass(slots=True)
class _Steady:
    """What images are to be like that come behind others without a gap."""

    heads: CountingHeads
    number: int
    each: int
    """Frames of each message."""
    blob_size: int | None
    """Bytes of the blob, where there is one that is not compressed: only that has been held against the header."""

    @classmethod
    def behind(cls, before: Packet, latest: Packet) -> _Steady | None:
        """What comes behind these two; None where nobody can know."""
        number = latest.number
        if number is None or before.number != number - 1 or not before.kind is latest.kind is PacketKind.DATA:
            return None
        one, other = read_head(before.frames[0]), read_head(latest.frames[0])
        fields = [(one.frame, other.frame), (one.msg_number, other.msg_number)]
        counting = [a is not None and b == a + 1 for a, b in fields]
        # Of a sender that counts only one of the two, each image has to be looked at.
        if not all(up or pair == (None, None) for up, pair in zip(counting, fields, strict=True)):
            return None
        texts = bytes(before.frames[0]), bytes(latest.frames[0])
        if (heads := CountingHeads.between(*texts, sum(counting))) is None:
            return None
        checked = len(latest.frames) == 2 and other.compression == "none"
        return cls(heads, number + 1, len(latest.frames), len(latest.frames[1]) if checked else None)

    def fits(self, frames: list[Any], counts: list[int]) -> bool:
        """Whether messages have the frames that they must have when their headers are as expected."""
        if counts.count(self.each) < len(counts):
            return False
        return self.blob_size is None or list(map(len, frames[1::2])).count(self.blob_size) == len(counts)


class StinsReader:
    """Tells what the messages of a STINS sender are, and numbers them.

    ``msg_number`` numbers a series whose header has one, else ``frame`` does.
    """

    def __init__(self, first_frame: int = 0) -> None:
        self._first_frame = first_frame
        self._header: int | None = None
        self._first_header: int | None = None
        self._restarted = False
        self._dealt_from: int | None = None
        self._anew: BegunAnew | None = None
        self._blob_size = BlobSize()
        self._begun = False
        self._behind: int | None = None
        self._follows = False
        self._known_behind: int | None = None
        self._steady: _Steady | None = None

    @property
    def bearing(self) -> Bearing | None:
        """The numbers of the messages that opened this series and the first one, and by how much ``frame`` is behind the place."""
        if not self._begun or self._restarted:
            return None
        behind = self._behind if self._follows else None
        return {"header": self._header, "first": self._first_header, "behind": behind}

    def resume(self, bearing: Bearing, *, one_series: bool) -> int:
        """Go on in a series that another reader has begun."""
        self._header, self._first_header = bearing["header"], bearing["first"]
        self._begun = True
        if one_series:
            self._known_behind = bearing["behind"]
            return 0
        if self._header is None or self._first_header is None:
            raise ValueError("the sender counts images in each series anew, and this run may hold several")
        return self._header - self._first_header

    def take(self, frames: list[Any], items: list[Packet | Malformed]) -> None:
        """Append the packet, or what is wrong with it."""
        try:
            head = read_head(frames[0])
            if self._dealt_from is not None and self._is_left_over(head, self._dealt_from):
                return
            if head.htype == "image":
                if len(frames) == 2:
                    self._blob_size.check(head, frames[1])
                elif len(frames) < 2:
                    raise MalformedPacket("the image comes without a blob")
                items.append(Packet(TYP, frames, self._number(head)))
            elif head.htype == "header":
                items.append(Packet(TYP, frames, self._begin(head.msg_number), PacketKind.START))
            elif head.htype == "series_end":
                number = None if head.msg_number is None else self._number(head)
                items.append(Packet(TYP, frames, number, PacketKind.END))
            else:
                raise MalformedPacket(
                    f"the header has the htype {head.htype!r}; known are header, image and series_end"
                )
        except MalformedPacket as problem:
            items.append(Malformed(str(problem), frames))

    def take_steady(self, frames: list[Any], counts: list[int]) -> PacketRow | None:
        """As of a SteadyReader: images of one series, none of which is missing."""
        steady, count = self._steady, len(counts)
        if (
            steady is None
            or not steady.fits(frames, counts)
            or not steady.heads.follow(frames[:: steady.each])
        ):
            return None
        row = row_of_frames(TYP, PacketKind.DATA, steady.number, count, steady.each, frames)
        steady.number += count
        return row

    def look_ahead(self, packets: Sequence[Packet | Malformed]) -> None:
        """As of a SteadyReader."""
        self._steady = None
        if len(packets) > 1 and self._dealt_from is None:
            before, latest = packets[-2:]
            if isinstance(before, Packet) and isinstance(latest, Packet):
                self._steady = _Steady.behind(before, latest)

    def origin_of(self, frames: list[Any]) -> int | None:
        """The number of the message, if it opens a series; 0 of a sender that does not number its messages."""
        try:
            head = read_head(frames[0])
        except MalformedPacket:
            return None
        return (head.msg_number or 0) if head.htype == "header" else None

    def begin_at(self, origin: int, *, one_series: bool = False) -> None:
        """The run begins with the header that has this number, whether or not it comes here."""
        self._dealt_from = origin
        self._anew = BegunAnew(self._first_frame) if one_series else None

    @staticmethod
    def _is_left_over(head: Head, origin: int) -> bool:
        return head.msg_number is not None and head.msg_number < origin

    def _begin(self, msg_number: int | None) -> int | None:
        """Start a series; the number of its header among all messages since the first header of the run, None where that is not known."""
        if self._dealt_from is not None:
            number = None if msg_number is None else msg_number - self._dealt_from
            if self._anew is not None and number is not None:
                self._anew.header(number)
            return number
        self._begun = True
        self._header, self._behind, self._follows, self._known_behind = msg_number, None, False, None
        if self._first_header is None or msg_number is None:
            self._first_header = msg_number
            return None
        # A sender that was started again counts anew: nobody knows what it skipped, so each series takes the next place from then on.
        self._restarted = self._restarted or msg_number < self._first_header
        return None if self._restarted else msg_number - self._first_header

    def _follow(self, number: int, frame: int) -> int:
        """The place of the image ``number`` messages after the header; the series may have been begun anew while nobody listened."""
        known, self._known_behind = self._known_behind, None
        if known is not None and self._header is not None and number - frame != known:
            self._header += number - frame - known
            number = frame + known
        behind = number - frame
        self._follows, self._behind = behind == self._behind, behind
        return number

    def _number(self, head: Head) -> int | None:
        if self._dealt_from is not None and head.msg_number is not None:
            number = head.msg_number - self._dealt_from
            return number if self._anew is None else self._anew.number(number, head.frame)
        if self._header is not None and head.msg_number is not None:
            number = head.msg_number - self._header
            # What follows steadily costs no call.
            if head.frame is not None and (number - head.frame != self._behind or not self._follows):
                number = self._follow(number, head.frame)
            if number < 1:
                raise MalformedPacket(
                    f"msg_number {head.msg_number} is not after that of its header, {self._header}"
                )
            return number
        if head.frame is None:
            if self._dealt_from is not None:
                raise MalformedPacket(
                    "the image has no number, and other ingesters have some of those before it"
                )
            return None
        if head.frame < self._first_frame:
            raise MalformedPacket(
                f"frame {head.frame} comes before the first, which is {self._first_frame} by the setting first_frame"
            )
        return head.frame - self._first_frame + 1


def source(settings: StinsSettings) -> ZmqSource:
    """A connection to a STINS sender."""
    return ZmqSource(settings.url, zmq.PULL, settings.receive_queue, StinsReader(settings.first_frame))


def simulator(url: str) -> ZmqPlayer:
    """A STINS sender bound to ``url``."""
    return ZmqPlayer(url, zmq.PUSH, lambda message: b'"image"' in message[0][:256])


def generate(
    *,
    frames: int = 10,
    shape: Sequence[int] = (16, 64),
    dtype: str = "uint16",
    images: Iterable[Image] | None = None,
    filename: str = "",
    meta: Mapping[str, Any] | None = None,
    first_msg_number: int = 0,
    first_frame: int = 0,
    compression: str = "none",
    seed: int | None = None,
) -> Iterator[list[bytes]]:
    """A series: header, images, end.

    The images are ``images``, or ``frames`` of ``shape`` and ``dtype``: noise of the random ``seed``, or without a seed the same
    pattern each time but for the first pixel, which is the index of the image (modulo what the type holds). ``meta`` is the
    second frame of the header. ``compression`` is ``none``, ``bslz4`` or ``lz4``.
    """
    msg_number = itertools.count(first_msg_number)
    header = {"htype": "header", "filename": filename, "msg_number": next(msg_number)}
    yield [msgspec.json.encode(header), *([] if meta is None else [msgspec.json.encode(meta)])]
    pictures = images if images is not None else _pictures(frames, tuple(shape), pixel_type(dtype), seed)
    for index, picture in enumerate(pictures):
        head = {
            "htype": "image",
            "frame": first_frame + index,
            "shape": list(picture.shape),
            "type": picture.dtype.name,
            "compression": compression,
            "msg_number": next(msg_number),
        }
        yield [
            msgspec.json.encode(head),
            picture.tobytes() if compression == "none" else pack(picture, compression),
        ]
    yield [msgspec.json.encode({"htype": "series_end", "msg_number": next(msg_number)})]


def _pictures(frames: int, shape: tuple[int, ...], dtype: np.dtype[Any], seed: int | None) -> Iterator[Image]:
    if seed is not None:
        noise = np.random.default_rng(seed)
        for _ in range(frames):
            yield noise.poisson(10, shape).astype(dtype)
        return
    picture = (np.arange(np.prod(shape, dtype=int)) % 100).astype(dtype).reshape(shape)
    holds = int(np.iinfo(dtype).max) + 1 if dtype.kind in "iu" else frames + 1
    for index in range(frames):
        picture.flat[0] = index % holds
        yield picture


DEVICE = Device(
    name="stins",
    title="2-D detectors and cameras of MAX IV (STINS, stream1), ZeroMQ PULL",
    settings=StinsSettings,
    source=source,
    simulator=simulator,
    generate=generate,
    parse=parse,
    packets_are_messages=True,
    sharing=Sharing.DEALT,
)
