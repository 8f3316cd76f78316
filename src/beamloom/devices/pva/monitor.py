"""The monitor of a process variable, as a source of packets."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import threading
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from beamloom.devices.pva.lookout import Lookout
from beamloom.devices.pva.reader import NTNDArrayReader
from beamloom.errors import UsageError
from beamloom.events import Malformed, Packet

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
