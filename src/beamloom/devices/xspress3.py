"""Xspress3, the fluorescence spectrometer: spectra over ZeroMQ PUB.

An image is a JSON header, the raw spectra, and a pickled list of what the channels counted: three frames of one message from newer
senders, three messages of one frame from older ones. ``frame`` counts the images from 0; a series may hold several passes that each
do.

The three messages of an older sender carry nothing that ties them together. A header begins the next image whatever came before, so
a lost message costs the image that it belonged to and no other. One loss nobody can see: when all that came between two headers is
lost and the second header with it, the first is taken for that of the parts that follow; the gap in the frame numbers still shows.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import zmq

from beamloom.devices.device import Device, Sharing
from beamloom.devices.encodings.json_headers import BlobSize, Head, read_fields, read_head
from beamloom.devices.fields import Fields, MalformedPacket, RawPacket, frames_of
from beamloom.devices.images import Image, as_image
from beamloom.devices.pickles.alike import AlikePickles
from beamloom.devices.player import ZmqPlayer
from beamloom.devices.zeromq import ZmqSource
from beamloom.events import Malformed, Packet, PacketKind

TYP = "xspress"

META_NAMES: Final = (
    "ocr",
    "AllEvents",
    "AllGood",
    "ClockTicks",
    "TotalTicks",
    "ResetTicks",
    "event_widths",
    "dtc",
    "window_counts",
)
"""What stands where in the pickled list; each an array with one number per channel, but ``window_counts`` (windows, channels)."""

_LEAST_META: Final = 8
"""Entries of the list that every sender has; ``window_counts`` came in 2024."""

_counts: Final = AlikePickles()

_CLOCK_HZ: Final = 80e6
"""Ticks per second of ``ClockTicks``, as in the captures: 79999990 for an exposure of 1 s."""


class Xspress3Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stream of the device ``xspress3`` in the pipeline file."""

    url: str
    """Where the spectrometer's server listens, for example ``tcp://xspress3.example.org:9999``."""
    receive_queue: int = 0
    """Messages that wait in this process, 0 for no limit. The sender cannot be made to wait: what does not fit is dropped unseen."""


class XspressStart(Fields):
    """The header of a series."""

    packet_kind = PacketKind.START

    filename: str
    overwritable: bool


class XspressImage(Fields):
    """The spectra of one exposure."""

    frame: int
    shape: list[int]
    type: str
    exptime: float
    """Seconds."""
    data: Image
    """Counts, (channels, bins), read-only."""
    meta: dict[str, Any]
    """What the channels counted, by the names in ``META_NAMES``."""


class XspressEnd(Fields):
    """The end of a series."""

    packet_kind = PacketKind.END


XspressPacket = XspressStart | XspressImage | XspressEnd


def parse(packet: RawPacket) -> XspressPacket:
    """The packet as objects. Raises MalformedPacket; nothing that the pickle asks for is run."""
    frames = frames_of(packet, TYP)
    fields = read_fields(frames[0])
    match fields.get("htype"):
        case "header":
            return XspressStart(**fields)
        case "image":
            if len(frames) != 3:
                raise MalformedPacket(
                    f"the image has {len(frames)} frames; header, spectra and counts are three"
                )
            head = read_head(frames[0])
            if head.compression != "none" or head.shape is None or head.type is None:
                raise MalformedPacket(
                    f"the spectra are packed with {head.compression!r}, or the header has no shape or no type"
                )
            data = as_image(frames[1], head.shape, head.type)
            return XspressImage(**{**fields, "data": data, "meta": _named(_counts.unpickle(frames[2]))})
        case "series_end":
            return XspressEnd(**fields)
        case other:
            raise MalformedPacket(
                f"the header has the htype {other!r}; known are header, image and series_end"
            )


def _named(counts: object) -> dict[str, Any]:
    """The pickled list by name; entries that newer senders append are called ``entry_9`` and so on."""
    entries = _entries(counts)
    named = dict(zip(META_NAMES, entries, strict=False))
    for index in range(len(META_NAMES), len(entries)):
        named[f"entry_{index}"] = entries[index]
    return named


def _entries(counts: object) -> Sequence[Any]:
    """The pickled list. Raises MalformedPacket for anything else, and for one that is too short."""
    if not isinstance(counts, list | tuple):
        raise MalformedPacket(f"the third frame holds a {type(counts).__name__}, not the list of counts")
    if len(counts) < _LEAST_META:
        raise MalformedPacket(
            f"the list of counts has {len(counts)} entries; there are at least {_LEAST_META}"
        )
    return counts


def _first_byte(frame: Any) -> bytes:
    return bytes(memoryview(frame)[:1])


class FrameCount:
    """Numbers the images of one series by their ``frame``.

    A frame 0 that comes again after others begins another pass, whose images follow those of the one before. A frame that comes
    twice, or late, keeps its number.
    """

    def __init__(self) -> None:
        self._before = 0
        self._highest = 0
        self._last: int | None = None
        self._begun = False

    def number(self, frame: int) -> int:
        """The place in the series, 1 for the first image."""
        if frame == 0 and self._begun and self._last != 0:
            self._before = self._highest
        self._begun = self._begun or frame == 0
        self._last = frame
        number = self._before + frame + 1
        self._highest = max(self._highest, number)
        return number


