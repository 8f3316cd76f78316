"""Bluesky, the scan software of many facilities: its documents over ZeroMQ, or handed over in the same process.

A message of ``bluesky.callbacks.zmq.Publisher`` is one frame: a prefix, the kind of document and the document, with blanks between. A run
is a ``start`` document, ``descriptor`` documents that name its streams and tell what is in their events, ``event`` documents (or
``event_page``: many in one), and a ``stop`` document. Events of a stream are numbered by ``seq_num``, from 1. Where all data of a stream
are in files, ``stream_resource`` and ``stream_datum`` documents take the place of events (see ``files``).

A packet holds the kind of its document, the document as it was sent (pickle, msgpack or JSON, which their first bytes tell apart), and
for an event its descriptor, so that each packet can be read by itself, and where it has data in files, which.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec
import zmq

from beamloom.devices.bluesky.documents import TYP, DocumentReader, read_document
from beamloom.devices.device import Device
from beamloom.devices.encodings.msgpack_arrays import write_map
from beamloom.devices.fields import Fields, MalformedPacket, RawPacket, frames_of
from beamloom.devices.player import ZmqPlayer
from beamloom.devices.zeromq import ZmqSource
from beamloom.events import PacketKind


class BlueskySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stream of the device ``bluesky`` in the pipeline file."""

    url: str
    """Where the documents come from, for example ``tcp://127.0.0.1:5578``: the second port of ``bluesky-0MQ-proxy``, or a
    ``beamloom.devices.bluesky.DocumentPublisher``."""
    stream_name: str = "primary"
    """The stream of the Bluesky run whose rows are packets; those of others (baseline, monitors) are passed over. Empty: whichever is
    described first in a run and is neither ``baseline`` nor a monitor, for plans that name their streams in their own ways."""
    prefix: str = ""
    """Only messages with this prefix are read; by default all are."""
    receive_queue: int = 0
    """Messages that wait in this process, 0 for no limit. The sender cannot be made to wait: what does not fit is dropped unseen."""


class BlueskyStart(Fields):
    """A run begins."""

    packet_kind = PacketKind.START

    uid: str
    time: float
    scan_id: int
    plan_name: str
    detectors: list[str]
    motors: list[str]
    hints: dict[str, Any]


class BlueskyEvent(Fields):
    """One row of a stream."""

    uid: str
    descriptor: str
    """The uid of the descriptor."""
    seq_num: int
    time: float | None
    """Seconds since 1970; None for a row of which only files are told."""
    data: dict[str, Any]
    timestamps: dict[str, Any]
    described: dict[str, Any]
    """The descriptor: ``data_keys``, ``configuration``, ``object_keys``, ``hints``."""
    files: dict[str, dict[str, Any]]
    """For each data key whose value is in a file: ``uri``, ``mimetype``, ``parameters`` (the dataset, ...), and the ``index`` in it."""


class BlueskyStop(Fields):
    """A run has ended; ``exit_status`` says whether it was a success."""

    packet_kind = PacketKind.END

    run_start: str
    exit_status: str
    reason: str
    num_events: dict[str, int]


BlueskyPacket = BlueskyStart | BlueskyEvent | BlueskyStop

_CLASSES: Final[Mapping[str, type[BlueskyPacket]]] = {
    "start": BlueskyStart,
    "event": BlueskyEvent,
    "stop": BlueskyStop,
}


def parse(packet: RawPacket) -> BlueskyPacket:
    """The packet as objects. Raises MalformedPacket; nothing that a pickle asks for is run."""
    frames = frames_of(packet, TYP)
    kind = bytes(frames[0]).decode("latin1")
    if kind not in _CLASSES or len(frames) not in ((3, 4) if kind == "event" else (2,)):
        raise MalformedPacket(
            f"a packet of {len(frames)} frames that begins with {kind[:20]!r} is no document"
        )
    document = read_document(frames[1])
    if kind == "event":
        document["described"] = read_document(frames[2])
        document["files"] = read_document(frames[3]) if len(frames) == 4 else {}
    return _CLASSES[kind](**document)


