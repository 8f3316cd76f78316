"""DECTRIS stream, version 1: EIGER and PILATUS detectors by the SIMPLON interface, JSON and bytes over ZeroMQ PUSH, port 9999.

The frames of a message (SIMPLON API reference, "Stream"):

- the start of a series: ``dheader``; with ``header_detail`` ``basic`` also the detector's configuration; with ``all`` also flat field,
  pixel mask and count rate table, each a JSON description and the bytes; last, where one is set, the user's appendix;
- an image: ``dimage``, ``dimage_d``, the pixels, ``dconfig``, and where one is set the user's appendix;
- the end of a series: ``dseries_end``.

A ``shape`` is [x, y] on the wire, the fast axis first; arrays here are (y, x). ``frame`` counts the images of a series from 0, also
over several triggers. The detector deals its messages out to all who are connected: a second reader takes every other one.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import zmq

from beamloom.devices.codecs import UnknownCompression, pack
from beamloom.devices.device import Device, Sharing
from beamloom.devices.encodings.json_headers import read_fields, read_json
from beamloom.devices.fields import Fields, MalformedPacket, RawPacket, frames_of
from beamloom.devices.images import Image, PackedImage, decode_image, pixel_type
from beamloom.devices.player import ZmqPlayer
from beamloom.devices.series.numbers import SeriesNumbers
from beamloom.devices.series.of_images import ImageSeriesReader
from beamloom.devices.simulating.rings import rings
from beamloom.devices.zeromq import ZmqSource
from beamloom.events import Packet, PacketKind

TYP = "EIGER_LEGACY"

_HEADER_FRAMES: Final = {"none": 1, "basic": 2, "all": 8}
"""Frames of a start message without appendix, by ``header_detail``."""

_IMAGE_FRAMES: Final = 4

_ENCODING: Final = re.compile(r"(?:(?P<shuffled>bs(?:8|16|32|64)-)?lz4)?(?P<order>[<>]?)")
"""``lz4<``, ``bs16-lz4<``, ``bs32-lz4<``, and ``<`` for pixels as they are."""


class DectrisV1Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stream of the device ``dectris_v1`` in the pipeline file."""

    url: str
    """Where the detector control unit listens, for example ``tcp://dcu.example.org:9999``."""
    first_frame: int = 0
    """What the sender calls the first image of a series."""
    receive_queue: int = 100
    """Messages that wait in this process before the detector has to; 0 for no limit. They count in memory."""


class DectrisV1Start(Fields):
    """The start of a series."""

    packet_kind = PacketKind.START

    htype: str
    series: int
    header_detail: str
    info: dict[str, Any]
    """The detector's configuration, by the names of the SIMPLON interface; empty with ``header_detail`` none."""
    appendix: Any
    """What the user asked to send along, from JSON where it is; None without."""
    tables: dict[str, tuple[Any, Any]]
    """Description and bytes of what ``flatfield``, ``pixel_mask`` and ``countrate_table`` give."""

    @functools.cached_property
    def flatfield(self) -> Image | None:
        """Factors, (y, x); None unless ``header_detail`` is all. Raises MalformedPacket when the bytes do not fit."""
        return self._table("flatfield")

    @functools.cached_property
    def pixel_mask(self) -> Image | None:
        """Bits, (y, x): 0 gap, 1 dead, 2 under-responding, 3 over-responding, 4 noisy; None unless ``header_detail`` is all."""
        return self._table("pixelmask")

    @functools.cached_property
    def countrate_table(self) -> Image | None:
        """Measured and true rate, (entries, 2); None unless ``header_detail`` is all."""
        return self._table("countrate_table")

    def _table(self, name: str) -> Image | None:
        if name not in self.tables:
            return None
        description, blob = self.tables[name]
        return _decode(read_fields(description), blob)


class DectrisV1Image(Fields):
    """One image."""

    htype: str
    series: int
    frame: int
    hash: str
    """MD5 of the bytes as they were sent."""
    data: dict[str, Any]
    """The description of the pixels: ``shape`` as [x, y], ``type``, ``encoding``, ``size`` in bytes as sent; and ``buffer``, those
    bytes."""
    config: dict[str, Any]
    """``start_time``, ``stop_time``, ``real_time`` in nanoseconds."""
    appendix: Any
    """What the user asked to send along, from JSON where it is; None without."""

    @functools.cached_property
    def array(self) -> Image:
        """The pixels, (y, x), read-only, unpacked when they are first asked for.

        Raises MalformedPacket where the bytes do not hold them, and UnknownCompression.
        """
        return _decode(self.data, self.data["buffer"])

    @property
    def arrays(self) -> list[Image]:
        """The images of the thresholds one by one; this version of the protocol sends one."""
        return [self.array]

    @property
    def packed(self) -> list[PackedImage]:
        """``arrays`` as they were sent. Raises MalformedPacket, and UnknownCompression."""
        pixels, dtype, compression = _described(self.data)
        return [PackedImage(self.data["buffer"], compression, pixels.shape[::-1], pixel_type(dtype))]


class DectrisV1End(Fields):
    """The end of a series."""

    packet_kind = PacketKind.END

    htype: str
    series: int


