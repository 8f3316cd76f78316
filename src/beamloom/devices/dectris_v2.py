"""DECTRIS stream, version 2: EIGER2, PILATUS4 and others by the SIMPLON interface, CBOR over ZeroMQ PUSH, port 31001.

A message is one frame, a CBOR map whose ``type`` is ``start``, ``image`` or ``end`` (github.com/dectris/documentation, stream_v2).
An image holds an array (y, x) for each channel, which is a threshold of the detector. ``image_id`` counts the images of a series,
``series_id`` the series of the detector. The detector deals its messages out to all who are connected: a second reader takes every
other one.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import cbor2
import msgspec
import numpy as np
import zmq

from beamloom.devices.device import Device, Sharing
from beamloom.devices.encodings.cbor_views import Tag, read_entries, read_item
from beamloom.devices.encodings.typed_arrays import as_array, encode_array, is_array, packed_array
from beamloom.devices.fields import Fields, MalformedPacket, RawPacket, frames_of
from beamloom.devices.images import Image, PackedImage
from beamloom.devices.player import ZmqPlayer
from beamloom.devices.series.numbers import SeriesNumbers
from beamloom.devices.series.of_images import ImageSeriesReader
from beamloom.devices.simulating.rings import rings
from beamloom.devices.zeromq import ZmqSource
from beamloom.events import Packet, PacketKind

TYP = "DECTRIS_V2"

_LAZY: Final = frozenset({"data", "flatfield", "pixel_mask", "countrate_correction_lookup_table"})
"""Entries that hold large arrays, unpacked when they are asked for."""

_CLOCK_HZ: Final = 50_000_000
"""Of the times that the simulator sends."""


class DectrisV2Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stream of the device ``dectris_v2`` in the pipeline file."""

    url: str
    """Where the detector control unit listens, for example ``tcp://dcu.example.org:31001``."""
    first_image: int = 0
    """The ``image_id`` of the first image of a series."""
    receive_queue: int = 100
    """Messages that wait in this process before the detector has to; 0 for no limit. They count in memory."""


class DectrisV2Start(Fields):
    """The start of a series: how the detector is set.

    ``dict(packet)`` has the large arrays as they were sent; as attributes they are unpacked.
    """

    packet_kind = PacketKind.START

    series_id: int
    series_unique_id: str
    arm_date: str
    channels: list[str]
    """The names of the thresholds."""
    count_time: float
    """Seconds."""
    frame_time: float
    """Seconds."""
    image_size_x: int
    image_size_y: int
    incident_energy: float
    """eV."""
    number_of_images: int
    saturation_value: int
    threshold_energy: dict[str, float]
    """eV, by channel."""
    user_data: Any

    @functools.cached_property
    def flatfield(self) -> dict[str, Image]:
        """Factors by channel, (y, x); empty unless the stream's ``header_detail`` is all."""
        return _arrays(self._fields.get("flatfield"))

    @functools.cached_property
    def pixel_mask(self) -> dict[str, Image]:
        """Bits by channel, (y, x); empty unless the stream's ``header_detail`` is all."""
        return _arrays(self._fields.get("pixel_mask"))

    @functools.cached_property
    def countrate_correction_lookup_table(self) -> Image | None:
        """None unless the stream's ``header_detail`` is all."""
        table = self._fields.get("countrate_correction_lookup_table")
        return None if table is None else as_array(table)


class DectrisV2Image(Fields):
    """One image, of all channels. ``dict(packet)`` has the arrays as they were sent; as attributes they are unpacked."""

    image_id: int
    series_id: int
    series_unique_id: str
    series_date: str
    real_time: list[int]
    """Seconds, as numerator and denominator."""
    start_time: list[int]
    """Seconds since ``series_date``, as numerator and denominator."""
    stop_time: list[int]
    """Seconds since ``series_date``, as numerator and denominator."""
    user_data: Any

    @functools.cached_property
    def data(self) -> dict[str, Image]:
        """The pixels by channel, (y, x) each, read-only, unpacked when they are first asked for.

        Raises MalformedPacket where the message does not hold them, and UnknownCompression.
        """
        return _arrays(self._fields.get("data"))

    @property
    def channels(self) -> list[str]:
        """The names of the thresholds, in the order of ``arrays``."""
        return list(self._fields.get("data") or {})

    @property
    def arrays(self) -> list[Image]:
        """The pixels of each channel, (y, x)."""
        return list(self.data.values())

    @property
    def packed(self) -> list[PackedImage]:
        """``arrays`` as they were sent, without those that are not in rows. Raises as ``data`` does."""
        channels = (self._fields.get("data") or {}).values()
        return [found for found in map(packed_array, channels) if found is not None]

    @functools.cached_property
    def array(self) -> Image:
        """The pixels, (y, x) of one channel, (channels, y, x) of several; read-only. Raises as ``data`` does."""
        arrays = self.arrays
        if len(arrays) == 1:
            return arrays[0]
        if len({(array.shape, array.dtype) for array in arrays}) != 1:
            raise MalformedPacket(
                "the channels of the image are not alike and do not make up one array; use packet.data"
            )
        stacked = np.stack(arrays)
        stacked.flags.writeable = False
        return stacked


