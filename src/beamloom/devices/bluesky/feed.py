"""Bluesky's documents without a socket: a RunEngine and an ingester in the same process.

The RunEngine calls the feed from its own thread and never waits for it; a run of the pipeline reads the feed as its source.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from beamloom.devices.bluesky.documents import DocumentReader, written
from beamloom.devices.fields import MalformedPacket
from beamloom.events import Malformed, Packet, PacketKind


class DocumentFeed:
    """Documents of a RunEngine in this process: ``RE.subscribe(feed)``, and ``feed.source`` where a stream's source is made.

    What the RunEngine emits before a run is armed is kept for it, from the last ``start`` document on; beyond ``limit`` documents the
    newest are counted in ``dropped`` and not kept. The RunEngine never waits.
    """

    def __init__(self, stream_name: str = "primary", limit: int = 1_000_000) -> None:
        self.dropped = 0
        """Documents for which there was no room."""
        self._stream_name = stream_name
        self._limit = limit
        self._lock = threading.Lock()
        self._documents: deque[tuple[str, Mapping[str, Any]]] = deque()
        self._reader: FeedSource | None = None

    def __call__(self, name: str, document: Mapping[str, Any]) -> None:
        """Take a document, as a callback of the RunEngine does."""
        with self._lock:
            if name == "start" and self._reader is None:
                self._documents.clear()
            if len(self._documents) >= self._limit:
                self.dropped += 1
                return
            self._documents.append((name, document))
            if self._reader is not None:
                self._reader.wake()

    def source(self) -> FeedSource:
        """The source of a run."""
        return FeedSource(self, self._stream_name)

    def attach(self, reader: FeedSource) -> None:
        """From now on ``reader`` reads. Raises ValueError while another does."""
        with self._lock:
            if self._reader is not None:
                raise ValueError("these documents are read by another run; close it first")
            self._reader = reader
            if self._documents:
                reader.wake()

    def detach(self, reader: FeedSource) -> None:
        """``reader`` has ended."""
        with self._lock:
            if self._reader is reader:
                self._reader = None

    def pop(self) -> tuple[str, Mapping[str, Any]] | None:
        """The oldest document; None when there is none."""
        with self._lock:
            return self._documents.popleft() if self._documents else None


class FeedSource:
    """The documents of a DocumentFeed, for one run."""

    def __init__(self, feed: DocumentFeed, stream_name: str) -> None:
        self._feed = feed
        self._reader = DocumentReader(stream_name)
        self._in_series = False
        self._fd: int | None = None

    def open(self) -> None:
        """Begin to read. Raises ValueError while another run reads the feed."""
        if self._fd is None:
            self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            try:
                self._feed.attach(self)
            except ValueError:
                self.close()
                raise

    def connected(self) -> bool:
        """Whether the source is open."""
        return self._fd is not None

    def connection_problem(self) -> str | None:
        """None once the source is open."""
        return None if self._fd is not None else "the feed of documents is not open"

    @property
    def pollable(self) -> int:
        """A file descriptor. Raises RuntimeError before ``open`` and after ``close``."""
        if self._fd is None:
            raise RuntimeError("the feed of documents is not open; call open() first")
        return self._fd

    def wake(self) -> None:
        """There is something to read."""
        if self._fd is not None:
            os.eventfd_write(self._fd, 1)

    def read(self, limit: int) -> Sequence[Packet | Malformed]:
        """At most ``limit`` items, but for pages of events, which come whole. Never waits."""
        try:
            os.eventfd_read(self.pollable)
        except BlockingIOError:
            return []
        items: list[Packet | Malformed] = []
        while len(items) < limit and (emitted := self._feed.pop()) is not None:
            before = len(items)
            name, document = emitted
            try:
                self._reader.take_document(name, written(document), items)
            except MalformedPacket as problem:
                items.append(Malformed(str(problem), [repr(emitted).encode()]))
            self._keep_series(items, before)
        if len(items) >= limit:
            self.wake()
        return items

    def _keep_series(self, items: list[Packet | Malformed], start: int) -> None:
        """Discard what comes before the start of a run."""
        for item in items[start:]:
            if isinstance(item, Packet) and item.kind is PacketKind.START:
                self._in_series = True
        if not self._in_series:
            del items[start:]
        if items[start:] and isinstance(items[-1], Packet) and items[-1].kind is PacketKind.END:
            self._in_series = False

    def close(self) -> None:
        """Leave what has not been read to the next run. May be called twice."""
        self._feed.detach(self)
        if self._fd is not None:
            os.close(self._fd)
        self._fd = None
