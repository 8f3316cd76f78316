"""areaDetector over EPICS PV Access: the images of a process variable of the type NTNDArray, as NDPluginPva serves them.

A packet is two frames: a JSON header with what the structure says of the image (number, shape, type, codec, colour mode, time stamp,
attributes), and the pixels as they came, compressed or not. Images are numbered by ``uniqueId``, from wherever that stands.

The protocol knows no start and no end of a series, and a process variable always has a value: what it holds when the run is armed is an
old image, and no data. The START packet describes the first image after that; the END packet comes behind as many images as the run is
for. A reader that is too slow loses images in the server's queue, which is seen as a gap in ``uniqueId``.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import math
import os
import re
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from beamloom.devices.codecs import UnknownCompression
from beamloom.devices.device import Device
from beamloom.devices.fields import Fields, MalformedPacket, RawPacket, frames_of
from beamloom.devices.images import Image, decode_image, size_in_bytes
from beamloom.devices.pva.lookout import Lookout
from beamloom.devices.pva.simulator import PvaSimulator, generate
from beamloom.devices.series.endless import EndlessSeries, read_mark
from beamloom.errors import UsageError
from beamloom.events import Malformed, Packet, PacketKind
from beamloom.native import LARGE_FRAME

TYP = "NTNDArray"

SCALAR_TYPES: Final = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64",
)  # fmt: skip
"""numpy's names of the scalar types of PV Access, by the number that ``codec.parameters`` gives for compressed pixels."""
COLOUR_MODES: Final = ("Mono", "Bayer", "RGB1", "RGB2", "RGB3", "YUV444", "YUV422", "YUV411")
"""By the number in the attribute ``ColorMode``."""
_COLOUR_AXIS: Final[Mapping[str, int]] = {"RGB1": 2, "RGB2": 1, "RGB3": 0}
_CODECS: Final[Mapping[str, str]] = {"": "none", "lz4": "lz4-block", "bslz4": "bslz4-bare"}
"""What areaDetector's codecs are called here, where that differs."""

_ADDRESS: Final = re.compile(
    r"pva://(?:(?P<server>(?:\[[0-9A-Fa-f:.]+\]|[^\s/:]+):\d{1,5})/)?(?P<pv>[^\s/]+)"
)


class NeedsEpics(UsageError, ValueError):
    """The package that speaks PV Access is not installed."""


class PvaSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stream of the device ``pva`` in the pipeline file."""

    url: str
    """The process variable: ``pva://13SIM1:Pva1:Image`` is searched for as EPICS_PVA_ADDR_LIST says,
    ``pva://ioc.example.org:5075/13SIM1:Pva1:Image`` is asked for at that server."""
    first_id: int | None = None
    """What the first image of a run is called (``uniqueId``); by default whatever comes first. Give it where the counter is set back
    for each run, so that a lost first image is noticed."""
    numbered: bool = True
    """Whether ``uniqueId`` counts the images; false for servers that do not set it."""
    queue: int = 100
    """Images that wait for this process before the server throws away. They count in memory: 100 images of 8 MB are 800 MB."""


class NTNDArrayStart(Fields):
    """What the first image looks like: all fields of ``NTNDArrayData`` but the pixels."""

    packet_kind = PacketKind.START


class NTNDArrayData(Fields):
    """One image."""

    unique_id: int
    shape: list[int]
    """In numpy's order: (rows, columns), with colours as ``color_mode`` says."""
    dtype: str
    codec: str
    """``none``, ``jpeg``, ``blosc``, ``lz4`` or ``bslz4``."""
    color_mode: str
    """One of ``COLOUR_MODES``."""
    time_stamp: float
    """When the image was taken, in seconds since 1970."""
    attributes: dict[str, Any]
    blob: Any
    """The pixels as they came."""

    @functools.cached_property
    def array(self) -> Image:
        """The pixels, read-only, of ``shape``; unpacked when they are first asked for.

        Raises MalformedPacket where the blob does not hold that, and UnknownCompression.
        """
        if self.codec == "jpeg":
            return _decode_jpeg(self.blob, self.shape, self.dtype)
        return decode_image(self.blob, self.shape, self.dtype, _CODECS.get(self.codec, self.codec))

    @property
    def rgb(self) -> Image:
        """A colour image as (rows, columns, 3), whichever way it was sent. Raises MalformedPacket for any other image."""
        axis = _COLOUR_AXIS.get(self.color_mode)
        if axis is None or len(self.shape) != 3:
            raise MalformedPacket(
                f"the image has the colour mode {self.color_mode} and is no RGB image; use array"
            )
        return np.moveaxis(self.array, axis, 2)


