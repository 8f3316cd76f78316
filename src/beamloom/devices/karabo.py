"""The Karabo bridge of the European XFEL: the data of one train per message, over ZeroMQ.

A message of protocol 2.2 is pairs of frames, each pair a msgpack header and what it heads: the values of one source as msgpack, then one
pair for each of its arrays, whose bytes are the second frame. In protocol 1.0 the message is a single msgpack map with the arrays inside.
Trains are numbered by the machine (``timestamp.tid``), ten per second, from wherever it stands; a train that a slow client did
not ask for in time is a gap. The protocol knows no start and no end of a series.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

import msgpack
import msgspec
import numpy as np
import zmq

from beamloom.devices.device import Device
from beamloom.devices.encodings.msgpack_arrays import read_map
from beamloom.devices.fields import Fields, MalformedPacket, RawPacket, frames_of
from beamloom.devices.images import Image, as_image, pixel_type, size_in_bytes
from beamloom.devices.player import ZmqPlayer
from beamloom.devices.series.endless import EndlessSeries, read_mark
from beamloom.devices.sources.endless_zeromq import EndlessZmqSource
from beamloom.devices.zeromq import ZmqSource
from beamloom.events import Malformed, Packet, PacketKind

TYP = "karabo"
NEXT: Final = b"next"
"""The request for a train."""


class KaraboSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stream of the device ``karabo`` in the pipeline file."""

    url: str
    """Where the bridge listens, for example ``tcp://bridge.example.org:4545``."""
    socket: Literal["REQ", "SUB", "PULL"] = "REQ"
    """How the bridge sends: REQ asks for each train (a bridge with REP), SUB listens to all (PUB), PULL shares them with others (PUSH)."""
    source: str | None = None
    """The Karabo source whose train id numbers the trains; by default that of the first source in the message."""
    numbered: bool = True
    """Whether a train id that is left out is a train that was missed; false gives each train that arrives the next number."""
    receive_queue: int = 10
    """Messages that wait in this process, 0 for no limit; with REQ there is one at most. With SUB, what does not fit is dropped, and
    seen as a gap. They count in memory: ten trains of 125 MB are 1.25 GB."""


class KaraboStart(Fields):
    """What the first train looked like."""

    packet_kind = PacketKind.START

    sources: dict[str, dict[str, Any]]
    """For each source its arrays, each with ``dtype`` and ``shape``."""


class KaraboTrain(Fields):
    """The data of one train."""

    train_id: int | None
    data: dict[str, dict[str, Any]]
    """For each source its values by name; arrays are read-only."""
    meta: dict[str, dict[str, Any]]
    """For each source its time stamps."""


class KaraboEnd(Fields):
    """The run has all the trains that it is for."""

    packet_kind = PacketKind.END


KaraboPacket = KaraboStart | KaraboTrain | KaraboEnd


class _Stamp(msgspec.Struct, gc=False):
    tid: int | None = msgspec.field(default=None, name="timestamp.tid")


class _Head(msgspec.Struct, gc=False):
    """The header of a pair of frames."""

    source: str
    content: str
    metadata: _Stamp | None = None
    path: str = ""
    dtype: str = ""
    shape: tuple[int, ...] = ()


_decode_head = msgspec.msgpack.Decoder(_Head).decode


def _read_head(frame: Any) -> _Head:
    try:
        return _decode_head(frame)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedPacket(f"a header of the message cannot be read: {error}") from None


def _pairs(frames: Sequence[Any]) -> Iterator[tuple[_Head, Any]]:
    if len(frames) % 2:
        raise MalformedPacket(
            f"the message has {len(frames)} frames; headers and what they head come in pairs"
        )
    for index in range(0, len(frames), 2):
        head, body = _read_head(frames[index]), frames[index + 1]
        if head.content == "array":
            if len(body) != size_in_bytes(head.shape, head.dtype):
                raise MalformedPacket(
                    f"{head.source}, {head.path} has {len(body)} bytes, but shape {list(head.shape)} of {head.dtype} takes "
                    f"{size_in_bytes(head.shape, head.dtype)}"
                )
        elif head.content != "msgpack":
            raise MalformedPacket(f"{head.source} sends {head.content!r}; known are msgpack and array")
        yield head, body


