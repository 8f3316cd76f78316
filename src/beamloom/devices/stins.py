"""STINS, also called stream1: images over ZeroMQ PUSH, as MAX IV's streaming-receiver and camera servers send them.

A message is a JSON header and for images one or more blobs. ``htype`` is ``header``, ``image`` or ``series_end``.
``msg_number`` counts all messages of the sender, also from one series to the next, from any number on; ``frame`` counts the
images of one series, with most senders from 0, with some from 1. The sender drops what it sends while nobody is connected.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import zmq

from beamloom.devices.device import Device
from beamloom.devices.fields import Fields, MalformedPacket, RawPacket, frames_of
from beamloom.devices.headers import BlobSize, Head, read_fields, read_head
from beamloom.devices.images import Image, as_image, pixel_type, size_in_bytes
from beamloom.devices.player import ZmqPlayer
from beamloom.devices.zeromq import ZmqSource
from beamloom.events import Malformed, Packet, PacketKind

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
    data: Any
    """The pixels: an array of ``shape``, read-only. Of several blobs that are parts of one array, that array; of several that are an
    array each, a list of them. None where ``data_problem`` says why."""
    data_problem: str | None
    """Why ``data`` is None, in a sentence."""
    blobs: list[Any]
    """The blobs as they were received."""


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
            blobs = frames[1:]
            data, problem = _decode(fields, blobs)
            return Stream1Data(**{**fields, "data": data, "data_problem": problem, "blobs": blobs})
        case "series_end":
            return Stream1End(**fields)
        case other:
            raise MalformedPacket(
                f"the header has the htype {other!r}; known are header, image and series_end"
            )


def _decode(fields: Mapping[str, Any], blobs: Sequence[Any]) -> tuple[Any, str | None]:
    """The pixels, or None and why not."""
    try:
        shape, type_name = msgspec.convert((fields.get("shape"), fields.get("type")), tuple[list[int], str])
    except msgspec.ValidationError:
        raise MalformedPacket("the header of the image has no shape or no type") from None
    if not blobs:
        raise MalformedPacket("the image comes without a blob")
    compression = fields["compression"]
    if compression == "bslz4" and len(blobs) == 1:
        return _decompress(blobs[0], shape, type_name)
    if compression != "none":
        return (
            None,
            f"images compressed with {compression!r} in {len(blobs)} blobs are not unpacked; use packet.blobs",
        )
    if len(blobs) == 1:
        return as_image(blobs[0], shape, type_name), None
    sizes, whole = [len(blob) for blob in blobs], size_in_bytes(shape, type_name)
    if all(size == whole for size in sizes):
        return [as_image(blob, shape, type_name) for blob in blobs], None
    if sum(sizes) == whole:
        return as_image(b"".join(map(bytes, blobs)), shape, type_name), None
    return (
        None,
        f"{len(blobs)} blobs of {sizes} bytes do not make up shape {shape} of {type_name}; use packet.blobs",
    )


def _decompress(blob: Any, shape: Sequence[int], type_name: str) -> tuple[Image | None, str | None]:
    """Pixels packed with bitshuffle and LZ4, as in a chunk of HDF5's filter 32008.

    The blob begins with the number of unpacked bytes (8 bytes) and the bytes of one block (4 bytes), both big-endian.
    """
    try:
        bitshuffle = importlib.import_module("bitshuffle")
    except ModuleNotFoundError:
        return (
            None,
            "unpacking bslz4 images needs the package bitshuffle (pip install bitshuffle); use packet.blobs until then",
        )
    dtype = pixel_type(type_name)
    sizes = memoryview(blob)[:12]
    size, block = int.from_bytes(sizes[:8], "big"), int.from_bytes(sizes[8:], "big")
    if len(blob) < 12 or size != size_in_bytes(shape, type_name) or not block or block % (8 * dtype.itemsize):
        raise MalformedPacket(
            f"the blob unpacks to {size} bytes in blocks of {block}, which are not shape {list(shape)} of {type_name}"
        )
    _check_blocks(blob, size, block, dtype.itemsize)
    try:
        packed = np.frombuffer(blob, np.uint8, offset=12)
        return bitshuffle.decompress_lz4(packed, tuple(shape), dtype, block // dtype.itemsize), None
    except RuntimeError as error:
        raise MalformedPacket(f"the blob cannot be unpacked: {error}") from None


def _check_blocks(blob: Any, size: int, block: int, itemsize: int) -> None:
    """Raises MalformedPacket for a blob that breaks off: bitshuffle believes the lengths in it, and would read past its end.

    Blocks of ``block`` unpacked bytes, and a last one of what is left in whole eights of pixels, each after its length (4 bytes,
    big-endian); then the remaining pixels as they are.
    """
    octets = memoryview(blob).cast("B")
    unpacked = size - size % (8 * itemsize)
    place = 12
    for _ in range(-(-unpacked // block)):
        place += 4 + int.from_bytes(octets[place : place + 4], "big")
    if place + size - unpacked != len(octets):
        raise MalformedPacket(
            f"the blob has {len(octets)} bytes, but its blocks take {place + size - unpacked}; it is not whole"
        )


class StinsReader:
    """Tells what the messages of a STINS sender are, and numbers them.

    ``msg_number`` numbers a series whose header has one, else ``frame`` does.
    """

    def __init__(self, first_frame: int = 0) -> None:
        self._first_frame = first_frame
        self._header: int | None = None
        self._first_header: int | None = None
        self._blob_size = BlobSize()

    def take(self, frames: list[Any], items: list[Packet | Malformed]) -> None:
        """Append the packet, or what is wrong with it."""
        try:
            head = read_head(frames[0])
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

    def _begin(self, msg_number: int | None) -> int | None:
        """Start a series; the number of its header among all messages since the first header of the run."""
        self._header = msg_number
        if self._first_header is None or msg_number is None:
            self._first_header = msg_number
            return None
        return msg_number - self._first_header

    def _number(self, head: Head) -> int | None:
        if self._header is not None and head.msg_number is not None:
            number = head.msg_number - self._header
            if number < 1:
                raise MalformedPacket(
                    f"msg_number {head.msg_number} is not after that of its header, {self._header}"
                )
            return number
        if head.frame is None:
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
    seed: int | None = None,
) -> Iterator[list[bytes]]:
    """A series: header, images, end.

    The images are ``images``, or ``frames`` of ``shape`` and ``dtype``: noise of the random ``seed``, or without a seed the same
    pattern each time but for the first pixel, which is the index of the image (modulo what the type holds). ``meta`` is the
    second frame of the header.
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
            "compression": "none",
            "msg_number": next(msg_number),
        }
        yield [msgspec.json.encode(head), picture.tobytes()]
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
)