class NTNDArrayEnd(Fields):
    """The run has all the images that it is for."""

    packet_kind = PacketKind.END


NTNDArrayPacket = NTNDArrayStart | NTNDArrayData | NTNDArrayEnd


def parse(packet: RawPacket) -> NTNDArrayPacket:
    """The packet as objects. Raises MalformedPacket."""
    frames = frames_of(packet, TYP)
    if len(frames) == 1 and (mark := read_mark(frames[0])) is not None:
        return NTNDArrayStart(**mark[1]) if mark[0] == "start" else NTNDArrayEnd(**mark[1])
    if len(frames) != 2:
        raise MalformedPacket(f"the packet has {len(frames)} frames; a header and the pixels are two")
    try:
        header = msgspec.json.decode(frames[0], type=_Header)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedPacket(f"the header cannot be read: {error}") from None
    return NTNDArrayData(**msgspec.structs.asdict(header), blob=frames[1])


def _decode_jpeg(blob: Any, shape: Sequence[int], dtype: str) -> Image:
    try:
        pillow = importlib.import_module("PIL.Image")
    except ModuleNotFoundError:
        raise UnknownCompression(
            "unpacking jpeg images needs the package pillow (pip install pillow); use blob until then"
        ) from None
    try:
        image: Image = np.array(pillow.open(io.BytesIO(blob)))
    # What pillow raises depends on where in the image the fault is.
    except Exception as error:  # noqa: BLE001
        raise MalformedPacket(f"the jpeg image cannot be unpacked: {error}") from None
    if image.shape != tuple(shape) or image.dtype.name != dtype:
        raise MalformedPacket(
            f"the jpeg image has shape {list(image.shape)} of {image.dtype}, but the header says {list(shape)} of {dtype}"
        )
    image.flags.writeable = False
    return image


class _Header(msgspec.Struct, gc=False):
    """The first frame of an image."""

    unique_id: int
    shape: list[int]
    dtype: str
    codec: str
    color_mode: str
    time_stamp: float
    attributes: dict[str, Any]


def read_structure(value: Any) -> tuple[_Header, Any]:
    """The header and the pixels (an array of one dimension, as it came) in a p4p value. Raises MalformedPacket."""
    try:
        pixels = value["value"]
        shape = [int(dimension["size"]) for dimension in value["dimension"]][::-1]
        codec = str(value["codec.name"]) if "codec" in value else ""
        stamp = value["dataTimeStamp"]
        seconds = stamp["secondsPastEpoch"] + 1e-9 * stamp["nanoseconds"]
        attributes = {str(each["name"]): _plain(each["value"]) for each in value["attribute"]}
        unique_id = int(value["uniqueId"])
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise MalformedPacket(f"the process variable is no NTNDArray: {problem!r}") from None
    if pixels is None:
        pixels = np.empty(0, np.uint8)
    if not isinstance(pixels, np.ndarray):
        raise MalformedPacket(
            f"the process variable holds a {type(pixels).__name__} where its pixels should be"
        )
    dtype = pixels.dtype.name
    if codec:
        dtype = _packed_type(value["codec.parameters"])
        packed_size = int(value["compressedSize"]) if "compressedSize" in value else 0
        if 0 < packed_size < pixels.nbytes:
            pixels = pixels.view(np.uint8)[:packed_size]
    elif pixels.nbytes != size_in_bytes(shape or [0], dtype):
        raise MalformedPacket(
            f"image {unique_id} has {pixels.nbytes} bytes, but shape {shape} of {dtype} takes {size_in_bytes(shape or [0], dtype)}"
        )
    mode = attributes.get("ColorMode", 0)
    colour = COLOUR_MODES[mode] if isinstance(mode, int) and 0 <= mode < len(COLOUR_MODES) else str(mode)
    return _Header(unique_id, shape or [0], dtype, codec or "none", colour, seconds, attributes), pixels