def parse(packet: RawPacket) -> KaraboPacket:
    """The packet as objects. Raises MalformedPacket."""
    frames = frames_of(packet, TYP)
    if len(frames) == 1:
        mark = read_mark(frames[0])
        if mark is not None:
            return KaraboStart(**mark[1]) if mark[0] == "start" else KaraboEnd(**mark[1])
        return _parse_single(frames[0])
    train_id: int | None = None
    data: dict[str, dict[str, Any]] = {}
    meta: dict[str, dict[str, Any]] = {}
    for index, (head, body) in enumerate(_pairs(frames)):
        if head.content == "msgpack":
            data[head.source] = read_map(body)
            meta[head.source] = read_map(frames[2 * index]).get("metadata", {})
            if train_id is None and head.metadata is not None:
                train_id = head.metadata.tid
        else:
            data.setdefault(head.source, {})[head.path] = as_image(body, head.shape, head.dtype)
    return KaraboTrain(train_id=train_id, data=data, meta=meta)


def _parse_single(frame: Any) -> KaraboTrain:
    data = read_map(frame)
    if not all(isinstance(values, dict) for values in data.values()):
        raise MalformedPacket("the message is no map of sources")
    meta = {source: values.get("metadata", {}) for source, values in data.items()}
    ids = [
        each["timestamp.tid"] for each in meta.values() if isinstance(each, dict) and "timestamp.tid" in each
    ]
    return KaraboTrain(train_id=ids[0] if ids else None, data=data, meta=meta)


class KaraboReader:
    """Tells which train a message is."""

    def __init__(self, source: str | None = None, numbered: bool = True) -> None:
        self.series = EndlessSeries(TYP)
        self.messages = 0
        """How many messages have come."""
        self._source = source
        self._numbered = numbered

    def take(self, frames: list[Any], items: list[Packet | Malformed]) -> None:
        """Append the train, or what is wrong with it; before the first train the START packet, behind the last the END packet."""
        self.messages += 1
        try:
            train, sources = self._single(frames[0]) if len(frames) == 1 else self._look(frames)
            if self._numbered and train is None:
                which = "its sources" if self._source is None else f"source {self._source!r}"
                raise MalformedPacket(
                    f"{which} came without a train id; write 'numbered: false' for this stream where that is meant"
                )
        except MalformedPacket as problem:
            if self.series.opened:
                self.series.add_malformed(str(problem), frames, items, counted=self._numbered)
            else:
                items.append(Malformed(str(problem), frames))
            return
        self.series.open({"sources": sources, "first_train": train}, items)
        self.series.add(frames, train if self._numbered else None, items)

    def _look(self, frames: Sequence[Any]) -> tuple[int | None, dict[str, dict[str, Any]]]:
        """The train id, and before the first train what arrays there are."""
        train: int | None = None
        sources: dict[str, dict[str, Any]] = {}
        describe = not self.series.opened
        for head, _ in _pairs(frames):
            if train is None and head.metadata is not None and self._source in (None, head.source):
                train = head.metadata.tid or None
            if describe:
                arrays = sources.setdefault(head.source, {})
                if head.content == "array":
                    arrays[head.path] = {"dtype": head.dtype, "shape": head.shape}
        return train, sources

    def _single(self, frame: Any) -> tuple[int | None, dict[str, dict[str, Any]]]:
        train = _parse_single(frame)
        stamps = [meta for source, meta in train.meta.items() if self._source in (None, source)]
        ids = [meta.get("timestamp.tid") for meta in stamps if isinstance(meta, dict)]
        number = next((tid for tid in ids if isinstance(tid, int) and tid), None)
        arrays = {
            source: {
                name: {"dtype": value.dtype.name, "shape": value.shape}
                for name, value in values.items()
                if isinstance(value, np.ndarray)
            }
            for source, values in train.data.items()
        }
        return number, arrays


