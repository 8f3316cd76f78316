"""Bluesky, the scan software of many facilities: its documents over ZeroMQ, or handed over in the same process.

A message of ``bluesky.callbacks.zmq.Publisher`` is one frame: a prefix, the kind of document and the document, with blanks between. A run
is a ``start`` document, ``descriptor`` documents that name its streams and tell what is in their events, ``event`` documents (or
``event_page``: many in one), and a ``stop`` document. Events of a stream are numbered by ``seq_num``, from 1. Where all data of a stream
are in files, ``stream_resource`` and ``stream_datum`` documents take the place of events (see ``bluesky_files``).

A packet holds the kind of its document, the document as it was sent (pickle, msgpack or JSON, which their first bytes tell apart), and
for an event its descriptor, so that each packet can be read by itself, and where it has data in files, which.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec
import numpy as np
import zmq

from beamloom.devices.bluesky_files import FileRows, keys_in_files
from beamloom.devices.device import Device
from beamloom.devices.fields import Fields, MalformedPacket, RawPacket, frames_of
from beamloom.devices.msgpack_arrays import read_map, write_map
from beamloom.devices.player import ZmqPlayer
from beamloom.devices.unpickle import unpickle
from beamloom.devices.zeromq import ZmqSource
from beamloom.events import Malformed, Packet, PacketKind

TYP = "bluesky"
PASSED_OVER: Final = frozenset({"resource", "datum", "datum_page", "bulk_datum"})
"""Documents that tell where files are in the older way: they are part of no event."""
ASIDE: Final = ("baseline", "_monitor")
"""How the names of streams end that say what was around a scan, not what was measured at its points."""
OPEN_RUNS_KEPT: Final = 100
"""So many runs may be open inside each other."""
DESCRIPTORS_KEPT: Final = 10_000
"""So many streams are known, of all runs together."""


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


def read_document(frame: Any) -> dict[str, Any]:
    """The document in ``frame``, whichever way it was written. Raises MalformedPacket."""
    raw = bytes(frame)
    if raw[:1] == b"{":
        try:
            document = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise MalformedPacket(f"the document is no JSON: {error}") from None
    elif raw[:1] == b"\x80":
        document = unpickle(raw, enums=True)
    else:
        document = read_map(raw)
    if not isinstance(document, dict) or not all(isinstance(name, str) for name in document):
        raise MalformedPacket(f"the document is a {type(document).__name__}, not a dictionary of names")
    return document


class DocumentReader:
    """Tells what the documents of one stream of a run are, and numbers its events.

    Of runs that are open at the same time (inside each other, or left open by one who never stopped them) that one is read whose stream
    is described first; its START packet comes then. One without that stream is read when it stops, unless another began before it.
    """

    def __init__(self, stream_name: str = "primary", prefix: str = "") -> None:
        self.passed_over = 0
        """Documents of other streams, of other runs, and such as are part of no event."""
        self._stream_name = stream_name
        self._prefix = prefix.encode()
        self._run: str | None = None
        self._begun: dict[str, bytes] = {}
        self._descriptors: dict[str, tuple[Any, bytes] | None] = {}
        self._chosen: Any = stream_name
        self._only_files: dict[str, dict[str, Any]] = {}
        self._files = FileRows()
        self._events = 0

    def take(self, frames: list[Any], items: list[Packet | Malformed]) -> None:
        """Append the packets of the message ``frames``, or what is wrong with it."""
        parts = bytes(frames[0]).split(b" ", 2)
        if len(frames) != 1 or len(parts) != 3:
            items.append(Malformed("the message is not a prefix, a kind of document and a document", frames))
            return
        prefix, name, raw = parts
        if self._prefix and prefix != self._prefix:
            self.passed_over += 1
            return
        try:
            self.take_document(name.decode("latin1"), raw, items)
        except MalformedPacket as problem:
            items.append(Malformed(str(problem), frames))

    def take_document(self, name: str, raw: bytes, items: list[Packet | Malformed]) -> None:
        """Append the packets of one document. Raises MalformedPacket."""
        match name:
            case "start":
                self._start(raw, items)
            case "descriptor":
                self._describe(raw, items)
            case "event":
                self._add_event(raw, items)
            case "event_page":
                self._page(read_document(raw), items)
            case "stream_resource":
                self._resource(read_document(raw))
            case "stream_datum":
                self._datum(read_document(raw), items)
            case "stop":
                self._stop(raw, items)
            case _ if name in PASSED_OVER:
                self.passed_over += 1
            case _:
                raise MalformedPacket(f"Bluesky has no documents of the kind {name[:40]!r}")

    def _start(self, raw: bytes, items: list[Packet | Malformed]) -> None:
        uid = read_document(raw).get("uid")
        if not isinstance(uid, str):
            raise MalformedPacket(f"a start document came whose uid is {uid!r}; it has to be a text")
        if self._run is not None:
            self.passed_over += 1
            return
        self._begun[uid] = raw
        if len(self._begun) > OPEN_RUNS_KEPT:
            del self._begun[next(iter(self._begun))]

    def _choose(self, uid: str, stream_name: Any, items: list[Packet | Malformed]) -> None:
        """Read that stream of the run ``uid``, and none of the runs that are open beside it."""
        self._run, self._chosen, self._events = uid, stream_name, 0
        items.append(Packet(TYP, [b"start", self._begun.pop(uid)], None, PacketKind.START))
        self.passed_over += len(self._begun)
        self._begun.clear()

    def _describe(self, raw: bytes, items: list[Packet | Malformed]) -> None:
        descriptor = read_document(raw)
        run = descriptor.get("run_start")
        name = descriptor.get("name", "primary")
        if self._run is not None and run == self._run:
            named = name == self._chosen
        elif self._stream_name:
            named = name == self._stream_name
        else:
            named = isinstance(name, str) and not name.endswith(ASIDE)
        if named and self._run is None and isinstance(run, str) and run in self._begun:
            self._choose(run, name, items)
        if len(self._descriptors) > DESCRIPTORS_KEPT:
            del self._descriptors[next(iter(self._descriptors))]
        # The uid may be anything in a document that was not written by Bluesky.
        self._descriptors[repr(descriptor.get("uid"))] = (run, raw) if named else None
        in_files = keys_in_files(descriptor)
        if named and run == self._run and in_files and len(in_files) == len(descriptor["data_keys"]):
            self._only_files[str(descriptor.get("uid"))] = in_files

    def _descriptor(self, event: Mapping[str, Any]) -> bytes | None:
        """The descriptor of an event; None for one of another stream."""
        uid = repr(event.get("descriptor"))
        if uid not in self._descriptors:
            raise MalformedPacket(f"an event came whose descriptor {uid[:60]} did not come before it")
        run, descriptor = self._descriptors[uid] or (None, None)
        if run is None or run != self._run:
            self.passed_over += 1
            return None
        return descriptor

    def _resource(self, document: Mapping[str, Any]) -> None:
        run = document.get("run_start", self._run)
        if self._run is None or run != self._run:
            self.passed_over += 1
            return
        self._files.add_resource(document)

    def _datum(self, document: Mapping[str, Any], items: list[Packet | Malformed]) -> None:
        """A row of which there is nothing but files is a packet as soon as all its files are told; another one waits for its event."""
        described = self._descriptor(document)
        if described is None:
            return
        descriptor, rows = self._files.add_datum(document)
        keys = self._only_files.get(descriptor)
        for row in self._files.complete(descriptor, keys, rows) if keys else ():
            event = {"uid": f"{descriptor}/{row}", "descriptor": descriptor, "seq_num": row, "time": None}
            raw = written({**event, "data": {}, "timestamps": {}})
            items.append(self._event(raw, row, described, descriptor))

    def _add_event(self, raw: bytes, items: list[Packet | Malformed]) -> None:
        event = read_document(raw)
        described, descriptor = self._descriptor(event), str(event.get("descriptor"))
        if described is None:
            return
        number = event.get("seq_num")
        if self._files.is_done(descriptor, number):
            # A step scan has an event without data beside the datums, which have made its row already.
            self.passed_over += 1
            return
        items.append(self._event(raw, number, described, descriptor))

    def _event(self, raw: bytes, seq_num: Any, described: bytes, descriptor: str) -> Packet:
        # numpy's whole numbers are none of Python's.
        if not isinstance(seq_num, int | np.integer) or isinstance(seq_num, bool) or seq_num < 1:
            raise MalformedPacket(f"the event has the seq_num {seq_num!r}; Bluesky counts from 1")
        self._events += 1
        files = self._files.of_row(descriptor, int(seq_num))
        told = [written(files)] if files else []
        return Packet(TYP, [b"event", raw, described, *told], int(seq_num))

    def _page(self, page: Mapping[str, Any], items: list[Packet | Malformed]) -> None:
        described, descriptor = self._descriptor(page), str(page.get("descriptor"))
        if described is None:
            return
        rows = [
            self._event(raw, seq_num, described, descriptor)
            for raw, seq_num in _rows(page)
            if not self._files.is_done(descriptor, seq_num)
        ]
        items += rows

    def _stop(self, raw: bytes, items: list[Packet | Malformed]) -> None:
        document = read_document(raw)
        run = document.get("run_start")
        if self._run is None and run == next(iter(self._begun), None) and isinstance(run, str):
            self._choose(run, self._stream_name, items)
        if isinstance(run, str):
            self._begun.pop(run, None)
        if self._run is None or run != self._run:
            self.passed_over += 1
            return
        self._run, self._only_files, self._files = None, {}, FileRows()
        counts = document.get("num_events")
        count = counts.get(self._chosen) if isinstance(counts, dict) else None
        # A stream whose rows are in files only has a count, too, and no events.
        number = count + 1 if self._events and type(count) is int and count >= 0 else None
        items.append(Packet(TYP, [b"stop", raw], number, PacketKind.END))


def _rows(page: Mapping[str, Any]) -> Iterator[tuple[bytes, Any]]:
    """The events of a page, each as a document and its number. Raises MalformedPacket unless all columns are of one length."""
    numbers: Any = page.get("seq_num")
    columns = {
        (group, name): column
        for group in ("data", "timestamps", "filled")
        for name, column in _mapping(page.get(group, {})).items()
    }
    lone = {name: page[name] for name in ("uid", "time") if name in page}
    lengths = {
        len(column) if hasattr(column, "__len__") else -1 for column in (*columns.values(), *lone.values())
    }
    if not hasattr(numbers, "__len__") or lengths - {len(numbers)}:
        raise MalformedPacket("the columns of the page are not of one length")
    for index, number in enumerate(numbers):
        row: dict[str, Any] = {
            "descriptor": page.get("descriptor"),
            "seq_num": number,
            "data": {},
            "timestamps": {},
        }
        row |= {name: column[index] for name, column in lone.items()}
        for (group, name), column in columns.items():
            row.setdefault(group, {})[name] = column[index]
        yield written(row), number


def _mapping(value: Any) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise MalformedPacket("the page has no columns")
    return value


def written(document: Mapping[str, Any]) -> bytes:
    """The document as msgpack. Raises MalformedPacket for one that holds what is neither plain nor numpy."""
    try:
        return write_map(document)
    except (TypeError, ValueError, OverflowError) as error:
        raise MalformedPacket(f"the document holds what cannot be written again: {error}") from None


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
        self._player.play([[b" ".join([b"", name.encode(), write_map(document)])]])


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
