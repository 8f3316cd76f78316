"""Images as a JSON header and a blob over ZeroMQ PUB: areaDetector's plugin ADZMQ, and the live view of odin-data.

Two dialects, told apart by their headers. ADZMQ (``htype`` is ``["array-1.0"]``) gives the shape with the fastest axis first, counts by
``uniqueId`` and tells the time; odin-data (``frame_num``) gives the shape in numpy's order, as texts, and names the acquisition. Neither
opens or closes a series, and both drop images for slow readers: what is missing is seen in the count.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec
import numpy as np
import zmq

from beamloom.devices.device import Device
from beamloom.devices.fields import Fields, MalformedPacket, RawPacket, frames_of
from beamloom.devices.images import Image, decode_image, pixel_type, size_in_bytes
from beamloom.devices.player import ZmqPlayer
from beamloom.devices.series.endless import EndlessSeries, read_mark
from beamloom.devices.sources.endless_zeromq import EndlessZmqSource
from beamloom.devices.zeromq import ZmqSource
from beamloom.events import Malformed, Packet, PacketKind

TYP = "adzmq"
_CODECS: Final[Mapping[str, str]] = {"": "none", "lz4": "lz4-block", "bslz4": "bslz4-bare"}
"""What areaDetector's codecs are called here, where that differs."""


class AdzmqSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stream of the device ``adzmq`` in the pipeline file."""

    url: str
    """Where the plugin is bound, for example ``tcp://ioc.example.org:5020``."""
    first_frame: int | None = None
    """What the first image of a run is called; by default whatever comes first."""
    numbered: bool = True
    """Whether the images are counted one by one; false for a live view that shows every nth image."""
    receive_queue: int = 0
    """Messages that wait in this process, 0 for no limit. The sender cannot be made to wait: what does not fit is dropped, and seen as a
    gap. They count in memory."""


class AdzmqStart(Fields):
    """What the first image looks like: all fields of ``AdzmqImage`` but the pixels."""

    packet_kind = PacketKind.START


class AdzmqImage(Fields):
    """One image."""

    frame: int
    shape: list[int]
    """In numpy's order."""
    dtype: str
    codec: str
    """``none``, or what the sender calls the compression."""
    time_stamp: float | None
    """When the image was taken, in seconds since 1990 (EPICS); None from odin-data."""
    acquisition: str
    """The acquisition's id; empty from ADZMQ."""
    attributes: dict[str, Any]
    """The NDArray attributes; from odin-data the ``dataset``."""
    blob: Any
    """The pixels as they came."""

    @functools.cached_property
    def array(self) -> Image:
        """The pixels, read-only, of ``shape``; unpacked when they are first asked for.

        Raises MalformedPacket where the blob does not hold that, and UnknownCompression.
        """
        return decode_image(self.blob, self.shape, self.dtype, self.codec)


class AdzmqEnd(Fields):
    """The run has all the images that it is for."""

    packet_kind = PacketKind.END


AdzmqPacket = AdzmqStart | AdzmqImage | AdzmqEnd


class _Header(msgspec.Struct, gc=False):
    frame: int
    shape: list[int]
    dtype: str
    codec: str
    time_stamp: float | None
    acquisition: str
    attributes: dict[str, Any]


class _Adzmq(msgspec.Struct, gc=False):
    frame: int
    shape: list[int]
    type: str
    time_stamp: float | None = msgspec.field(default=None, name="timeStamp")
    encoding: str = ""
    ndattr: dict[str, Any] = {}


class _Odin(msgspec.Struct, gc=False):
    frame_num: int
    shape: list[int]
    dtype: str
    acquisition_id: str = ""
    dataset: str = ""
    compression: str = "none"


_decode_adzmq = msgspec.json.Decoder(_Adzmq).decode
_decode_odin = msgspec.json.Decoder(_Odin, strict=False).decode