class KaraboSource(EndlessZmqSource):
    """A connection to a bridge, for one run. With REQ a train is asked for when there is room for it, and none after the last."""

    def __init__(self, settings: KaraboSettings) -> None:
        pattern = {"REQ": zmq.REQ, "SUB": zmq.SUB, "PULL": zmq.PULL}[settings.socket]
        self._reader = KaraboReader(settings.source, settings.numbered)
        connection = ZmqSource(settings.url, pattern, settings.receive_queue, self._reader)
        super().__init__(connection, self._reader.series)
        self._asks = settings.socket == "REQ"
        self._asked_at: int | None = None

    def open(self) -> None:
        """Begin to connect; returns at once. Raises ValueError for an address that cannot be right."""
        super().open()
        if self._asks:
            # A bridge that is started anew has forgotten the request; it may then be sent again.
            self.connection.pollable.set(zmq.REQ_RELAXED, 1)
            self.connection.pollable.set(zmq.REQ_CORRELATE, 1)

    def read(self, limit: int) -> Sequence[Packet | Malformed]:
        """At most ``limit`` items of what has arrived, the least limit being 3; empty when nothing has. Never waits."""
        if not self._asks:
            return super().read(limit)
        items: list[Packet | Malformed] = []
        while len(items) < max(limit - 2, 1) and self._ask():
            before = self._reader.messages
            items += self.connection.read(1)
            if self._reader.messages == before:
                break
            self._asked_at = None
        return items

    def _ask(self) -> bool:
        """Have a request under way; False when none is to be sent."""
        if self._reader.series.closed:
            return False
        connection = self.connection.reconnects
        if self._asked_at != connection:
            try:
                self.connection.pollable.send(NEXT, zmq.DONTWAIT)
            except zmq.Again:
                return False
            self._asked_at = connection
        return True


def simulator(url: str) -> ZmqPlayer:
    """A bridge bound to ``url`` that is asked for each train."""
    return ZmqPlayer(url, zmq.REP, lambda message: True)


def publisher(url: str) -> ZmqPlayer:
    """A bridge bound to ``url`` that sends to everybody, for streams with ``socket: SUB``."""
    return ZmqPlayer(url, zmq.XPUB, lambda message: True)


def generate(
    *,
    trains: int = 10,
    first_train: int = 10_000,
    source: str = "SPB_DET_AGIPD1M-1/CAL/APPEND_CORRECTED",
    shape: Sequence[int] = (4, 16, 8),
    dtype: str = "float32",
    values: Mapping[str, Any] | None = None,
    images: Iterable[Image] | None = None,
    version: Literal["1.0", "2.2"] = "2.2",
) -> Iterator[list[bytes]]:
    """Trains of one source, with ``image.data`` of ``shape`` and ``dtype``, ``image.pulseId`` and the ``values``.

    The images are ``images``, or ``trains`` of them whose pixels all are the number of the train, counted from 0.
    """
    pixels = pixel_type(dtype)
    pictures = (np.full(tuple(shape), index, pixels) for index in range(trains)) if images is None else images
    for index, picture in enumerate(pictures):
        train = first_train + index
        stamp = {"source": source, "timestamp": train / 10, "timestamp.tid": train}
        plain = {"detector.name": source.partition("/")[0], **(values or {})}
        arrays = {"image.data": picture, "image.pulseId": np.arange(len(picture), dtype="uint64")}
        if version == "1.0":
            packed = {
                name: {
                    b"nd": True,
                    b"type": array.dtype.str,
                    b"kind": b"",
                    b"shape": array.shape,
                    b"data": array.tobytes(),
                }
                for name, array in arrays.items()
            }
            yield [msgpack.packb({source: {**plain, **packed, "metadata": stamp}})]
            continue
        head = {"source": source, "content": "msgpack", "metadata": stamp}
        message = [msgpack.packb(head), msgpack.packb(plain)]
        for name, array in arrays.items():
            head = {
                "source": source,
                "content": "array",
                "path": name,
                "dtype": array.dtype.name,
                "shape": list(array.shape),
            }
            message += [msgpack.packb(head), np.ascontiguousarray(array).tobytes()]
        yield message


def source(settings: KaraboSettings) -> KaraboSource:
    """A connection to a bridge."""
    return KaraboSource(settings)


DEVICE = Device(
    name="karabo",
    title="the Karabo bridge of the European XFEL, ZeroMQ REQ, SUB or PULL",
    settings=KaraboSettings,
    source=source,
    simulator=simulator,
    generate=generate,
    parse=parse,
)
