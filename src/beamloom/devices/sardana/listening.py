"""What is posted at an address, as a source of packets."""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Sequence

import msgspec

from beamloom.devices.sardana.packets import read_object
from beamloom.devices.sardana.scans import Listeners, ScanReader, ScanShelf
from beamloom.events import Bearing, Malformed, Packet, PacketKind


class SardanaSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stream of the device ``sardana`` in the pipeline file."""

    url: str
    """Where this stream listens for Sardana's posts, for example ``http://127.0.0.1:8000``, or ``http://0.0.0.0:8000`` for posts from
    other machines."""
    scans_per_run: int = 1
    """How many scans belong to one run; what is posted after them waits for the next run. 0 for any number."""
    keep_seconds: float = 10.0
    """How old the last post of a scan may be that a run still reads when it is armed after it."""
    keep_bytes: int = 64 * 2**20
    """How much may wait to be read, in bytes; beyond that the oldest scan is dropped, and a scan that is being read takes no more."""
    numbered: bool = True
    """Whether ``point_nb`` counts the points one by one; false for scans that number them in another way."""


class SardanaSource:
    """What Sardana posts, for one run. The server that takes the posts stays when the run is over."""

    def __init__(self, settings: SardanaSettings, listeners: Listeners) -> None:
        self._settings = settings
        self._listeners = listeners
        self._shelf: ScanShelf | None = None
        self._reader = ScanReader(self._wake, settings.scans_per_run)
        self._fd: int | None = None
        self._serialno: int | None = None
        self._wanted: Bearing | None = None
        self._first = 0
        self._foreign = False

    # ---- going on where another source was: a recorder that knows that its stream was started again posts the scan once more ----

    @property
    def bearing(self) -> Bearing | None:
        """The number of the scan; as of a RereadableSource."""
        return None if self._serialno is None else {"serialno": self._serialno}

    def reread(self, bearing: Bearing | None, first: int) -> None:
        """Called before ``open``: only this scan is read, from point ``first`` on, 1 being the first; as of a RereadableSource."""
        if not self._settings.numbered or self._settings.scans_per_run != 1:
            raise ValueError(
                "its points have no numbers of their own that would tell their events, or the run has several scans"
            )
        self._wanted, self._first = bearing, first

    def stand(self) -> None:
        """Read any number of scans: who reads them knows where each ends."""
        self._reader.scans_left = None

    def open(self) -> None:
        """Listen. Raises ValueError with a sentence for an address that cannot be listened on."""
        if self._fd is not None:
            return
        host, port = _host_and_port(self._settings.url)
        shelf = self._listeners.at(host, port, self._settings.keep_bytes).shelf
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        try:
            shelf.attach(self._reader, self._settings.keep_seconds)
        except ValueError:
            self.close()
            raise
        self._shelf = shelf

    def connected(self) -> bool:
        """Whether posts are taken; Sardana connects anew for each of them."""
        return self._shelf is not None

    def connection_problem(self) -> str | None:
        """Why no posts are taken, in a sentence; None when they are."""
        return None if self._shelf is not None else f"nothing listens at {self._settings.url} at present"

    @property
    def pollable(self) -> int:
        """A file descriptor. Raises RuntimeError before ``open`` and after ``close``."""
        if self._fd is None:
            raise RuntimeError(f"nothing listens at {self._settings.url} for this run; call open() first")
        return self._fd

    def read(self, limit: int) -> Sequence[Packet | Malformed]:
        """At most ``limit`` items of what was posted, oldest first; empty when nothing was. Never waits."""
        fd = self.pollable
        try:
            os.eventfd_read(fd)
        except BlockingIOError:
            return []
        items = self._shelf.read(self._reader, limit) if self._shelf is not None else []
        items = [item for item in items if self._takes(item)]
        if not self._settings.numbered:
            for item in items:
                if isinstance(item, Packet):
                    item.number = None
        return items

    def _takes(self, item: Packet | Malformed) -> bool:
        """Whether it is for this run: for a source that goes on where another one was, not all is."""
        if isinstance(item, Packet) and item.kind is PacketKind.START:
            self._serialno = read_object(item.frames[0])[0].get("serialno")
            self._foreign = self._wanted is not None and self._wanted != self.bearing
        behind = isinstance(item, Packet) and item.number is not None and item.number < self._first
        return not (self._foreign or behind)

    def close(self) -> None:
        """Leave the posts to the next run. May be called twice."""
        if self._shelf is not None:
            self._shelf.detach(self._reader)
        self._shelf = None
        if self._fd is not None:
            os.close(self._fd)
        self._fd = None

    def _wake(self) -> None:
        if self._fd is not None:
            os.eventfd_write(self._fd, 1)


def _host_and_port(url: str) -> tuple[str, int]:
    parts = urllib.parse.urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme != "http" or not parts.hostname or not port or parts.path not in ("", "/"):
        raise ValueError(f"{url!r} is no address to listen on; write it like http://127.0.0.1:8000")
    return parts.hostname, port


class Listening:
    """The port of a stream, open from the start of its ingester, so that what is posted before the first run is kept, too."""

    def __init__(self, settings: SardanaSettings, listeners: Listeners) -> None:
        """Listens at once. Raises ValueError with a sentence for an address that cannot be listened on."""
        self._listeners = listeners
        self._address = _host_and_port(settings.url)
        listeners.at(*self._address, settings.keep_bytes)

    def close(self) -> None:
        """Release the port."""
        self._listeners.release(*self._address)