class DectrisV2End(Fields):
    """The end of a series."""

    packet_kind = PacketKind.END

    series_id: int
    series_unique_id: str


DectrisV2Packet = DectrisV2Start | DectrisV2Image | DectrisV2End

_CLASSES: Final[Mapping[object, type[DectrisV2Packet]]] = {
    "start": DectrisV2Start,
    "image": DectrisV2Image,
    "end": DectrisV2End,
}


def parse(packet: RawPacket) -> DectrisV2Packet:
    """The packet as objects. Raises MalformedPacket."""
    message = read_item(frames_of(packet, TYP)[0])
    if not isinstance(message, dict) or not all(isinstance(name, str) for name in message):
        raise MalformedPacket("the message is no CBOR map of names")
    try:
        made = _CLASSES[message.get("type")]
    except (KeyError, TypeError):
        raise MalformedPacket(_unknown(message.get("type"))) from None
    return made(**{name: item if name in _LAZY else _plain(item) for name, item in message.items()})


def _unknown(kind: object) -> str:
    return f"the message is of the type {kind!r}; known are start, image and end"


_AS_THEY_ARE: Final = frozenset({str, int, float, bool, type(None)})


def _plain(item: Any) -> Any:
    """What was sent, without CBOR's tags where Python has a form for it: dates are text, arrays are arrays, bytes are bytes."""
    if item.__class__ in _AS_THEY_ARE:
        return item
    if isinstance(item, dict):
        return {name: _plain(value) for name, value in item.items()}
    if isinstance(item, list):
        return [_plain(value) for value in item]
    if isinstance(item, memoryview):
        return bytes(item)
    if isinstance(item, Tag):
        return as_array(item) if is_array(item) else _plain(item.content)
    return item


def _arrays(channels: object) -> dict[str, Image]:
    if channels is None:
        return {}
    if not isinstance(channels, dict):
        raise MalformedPacket("the arrays are not given by channel")
    return {str(name): as_array(item) for name, item in channels.items()}


class _Head(msgspec.Struct, gc=False):
    """What tells the kind and the number of a packet."""

    type: str
    series: int = msgspec.field(name="series_id")
    image_id: int | None = None

    @property
    def opens(self) -> bool:
        """Whether the series begins with it."""
        return self.type == "start"


_WANTED: Final = frozenset(_Head.__struct_encode_fields__)


def _head(frames: list[Any]) -> _Head:
    if len(frames) != 1:
        raise MalformedPacket(
            f"the message has {len(frames)} frames; version 2 of the stream sends one (does the detector send version 1?)"
        )
    try:
        return msgspec.convert(read_entries(frames[0], _WANTED), _Head)
    except msgspec.ValidationError as error:
        raise MalformedPacket(f"the message does not say what it is: {error}") from None


def _packet(head: _Head, frames: list[Any], numbers: SeriesNumbers) -> Packet:
    match head.type:
        case "image":
            return Packet(TYP, frames, numbers.image(head.series, head.image_id))
        case "start":
            numbers.start(head.series)
            return Packet(TYP, frames, None, PacketKind.START)
        case "end":
            # Also that of another series: ours has then ended without our being told.
            return Packet(TYP, frames, None, PacketKind.END)
        case other:
            raise MalformedPacket(_unknown(other))


def new_reader(first_image: int = 0) -> ImageSeriesReader[_Head]:
    """Tells what the messages of a detector are, and numbers them by ``image_id``."""
    return ImageSeriesReader(SeriesNumbers("image_id", first_image, "first_image"), _head, _packet)


def source(settings: DectrisV2Settings) -> ZmqSource:
    """A connection to a detector control unit."""
    return ZmqSource(settings.url, zmq.PULL, settings.receive_queue, new_reader(settings.first_image))