DectrisV1Packet = DectrisV1Start | DectrisV1Image | DectrisV1End


def parse(packet: RawPacket) -> DectrisV1Packet:
    """The packet as objects. Raises MalformedPacket."""
    frames = frames_of(packet, TYP)
    fields = read_fields(frames[0])
    htype = fields.get("htype")
    match htype.partition("-")[0] if isinstance(htype, str) else None:
        case "dheader":
            return _parse_start(fields, frames)
        case "dimage":
            _check_image_frames(frames)
            appendix = _appendix(frames, _IMAGE_FRAMES)
            pixels = {**read_fields(frames[1]), "buffer": frames[2]}
            return DectrisV1Image(
                **{**fields, "data": pixels, "config": read_fields(frames[3]), "appendix": appendix}
            )
        case "dseries_end":
            return DectrisV1End(**fields)
        case _:
            raise MalformedPacket(_unknown(htype))


def _parse_start(fields: dict[str, Any], frames: Sequence[Any]) -> DectrisV1Start:
    detail = _header_detail(fields.get("header_detail"), frames)
    tables = {}
    for place in range(2, _HEADER_FRAMES[detail], 2):
        name = str(read_fields(frames[place]).get("htype"))
        tables[name.removeprefix("d").partition("-")[0]] = (frames[place], frames[place + 1])
    parsed = {
        "info": {} if detail == "none" else read_fields(frames[1]),
        "appendix": _appendix(frames, _HEADER_FRAMES[detail]),
        "tables": tables,
    }
    return DectrisV1Start(**{**fields, "header_detail": detail, **parsed})


def _header_detail(said: object, frames: Sequence[Any]) -> str:
    """How much a start message holds. Raises MalformedPacket for too little, or too much."""
    if not isinstance(said, str) or said not in _HEADER_FRAMES:
        raise MalformedPacket(f"the header has the header_detail {said!r}; known are all, basic and none")
    if len(frames) not in (_HEADER_FRAMES[said], _HEADER_FRAMES[said] + 1):
        raise MalformedPacket(
            f"the start message has {len(frames)} frames; with header_detail {said} there are {_HEADER_FRAMES[said]}, "
            "and one more with an appendix"
        )
    return said


def _check_image_frames(frames: Sequence[Any]) -> None:
    if len(frames) not in (_IMAGE_FRAMES, _IMAGE_FRAMES + 1):
        raise MalformedPacket(
            f"the image has {len(frames)} frames; there are {_IMAGE_FRAMES}, and one more with an appendix"
        )


def _appendix(frames: Sequence[Any], place: int) -> Any:
    """What the user asked to send along: any text, most often JSON."""
    if len(frames) <= place:
        return None
    text = bytes(frames[place])
    try:
        return read_json(text)
    except MalformedPacket:
        return text.decode(errors="replace")


def _unknown(htype: object) -> str:
    return f"the header has the htype {htype!r}; known are dheader, dimage and dseries_end"


class _Pixels(msgspec.Struct, gc=False):
    """How bytes become an array."""

    shape: tuple[int, ...]
    type: str
    encoding: str = "<"
    """Flat field, mask and table are never encoded, and do not say so."""


def _decode(description: Mapping[str, Any], blob: Any) -> Image:
    """The array, its axes turned round to numpy's order."""
    pixels, dtype, compression = _described(description)
    return decode_image(blob, pixels.shape[::-1], dtype, compression)


def _described(description: Mapping[str, Any]) -> tuple[_Pixels, str, str]:
    """What the description says, the name of the type with its order, and how ``codecs`` calls the compression."""
    try:
        pixels = msgspec.convert(description, _Pixels)
    except msgspec.ValidationError as error:
        raise MalformedPacket(f"the array is not described as one: {error}") from None
    encoding = _ENCODING.fullmatch(pixels.encoding)
    if encoding is None:
        raise UnknownCompression(
            f"images of the encoding {pixels.encoding!r} are not unpacked here; read the bytes from packet.data['buffer']"
        )
    packed = "lz4" in pixels.encoding
    compression = "none" if not packed else "bslz4" if encoding["shuffled"] else "lz4-block"
    return pixels, encoding["order"] + pixels.type, compression


class _Head(msgspec.Struct, gc=False):
    """What tells the kind and the number of a packet."""

    htype: str
    series: int
    frame: int | None = None

    @property
    def opens(self) -> bool:
        """Whether the series begins with it."""
        return self.htype.startswith("dheader-")


_decode_head = msgspec.json.Decoder(_Head).decode


def _head(frames: list[Any]) -> _Head:
    try:
        return _decode_head(frames[0])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedPacket(f"the first frame is no JSON header: {error}") from None


def _packet(head: _Head, frames: list[Any], numbers: SeriesNumbers) -> Packet:
    if head.htype.startswith("dimage-"):
        _check_image_frames(frames)
        return Packet(TYP, frames, numbers.image(head.series, head.frame))
    if head.opens:
        numbers.start(head.series)
        return Packet(TYP, frames, None, PacketKind.START)
    if head.htype.startswith("dseries_end-"):
        # Also that of another series: ours has then ended without our being told.
        return Packet(TYP, frames, None, PacketKind.END)
    raise MalformedPacket(_unknown(head.htype))