def _read_header(frame: Any) -> _Header:
    raw = bytes(frame)
    try:
        if b'"frame_num"' in raw:
            odin = _decode_odin(raw)
            attributes = {"dataset": odin.dataset}
            codec = odin.compression.lower()
            return _Header(
                odin.frame_num, odin.shape, odin.dtype, codec, None, odin.acquisition_id, attributes
            )
        # The plugin writes attributes as they are, also where that is no JSON (NaN, quotes in texts); they come last.
        try:
            found = _decode_adzmq(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            head, attributes_follow, _ = raw.partition(b'"ndattr"')
            if not attributes_follow:
                raise
            found = _decode_adzmq(head.rstrip(b", ") + b"}")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedPacket(f"the first frame is no header of an image: {error}") from None
    attributes = {
        name: value["value"] if isinstance(value, dict) and "value" in value else value
        for name, value in found.ndattr.items()
    }
    codec = _CODECS.get(found.encoding, found.encoding)
    return _Header(found.frame, found.shape[::-1], found.type, codec, found.time_stamp, "", attributes)


def _checked(frames: Sequence[Any]) -> _Header:
    """The header of an image that is whole. Raises MalformedPacket."""
    if len(frames) != 2:
        raise MalformedPacket(f"the message has {len(frames)} frames; a header and the pixels are two")
    header = _read_header(frames[0])
    size = size_in_bytes(header.shape, header.dtype)
    if header.codec == "none" and len(frames[1]) != size:
        raise MalformedPacket(
            f"the blob has {len(frames[1])} bytes, but shape {header.shape} of {header.dtype} takes {size}"
        )
    return header


def parse(packet: RawPacket) -> AdzmqPacket:
    """The packet as objects. Raises MalformedPacket."""
    frames = frames_of(packet, TYP)
    if len(frames) == 1 and (mark := read_mark(frames[0])) is not None:
        return AdzmqStart(**mark[1]) if mark[0] == "start" else AdzmqEnd(**mark[1])
    return AdzmqImage(**msgspec.structs.asdict(_checked(frames)), blob=frames[1])


class AdzmqReader:
    """Numbers the images by their own count."""

    def __init__(self, first_frame: int | None = None, numbered: bool = True) -> None:
        self.series = EndlessSeries(TYP)
        self._first_frame = first_frame
        self._numbered = numbered
        self._newest: _Header | None = None

    def take(self, frames: list[Any], items: list[Packet | Malformed]) -> None:
        """Append the image, or what is wrong with it; before the first image the START packet, behind the last the END packet."""
        try:
            header = _checked(frames)
        except MalformedPacket as problem:
            if self.series.opened:
                self.series.add_malformed(str(problem), frames, items, counted=self._numbered)
            else:
                items.append(Malformed(str(problem), frames))
            return
        self.series.open(msgspec.to_builtins(header), items)
        if not self._numbered:
            self.series.add(frames, None, items)
            return
        restarted = self._restarted(header)
        self.series.add(frames, header.frame, items, restarted=restarted, first_count=self._first_frame)

    def _restarted(self, header: _Header) -> bool | None:
        """Whether the count was set back: another acquisition, or a newer image with no higher number."""
        newest = self._newest
        if newest is None:
            self._newest = header
            return None
        if header.acquisition != newest.acquisition:
            self._newest = header
            return True
        if (
            header.time_stamp is None
            or newest.time_stamp is None
            or header.time_stamp == newest.time_stamp == 0
        ):
            return None
        if header.time_stamp <= newest.time_stamp:
            return False
        self._newest = header
        return header.frame <= newest.frame


def source(settings: AdzmqSettings) -> EndlessZmqSource:
    """A connection to a plugin."""
    reader = AdzmqReader(settings.first_frame, settings.numbered)
    return EndlessZmqSource(ZmqSource(settings.url, zmq.SUB, settings.receive_queue, reader), reader.series)


def simulator(url: str) -> ZmqPlayer:
    """A plugin bound to ``url``."""
    return ZmqPlayer(url, zmq.XPUB, lambda message: True)


def generate(
    *,
    frames: int = 10,
    shape: Sequence[int] = (16, 64),
    dtype: str = "uint16",
    images: Iterable[Image] | None = None,
    first_frame: int = 1,
    dialect: Literal["adzmq", "odin"] = "adzmq",
    acquisition: str = "",
    begun: float = 1_100_000_000.0,
    period: float = 0.1,
    attributes: Mapping[str, Any] | None = None,
) -> Iterator[list[bytes]]:
    """Images: ``images``, or ``frames`` of ``shape`` and ``dtype`` whose pixels all are the index of the image.

    The first was taken at ``begun``, in seconds since 1990, each further one ``period`` seconds later.
    """
    pixels = pixel_type(dtype)
    pictures = (
        (np.full(tuple(shape), index).astype(pixels) for index in range(frames)) if images is None else images
    )
    for index, picture in enumerate(pictures):
        header: dict[str, Any]
        if dialect == "odin":
            header = {
                "frame_num": first_frame + index,
                "acquisition_id": acquisition,
                "dtype": picture.dtype.name,
                "dsize": picture.nbytes,
                "dataset": "data",
                "compression": "none",
                "shape": [str(length) for length in picture.shape],
            }
        else:
            header = {
                "htype": ["array-1.0"],
                "type": picture.dtype.name,
                "shape": list(picture.shape[::-1]),
                "frame": first_frame + index,
                "timeStamp": begun + index * period,
                "encoding": "",
                "ndattr": dict(attributes or {}),
            }
        yield [msgspec.json.encode(header), picture.tobytes()]


DEVICE = Device(
    name="adzmq",
    title="areaDetector's ADZMQ and odin-data's live view, ZeroMQ SUB",
    settings=AdzmqSettings,
    source=source,
    simulator=simulator,
    generate=generate,
    parse=parse,
)