class Xspress3Reader:
    """Puts the parts of an image together and tells what the messages are."""

    def __init__(self) -> None:
        self._head: Head | None = None
        self._parts: list[Any] = []
        self._blob_size = BlobSize()
        self._count = FrameCount()

    def take(self, frames: list[Any], items: list[Packet | Malformed]) -> None:
        """Append what the message completes: nothing for a part of an image, two items when it shows that an image broke off."""
        if self._head is not None:
            if len(frames) == 1 and self._continues(self._head, frames[0]):
                self._parts.append(frames[0])
                if len(self._parts) == 3:
                    items.append(self._image(self._head, self._parts))
                    self._head, self._parts = None, []
                return
            missing = "spectra" if len(self._parts) == 1 else "counts"
            items.append(
                Malformed(
                    f"the {missing} of frame {self._head.frame} did not come; the image is not whole",
                    self._parts,
                )
            )
            self._head, self._parts = None, []
        try:
            head = read_head(frames[0])
            if head.htype == "image" and len(frames) == 1:
                self._head, self._parts = head, list(frames)
                return
        except MalformedPacket as problem:
            lone = len(frames) == 1 and _first_byte(frames[0]) != b"{"
            reason = "a part of an image came without the image's header" if lone else str(problem)
            items.append(Malformed(reason, frames))
            return
        match head.htype:
            case "image":
                items.append(self._image(head, frames))
            case "header":
                self._count = FrameCount()
                items.append(Packet(TYP, frames, None, PacketKind.START))
            case "series_end":
                items.append(Packet(TYP, frames, None, PacketKind.END))
            case other:
                reason = f"the header has the htype {other!r}; known are header, image and series_end"
                items.append(Malformed(reason, frames))

    def _continues(self, head: Head, frame: Any) -> bool:
        """Whether the frame can be the next part of the image that ``head`` began.

        Spectra of the right size are spectra, whatever their first bytes spell; the counts are a pickle.
        """
        if len(self._parts) == 2:
            return _first_byte(frame) == b"\x80"
        try:
            self._blob_size.check(head, frame)
        except MalformedPacket:
            return _first_byte(frame) not in (b"{", b"\x80")
        return head.compression == "none" or _first_byte(frame) != b"{"

    def _image(self, head: Head, frames: list[Any]) -> Packet | Malformed:
        try:
            if len(frames) != 3:
                raise MalformedPacket(
                    f"the image has {len(frames)} frames; header, spectra and counts are three"
                )
            if head.frame is None or head.frame < 0:
                raise MalformedPacket(f"the header of the image has no frame number but {head.frame}")
            self._blob_size.check(head, frames[1])
            _entries(_counts.unpickle(frames[2]))
        except MalformedPacket as problem:
            return Malformed(str(problem), frames)
        return Packet(TYP, frames, self._count.number(head.frame))


def source(settings: Xspress3Settings) -> ZmqSource:
    """A connection to an Xspress3."""
    return ZmqSource(settings.url, zmq.SUB, settings.receive_queue, Xspress3Reader())


def simulator(url: str) -> ZmqPlayer:
    """An Xspress3 bound to ``url``."""
    return ZmqPlayer(url, zmq.XPUB, lambda message: message[0][:1] == b"{" and b'"image"' in message[0][:256])


def generate(
    *,
    spectra: Iterable[Image] | None = None,
    frames: int = 20,
    channels: int = 4,
    bins: int = 4096,
    exptime: float = 0.1,
    filename: str = "",
    first_frame: int = 0,
    multipart: bool = True,
    windows: bool = False,
    seed: int = 0,
) -> Iterator[list[bytes]]:
    """A series: header, images, end; with ``multipart`` as newer senders do, else three messages for an image.

    The images are ``spectra``, each (channels, bins), or ``frames`` of Poisson noise of the random ``seed``; they are sent as uint32.
    ``exptime`` in seconds. With ``windows`` the counts have a ninth entry, ``window_counts``, with two windows.
    """
    if spectra is None:
        noise = np.random.default_rng(seed)
        spectra = (noise.poisson(1.0, (channels, bins)) for _ in range(frames))
    yield [msgspec.json.encode({"htype": "header", "filename": filename, "overwritable": False})]
    for frame, counts in enumerate(spectra, start=first_frame):
        spectrum = np.ascontiguousarray(counts, np.uint32)
        head = {
            "htype": "image",
            "exptime": exptime,
            "frame": frame,
            "shape": list(spectrum.shape),
            "type": "uint32",
            "compression": "none",
        }
        parts = [msgspec.json.encode(head), spectrum.tobytes(), _counted(spectrum, exptime, windows)]
        yield from [parts] if multipart else ([part] for part in parts)
    yield [msgspec.json.encode({"htype": "series_end"})]


def _counted(spectrum: Image, exptime: float, windows: bool) -> bytes:
    """The pickled list that goes with ``spectrum``: no dead time, so every event is good and the correction is 1."""
    channels = len(spectrum)
    events = spectrum.sum(axis=1).astype(np.uint32)
    ticks = np.full(channels, round(exptime * _CLOCK_HZ), np.uint32)
    entries = [events / exptime, events, events, ticks, ticks]
    entries += [np.zeros(channels, np.uint32), np.full(channels, 6, np.int32), np.ones(channels)]
    if windows:
        entries.append(np.zeros((2, channels), np.uint32))
    return pickle.dumps(entries, protocol=4)


DEVICE = Device(
    name="xspress3",
    title="X-ray spectrometer Xspress3, ZeroMQ SUB",
    settings=Xspress3Settings,
    source=source,
    simulator=simulator,
    generate=generate,
    parse=parse,
    packets_are_messages=True,
    sharing=Sharing.ALL,
)
