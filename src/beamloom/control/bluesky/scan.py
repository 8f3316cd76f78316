"""The Bluesky run that is followed: which of its documents have come, and whether it is over.

It is read as the ingester of the stream reads it, by the same reader, so that both mean the same rows. All documents are kept until the
run is over, as far as there is room: a pipeline that is started again in the middle gets them once more, and has lost nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from beamloom.devices.bluesky.documents import DocumentReader, read_document
from beamloom.devices.fields import MalformedPacket
from beamloom.events import Malformed, Packet, PacketKind

ROOM = 256_000_000
"""Bytes of documents that are kept of a run."""


class Document(NamedTuple):
    """As the RunEngine emitted it, and written as msgpack."""

    name: str
    raw: bytes


class Scan:
    """A Bluesky run, or several inside each other of which the reader chooses one."""

    def __init__(self, stream_name: str, room: int = ROOM) -> None:
        self.uid = ""
        """Of the run whose ``start`` came first."""
        self.rows = 0
        """The number of the last row, from 1."""
        self.ended = False
        """Whether the run that is read, or all that were open, have stopped."""
        self.whole = True
        """Whether all documents are still here."""
        self._reader = DocumentReader(stream_name)
        self._open: set[str] = set()
        self._documents: list[Document] = []
        self._room = room

    @property
    def documents(self) -> tuple[Document, ...]:
        """All that have come, the first of all first; empty where there was no room for them."""
        return tuple(self._documents)

    def take(self, document: Document) -> str | None:
        """Take in the next one; returns what is wrong with it, if anything is."""
        self._keep(document)
        try:
            self._count_open(document)
            items: list[Packet | Malformed] = []
            self._reader.take_document(document.name, document.raw, items)
        except MalformedPacket as problem:
            return str(problem)
        for item in items:
            if isinstance(item, Packet):
                self.ended = self.ended or item.kind is PacketKind.END
                if item.kind is PacketKind.DATA and item.number is not None:
                    self.rows = max(self.rows, item.number)
        return None

    def _keep(self, document: Document) -> None:
        self._room -= len(document.raw)
        if self._room < 0:
            self.whole = False
            self._documents.clear()
        if self.whole:
            self._documents.append(document)

    def _count_open(self, document: Document) -> None:
        if document.name == "start":
            uid = str(read_document(document.raw).get("uid"))
            self.uid = self.uid or uid
            self._open.add(uid)
        elif document.name == "stop":
            self._open.discard(str(read_document(document.raw).get("run_start")))
            self.ended = self.ended or not self._open
