"""Reading the documents of Bluesky: which belong to the rows of one stream, and what number each row has."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from beamloom.devices.bluesky.files import FileRows, keys_in_files
from beamloom.devices.encodings.msgpack_arrays import read_map, write_map
from beamloom.devices.fields import MalformedPacket
from beamloom.devices.pickles.unpickle import unpickle
from beamloom.events import Bearing, Malformed, Packet, PacketKind

TYP = "bluesky"
PASSED_OVER: Final = frozenset({"resource", "datum", "datum_page", "bulk_datum"})
"""Documents that tell where files are in the older way: they are part of no event."""
ASIDE: Final = ("baseline", "_monitor")
"""How the names of streams end that say what was around a scan, not what was measured at its points."""
OPEN_RUNS_KEPT: Final = 100
"""So many runs may be open inside each other."""
DESCRIPTORS_KEPT: Final = 10_000
"""So many streams are known, of all runs together."""
DOCUMENTS_TOLD: Final = 100
"""So many descriptors and resources of a run are told to the ingester that goes on where this one was."""


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
    One that is read and silent while another begins and stops, and a third one begins, was left open, as by a RunEngine that was killed:
    it is over then.
    """

    def __init__(self, stream_name: str = "primary", prefix: str = "") -> None:
        self.passed_over = 0
        """Documents of other streams, of other runs, and such as are part of no event."""
        self._stream_name = stream_name
        self._prefix = prefix.encode()
        self._run: str | None = None
        self._begun: dict[str, bytes] = {}
        self._beside: str | None = None
        self._beside_is_over = False
        self._descriptors: dict[str, tuple[Any, bytes | None]] = {}
        self._chosen: Any = stream_name
        self._only_files: dict[str, dict[str, Any]] = {}
        self._files = FileRows()
        self._events = 0
        self._bearing: Bearing | None = None

    @property
    def bearing(self) -> Bearing | None:
        """As of a ResumableSource: the run that is read, and what its rows need to be read by themselves."""
        return self._bearing

    def resume(self, bearing: Bearing, *, one_series: bool) -> int:
        """As of a ResumableSource; a sender may also send the run anew from its ``start`` on."""
        if not one_series:
            raise ValueError(
                "its rows are counted in each run of Bluesky anew, and this run may hold several"
            )
        self._run, self._chosen = bearing["run"], bearing["stream"]
        for name, raw in bearing["documents"]:
            self.take_document(name, raw, [])
        return 0

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
                self._resource(raw)
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
        if self._run is not None and self._beside_is_over:
            self._leave(items)
        if self._run is not None:
            self.passed_over += 1
            self._beside = self._beside or uid
            return
        self._begun[uid] = raw
        if len(self._begun) > OPEN_RUNS_KEPT:
            del self._begun[next(iter(self._begun))]

    def _leave(self, items: list[Packet | Malformed]) -> None:
        """Nobody will stop the run that is read."""
        told = {
            "run_start": self._run,
            "exit_status": "fail",
            "reason": "the run was never stopped; others came",
        }
        self._forget_run()
        items.append(Packet(TYP, [b"stop", written(told)], None, PacketKind.END))

    def _forget_run(self) -> None:
        self._run, self._only_files, self._files, self._bearing = None, {}, FileRows(), None
        self._beside, self._beside_is_over = None, False

    def _goes_on(self) -> None:
        """A document of the run that is read has come."""
        self._beside, self._beside_is_over = None, False

    def _choose(self, uid: str, stream_name: Any, items: list[Packet | Malformed]) -> None:
        """Read that stream of the run ``uid``, and none of the runs that are open beside it."""
        self._run, self._chosen, self._events = uid, stream_name, 0
        self._bearing = {"run": uid, "stream": stream_name, "documents": []}
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
        self._descriptors[repr(descriptor.get("uid"))] = (run, raw if named else None)
        if run == self._run:
            self._goes_on()
        if named and run == self._run:
            self._bear_in_mind("descriptor", raw)
        in_files = keys_in_files(descriptor)
        if named and run == self._run and in_files and len(in_files) == len(descriptor["data_keys"]):
            self._only_files[str(descriptor.get("uid"))] = in_files

    def _descriptor(self, event: Mapping[str, Any]) -> bytes | None:
        """The descriptor of an event; None for one of another stream."""
        uid = repr(event.get("descriptor"))
        if uid not in self._descriptors:
            raise MalformedPacket(f"an event came whose descriptor {uid[:60]} did not come before it")
        run, descriptor = self._descriptors[uid]
        if run is not None and run == self._run:
            self._goes_on()
        if run is None or run != self._run or descriptor is None:
            self.passed_over += 1
            return None
        return descriptor

    def _bear_in_mind(self, name: str, raw: bytes) -> None:
        """What comes after this document is read by it."""
        told = self._bearing or {"run": self._run, "stream": self._chosen, "documents": []}
        # A new one each time: the one before was told to others, who compare.
        self._bearing = {**told, "documents": [*told["documents"], [name, raw]][-DOCUMENTS_TOLD:]}

    def _resource(self, raw: bytes) -> None:
        document = read_document(raw)
        run = document.get("run_start", self._run)
        if self._run is None or run != self._run:
            self.passed_over += 1
            return
        self._files.add_resource(document)
        self._bear_in_mind("stream_resource", raw)

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
            self._beside_is_over = self._beside_is_over or (run is not None and run == self._beside)
            return
        self._forget_run()
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