def _packed_type(parameters: Any) -> str:
    """The type of compressed pixels, which travel as bytes."""
    number = getattr(parameters, "value", parameters)
    if not isinstance(number, int) or not 0 <= number < len(SCALAR_TYPES):
        raise MalformedPacket(
            f"the image is compressed and says that its pixels are of type {number!r}, which is none"
        )
    return SCALAR_TYPES[number]


def _plain(value: Any) -> Any:
    """The value of an attribute as JSON has it."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    inner = getattr(value, "value", None)
    return str(value) if inner is None else _plain(inner)


class NTNDArrayReader:
    """Makes packets of the values of a process variable, and numbers them."""

    def __init__(self, first_id: int | None = None, numbered: bool = True) -> None:
        self.series = EndlessSeries(TYP)
        self._first_id = first_id
        self._numbered = numbered
        self._last: tuple[int, float] | None = None
        self._newest: tuple[int, float] | None = None
        self._again = False

    def hold(self, value: Any) -> None:
        """``value`` is what the process variable held when it was found: an old image, and no data."""
        with contextlib.suppress(MalformedPacket):
            header, _ = read_structure(value)
            self._last = (header.unique_id, header.time_stamp)

    def take(self, value: Any, items: list[Packet | Malformed]) -> None:
        """Append the image, or what is wrong with it; before the first image the START packet, behind the last the END packet."""
        try:
            header, pixels = read_structure(value)
        except MalformedPacket as problem:
            frames = [repr(value).encode()[:4096]]
            if self.series.opened:
                self.series.add_malformed(str(problem), frames, items, counted=self._numbered)
            else:
                items.append(Malformed(str(problem), frames))
            return
        this = (header.unique_id, header.time_stamp)
        again, self._again = self._again and this == self._last, False
        self._last = this
        if again:
            return
        self.series.open(msgspec.to_builtins(header), items)
        frame = pixels.view(np.uint8).data if pixels.nbytes >= LARGE_FRAME else pixels.tobytes()
        frames = [msgspec.json.encode(header), frame]
        if not self._numbered:
            self.series.add(frames, None, items)
            return
        restarted = self._restarted(this)
        self.series.add(frames, header.unique_id, items, restarted=restarted, first_count=self._first_id)

    def connected_again(self) -> None:
        """The next value is what the process variable holds, which may have been read before."""
        self._again = True

    def _restarted(self, this: tuple[int, float]) -> bool | None:
        """Whether the counter was set back: the image is newer and its number is not. Without time stamps only the number can tell."""
        before = self._newest
        if before is None or this[1] > before[1]:
            self._newest = this
        if before is None or before[1] == this[1] == 0:
            return None
        return this[1] > before[1] and this[0] <= before[0]


class PvaSource:
    """A monitor of a process variable, for one run."""

    def __init__(self, settings: PvaSettings) -> None:
        self.reconnects = 0
        """How often the process variable was there again after it had gone."""
        self.discarded_before_start = 0
        """None: the value that was there before the run is known as that, and is no message."""
        self._settings = settings
        self._reader = NTNDArrayReader(settings.first_id, settings.numbered)
        self._lock = threading.Lock()
        self._fd: int | None = None
        self._context: Any = None
        self._monitor: Any = None
        self._there = False
        self._was_there = False
        self._refused: str | None = None
        self._server: str | None = None
        self._lookout: Lookout | None = None
        # That takes half a second the first time, which open() may not; it says what is missing, too.
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module("p4p.client.raw")

    def expect(self, items: int | None) -> None:
        """The run has so many packets of this stream, START and END among them; None: any number."""
        self._reader.series.expect(items)

    def open(self) -> None:
        """Begin to search; returns at once. Raises ValueError for an address that cannot be right, NeedsEpics without p4p."""
        if self._fd is not None:
            return
        found = _ADDRESS.fullmatch(self._settings.url)
        if found is None:
            raise ValueError(
                f"{self._settings.url!r} is no process variable; write it like pva://13SIM1:Pva1:Image or "
                "pva://ioc.example.org:5075/13SIM1:Pva1:Image"
            )
        try:
            importlib.import_module("p4p.client.raw")
        except ModuleNotFoundError:
            raise NeedsEpics(
                "reading from EPICS needs the package p4p, which is not installed; install it with pip install 'beamloom[epics]'"
            ) from None
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._server = found["server"]
        self._search(found["pv"])
        self._look_out()

    def _search(self, name: str) -> None:
        client = importlib.import_module("p4p.client.raw")
        server = self._server
        only = {"EPICS_PVA_NAME_SERVERS": server, "EPICS_PVA_AUTO_ADDR_LIST": "NO", "EPICS_PVA_ADDR_LIST": ""}
        self._context = client.Context("pva", conf=only if server else None, useenv=not server, nt=False)
        request = f"record[queueSize={max(self._settings.queue, 2)}]field()"
        self._monitor = self._context.monitor(name, self._wake, request=request)

    def _look_out(self) -> None:
        """EPICS itself asks a server that it was told of every ten seconds; find out sooner that it is there again."""
        if self._lookout is not None:
            self._lookout.close()
        if self._server is not None:
            self._lookout = Lookout(self._server, self._wake)

    def _search_anew(self) -> None:
        """When the server is there again, search there now."""
        lookout = self._lookout
        if lookout is None or not lookout.listens:
            return
        self._lookout = None
        # Where the very first attempt succeeds, that of EPICS does so too.
        if not self._there and (self._was_there or lookout.tries > 1):
            self._release()
            self._search(self._settings.url.rpartition("/")[2])

    def connected(self) -> bool:
        """Whether the process variable was found and its present value has come: whatever comes now is new."""
        if not self._was_there:
            present = self._pop()
            if present is not None:
                self._reader.hold(present)
            self._search_anew()
        return self._there

    def connection_problem(self) -> str | None:
        """Why there is no connection, in a sentence; None when there is one."""
        if self.connected():
            return None
        url = self._settings.url
        if self._refused is not None:
            return f"the server refuses to send {url}: {self._refused}"
        if self._was_there:
            return f"the connection to {url} broke off; is its IOC still running?"
        return (
            f"nobody has answered to the search for {url}; check the name, that the IOC is running, its plugin enabled, and "
            "EPICS_PVA_ADDR_LIST, or leave the stream out of the map"
        )

    @property
    def pollable(self) -> int:
        """A file descriptor. Raises RuntimeError before ``open`` and after ``close``."""
        if self._fd is None:
            raise RuntimeError(f"{self._settings.url} is not open; call open() first")
        return self._fd

    def read(self, limit: int) -> Sequence[Packet | Malformed]:
        """At most ``limit`` items of what has arrived, the least limit being 2; empty when nothing has. Never waits."""
        try:
            os.eventfd_read(self.pollable)
        except BlockingIOError:
            return []
        items: list[Packet | Malformed] = []
        while len(items) < limit - 1:
            value = self._pop()
            if value is None:
                self._search_anew()
                return items
            self._reader.take(value, items)
        self._wake()
        return items

    def close(self) -> None:
        """Release the process variable at once. May be called twice."""
        if self._lookout is not None:
            self._lookout.close()
        self._lookout = None
        self._release()
        with self._lock:
            if self._fd is not None:
                os.close(self._fd)
            self._fd = None
        self._there = False

    def _release(self) -> None:
        if self._monitor is not None:
            self._monitor.close()
        if self._context is not None:
            self._context.close()
        self._monitor = self._context = None

    def _wake(self) -> None:
        # Called from a thread of EPICS, also while the descriptor is being closed.
        with self._lock:
            if self._fd is not None:
                os.eventfd_write(self._fd, 1)

    def _pop(self) -> Any:
        """The next value; None when there is none now. What else the monitor reports is noted."""
        while self._monitor is not None:
            update = self._monitor.pop()
            if update is None:
                return None
            if not isinstance(update, Exception):
                if self._was_there and not self._there:
                    self._reader.connected_again()
                    self.reconnects += 1
                self._there = self._was_there = True
                self._refused = None
                return update
            if self._there:
                self._look_out()
            self._there = False
            if type(update).__name__ not in ("Disconnected", "Cancelled", "Finished"):
                self._refused = str(update)
        return None


def source(settings: PvaSettings) -> PvaSource:
    """A monitor of a process variable."""
    return PvaSource(settings)


DEVICE = Device(
    name="pva",
    title="areaDetector, EPICS PV Access NTNDArray",
    settings=PvaSettings,
    source=source,
    simulator=PvaSimulator,
    generate=generate,
    parse=parse,
    bind="pva://127.0.0.1:*/BEAMLOOM:SIM:IMAGE",
)