def new_reader(first_frame: int = 0) -> ImageSeriesReader[_Head]:
    """Tells what the messages of a detector are, and numbers them by ``frame``."""
    return ImageSeriesReader(SeriesNumbers("frame", first_frame, "first_frame"), _head, _packet)


def source(settings: DectrisV1Settings) -> ZmqSource:
    """A connection to a detector control unit."""
    return ZmqSource(settings.url, zmq.PULL, settings.receive_queue, new_reader(settings.first_frame))


def simulator(url: str) -> ZmqPlayer:
    """A detector control unit bound to ``url``."""
    return ZmqPlayer(url, zmq.PUSH, lambda message: b'"dimage-' in message[0][:256])


def generate(
    *,
    frames: int = 10,
    shape: Sequence[int] = (128, 160),
    dtype: str = "uint32",
    images: Iterable[Image] | None = None,
    encoding: str = "bslz4",
    series: int = 1,
    first_frame: int = 0,
    header_detail: str = "basic",
    appendix: str = "",
    image_appendix: str = "",
    count_time: float = 0.01,
    photon_energy: float = 12400.0,
    seed: int = 0,
) -> Iterator[list[bytes]]:
    """A series: header, images, end.

    The images are ``images``, or ``frames`` of ``shape`` (y, x) and ``dtype``: photons on rings with the random ``seed``.
    ``encoding`` is ``bslz4``, ``lz4`` or ``none``; ``header_detail`` is ``all``, ``basic`` or ``none``. An empty appendix is not sent.
    ``count_time`` in seconds, ``photon_energy`` in eV.
    """
    pictures = rings(frames, tuple(shape), dtype, seed) if images is None else images
    began = False
    count = 0
    for count, picture in enumerate(pictures, start=1):
        if not began:
            yield _start(
                picture, frames, series, header_detail, encoding, appendix, count_time, photon_energy
            )
            began = True
        frame = first_frame + count - 1
        yield _image(picture, encoding, series, frame, image_appendix, round(count_time * 1e9))
    if not began:
        empty = np.zeros(tuple(shape), dtype)
        yield _start(empty, 0, series, header_detail, encoding, appendix, count_time, photon_energy)
    yield [_json(htype="dseries_end-1.0", series=series)]


def _json(**fields: Any) -> bytes:
    return msgspec.json.encode(fields)


def _start(
    picture: Image,
    frames: int,
    series: int,
    header_detail: str,
    encoding: str,
    appendix: str,
    count_time: float,
    photon_energy: float,
) -> list[bytes]:
    y, x = picture.shape
    parts = [_json(header_detail=header_detail, htype="dheader-1.0", series=series)]
    if header_detail != "none":
        parts.append(
            _json(
                bit_depth_image=8 * picture.itemsize,
                compression=encoding,
                count_time=count_time,
                frame_time=count_time,
                nimages=frames,
                ntrigger=1,
                photon_energy=photon_energy,
                x_pixels_in_detector=x,
                y_pixels_in_detector=y,
            )
        )
    if header_detail == "all":
        rates = np.repeat(np.arange(1001, dtype=np.float32), 2)
        tables = {
            "flatfield": (np.ones((y, x), np.float32), [x, y]),
            "pixelmask": (np.zeros((y, x), np.uint32), [x, y]),
            "countrate_table": (rates, [2, 1001]),
        }
        for name, (table, shape) in tables.items():
            parts += [_json(htype=f"d{name}-1.0", shape=shape, type=table.dtype.name), table.tobytes()]
    return [*parts, *([appendix.encode()] if appendix else [])]


def _image(
    picture: Image, encoding: str, series: int, frame: int, appendix: str, nanoseconds: int
) -> list[bytes]:
    labels = {"bslz4": f"bs{8 * picture.itemsize}-lz4<", "lz4": "lz4<", "none": "<"}
    packings = {"bslz4": "bslz4", "lz4": "lz4-block"}
    blob = pack(picture, packings[encoding]) if encoding in packings else picture.tobytes()
    described = {
        "encoding": labels[encoding],
        "htype": "dimage_d-1.0",
        "shape": list(picture.shape[::-1]),
        "size": len(blob),
        "type": picture.dtype.name,
    }
    digest = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    return [
        _json(frame=frame, hash=digest, htype="dimage-1.0", series=series),
        _json(**described),
        blob,
        _json(
            htype="dconfig-1.0",
            real_time=nanoseconds,
            start_time=frame * nanoseconds,
            stop_time=(frame + 1) * nanoseconds,
        ),
        *([appendix.encode()] if appendix else []),
    ]


DEVICE = Device(
    name="dectris_v1",
    title="EIGER and PILATUS detectors, DECTRIS stream version 1 (JSON), ZeroMQ PULL",
    settings=DectrisV1Settings,
    source=source,
    simulator=simulator,
    generate=generate,
    parse=parse,
    packets_are_messages=True,
    sharing=Sharing.DEALT,
)