def simulator(url: str) -> ZmqPlayer:
    """A detector control unit bound to ``url``."""
    return ZmqPlayer(url, zmq.PUSH, lambda message: b"eimage" in message[0][:16])


def generate(
    *,
    frames: int = 10,
    shape: Sequence[int] = (128, 160),
    dtype: str = "uint32",
    images: Iterable[Image] | None = None,
    channels: Sequence[str] = ("threshold_1",),
    compression: str = "bslz4",
    series_id: int = 1,
    first_image: int = 0,
    header_detail: str = "basic",
    count_time: float = 0.01,
    incident_energy: float = 12400.0,
    user_data: str = "",
    seed: int = 0,
) -> Iterator[list[bytes]]:
    """A series: start, images, end.

    The images are ``images``, each (y, x) or (channels, y, x), or ``frames`` of ``shape`` (y, x) and ``dtype``: photons on rings with
    the random ``seed``, fewer of them in each further channel. ``compression`` is ``bslz4``, ``lz4`` or ``none``. With
    ``header_detail`` ``all`` the start has flat fields, pixel masks and the rate table. ``count_time`` in seconds, ``incident_energy``
    in eV. An empty ``user_data`` is not sent.
    """
    pictures = iter(_thresholds(frames, shape, dtype, len(channels), seed) if images is None else images)
    first = next(pictures, None)
    size = tuple(shape) if first is None else first.shape[-2:]
    common = {"series_id": series_id, "series_unique_id": f"01JSIMULATED{series_id:014d}"}
    extra = {"user_data": user_data} if user_data else {}
    start = {
        "type": "start",
        "arm_date": cbor2.CBORTag(0, "2024-03-12T15:29:58.142+01:00"),
        "channels": list(channels),
        "count_time": count_time,
        "frame_time": count_time,
        "image_size_x": size[1],
        "image_size_y": size[0],
        "incident_energy": incident_energy,
        "number_of_images": frames,
        "saturation_value": int(np.iinfo(dtype).max) - 1 if np.dtype(dtype).kind in "iu" else 0,
        **common,
        "threshold_energy": {name: incident_energy * (index + 1) / 2 for index, name in enumerate(channels)},
        **extra,
    }
    if header_detail == "all":
        flat, mask = np.ones(size, np.float32), np.zeros(size, np.uint32)
        start["flatfield"] = {name: encode_array(flat, compression) for name in channels}
        start["pixel_mask"] = {name: encode_array(mask, compression) for name in channels}
        table = encode_array(np.arange(1000, dtype=np.uint32), compression)
        # A table has one dimension and is sent without a shape.
        start["countrate_correction_lookup_table"] = table.value[1]
    yield [cbor2.dumps(start)]
    for index, picture in enumerate([] if first is None else _and(first, pictures)):
        layers = picture.reshape(len(channels), *picture.shape[-2:])
        image_id = first_image + index
        ticks = round(count_time * _CLOCK_HZ)
        message = {
            "type": "image",
            "image_id": image_id,
            **common,
            "series_date": cbor2.CBORTag(0, "2024-03-12T15:29:58.142+01:00"),
            "real_time": [ticks, _CLOCK_HZ],
            "start_time": [image_id * ticks, _CLOCK_HZ],
            "stop_time": [(image_id + 1) * ticks, _CLOCK_HZ],
            **extra,
            "data": {
                name: encode_array(layer, compression) for name, layer in zip(channels, layers, strict=True)
            },
        }
        yield [cbor2.dumps(message)]
    yield [cbor2.dumps({"type": "end", **common})]


def _and(first: Image, others: Iterator[Image]) -> Iterator[Image]:
    yield first
    yield from others


def _thresholds(frames: int, shape: Sequence[int], dtype: str, channels: int, seed: int) -> Iterator[Image]:
    """Photons on rings; of those above one threshold every other is above the next."""
    for picture in rings(frames, tuple(shape), dtype, seed):
        yield np.stack([picture // 2**channel for channel in range(channels)]).astype(dtype)


DEVICE = Device(
    name="dectris_v2",
    title="EIGER2, PILATUS4 and other detectors, DECTRIS stream version 2 (CBOR), ZeroMQ PULL",
    settings=DectrisV2Settings,
    source=source,
    simulator=simulator,
    generate=generate,
    parse=parse,
    packets_are_messages=True,
    sharing=Sharing.DEALT,
)