class DocumentPublisher:
    """Sends documents to streams that connect to it, without a proxy: ``RE.subscribe(DocumentPublisher("tcp://127.0.0.1:5578"))``.

    It binds to ``url``; port 0 picks a free one. Documents travel as msgpack, so that nobody has to trust a pickle.
    """

    def __init__(self, url: str) -> None:
        self._player = ZmqPlayer(url, zmq.XPUB, lambda message: b" event" in message[0][:64])
        self.wait_for_client = self._player.wait_for_client
        self.play = self._player.play
        self.close = self._player.close

    @property
    def url(self) -> str:
        """Where streams connect to, with the port that was really bound."""
        return self._player.url

    def __call__(self, name: str, document: Mapping[str, Any]) -> None:
        """Send a document, as a callback of the RunEngine does. Raises TypeError for values that are neither plain nor numpy."""
        self.send(name, write_map(document))

    def send(self, name: str, raw: bytes) -> None:
        """Send a document that is written already."""
        self._player.play([[b" ".join([b"", name.encode(), raw])]])

    @property
    def arrivals(self) -> int:
        """How many streams have connected so far, those that are gone again among them."""
        return self._player.arrivals


_WRITERS: Final[Mapping[str, Callable[[Any], bytes]]] = {
    "pickle": pickle.dumps,
    "msgpack": write_map,
    "json": lambda document: json.dumps(document, default=lambda value: value.tolist()).encode(),
}


def generate(
    *,
    rows: int = 10,
    motor: str = "x",
    detector: str = "det",
    stream_name: str = "primary",
    page: int | None = None,
    serializer: Literal["pickle", "msgpack", "json"] = "pickle",
    prefix: str = "",
    exit_status: str = "success",
    uid: str = "0c5e6d1a-8f43-4c02-9d5b-2f6a1e7b3c90",
    begun: float = 1_700_000_000.0,
) -> Iterator[list[bytes]]:
    """A run: start, descriptor, ``rows`` events (in pages of ``page`` events where that is given), stop.

    In row n, from 0, ``motor`` is at n/2 and ``detector`` reads n squared. ``uid`` is that of the run; ``begun`` in seconds since 1970.
    """
    write = _WRITERS[serializer]

    def message(name: str, document: Mapping[str, Any]) -> list[bytes]:
        return [b" ".join([prefix.encode(), name.encode(), write(document)])]

    descriptor = f"{uid}/{stream_name}"
    plan = {"plan_name": "scan", "detectors": [detector], "motors": [motor], "num_points": rows, "hints": {}}
    yield message("start", {"uid": uid, "time": begun, "scan_id": 1, **plan})
    key = {"source": "SIM", "dtype": "number", "shape": []}
    keys = {"data_keys": {motor: key, detector: key}, "configuration": {}, "hints": {}, "object_keys": {}}
    yield message(
        "descriptor", {"uid": descriptor, "run_start": uid, "time": begun, "name": stream_name, **keys}
    )
    events = [
        {
            "uid": f"{descriptor}/{n + 1}",
            "descriptor": descriptor,
            "seq_num": n + 1,
            "time": begun + n,
            "data": {motor: n / 2, detector: n * n},
            "timestamps": {motor: begun + n, detector: begun + n},
            "filled": {},
        }
        for n in range(rows)
    ]
    if page is None:
        for event in events:
            yield message("event", event)
    else:
        for first in range(0, rows, page):
            yield message("event_page", _page_of(events[first : first + page]))
    counts = {"num_events": {stream_name: rows}}
    yield message(
        "stop",
        {"uid": f"{uid}/stop", "run_start": uid, "time": begun, "exit_status": exit_status, **counts},
    )


def _page_of(events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    def columns(group: str) -> dict[str, list[Any]]:
        return {name: [event[group][name] for event in events] for name in events[0][group]}

    lone = {name: [event[name] for event in events] for name in ("uid", "seq_num", "time")}
    groups = {group: columns(group) for group in ("data", "timestamps", "filled")}
    return {"descriptor": events[0]["descriptor"], **lone, **groups}


def source(settings: BlueskySettings) -> ZmqSource:
    """A connection to a proxy or publisher of documents."""
    reader = DocumentReader(settings.stream_name, settings.prefix)
    return ZmqSource(settings.url, zmq.SUB, settings.receive_queue, reader)


def simulator(url: str) -> DocumentPublisher:
    """A publisher of documents bound to ``url``."""
    return DocumentPublisher(url)


DEVICE = Device(
    name="bluesky",
    title="documents of Bluesky, ZeroMQ SUB",
    settings=BlueskySettings,
    source=source,
    simulator=simulator,
    generate=generate,
    parse=parse,
)
