"""Sardana, the scan software of many beamlines: its recorder posts JSON over HTTP, and the stream is the server that it posts to.

``/v1/data_desc`` describes a scan that begins, ``/v1/record_data`` is one point of it, ``/v1/record_end`` ends it. A packet is the posted
object with its kind as the first entry: ``"type": "DataDescription" | "RecordData" | "RecordEnd"``. Points are numbered by ``point_nb``,
from 0, where they have it.
"""

from __future__ import annotations

import json
import os
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from beamloom.devices.device import Device
from beamloom.devices.fields import Fields, MalformedPacket, RawPacket, frames_of
from beamloom.devices.sardana.scans import Answer, Listeners, ScanReader, ScanShelf
from beamloom.devices.simulating.pace import Pace
from beamloom.events import Bearing, Malformed, Packet, PacketKind

TYP = "sardana"


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


class SardanaDataDescription(Fields):
    """A scan begins."""

    packet_kind = PacketKind.START

    serialno: int
    """The number of the scan."""
    scandir: str
    title: str
    """The command that was typed."""
    column_desc: list[dict[str, Any]]
    """For each column of the scan its name, label, type and shape."""
    ref_moveables: list[str]
    """The motors that are scanned."""


class SardanaRecordData(Fields):
    """One point of a scan: a field for each motor and each channel.

    Channels are named by their Tango address: ``dict(packet)["tango://..."]``.
    """

    timestamp: float
    """Seconds since the scan began."""
    point_nb: int


class SardanaRecordEnd(Fields):
    """A scan has ended."""

    packet_kind = PacketKind.END

    endtime: str
    deadtime: float
    """Percent of the time in which nothing was measured."""
    interrupted: bool
    """Only there, and true, when the scan was never ended: another one began."""


SardanaPacket = SardanaDataDescription | SardanaRecordData | SardanaRecordEnd

_CLASSES: Final[Mapping[str, type[SardanaPacket]]] = {
    "DataDescription": SardanaDataDescription,
    "RecordData": SardanaRecordData,
    "RecordEnd": SardanaRecordEnd,
}
_TYPES: Final[Mapping[str, str]] = {
    "data_desc": "DataDescription",
    "record_data": "RecordData",
    "record_end": "RecordEnd",
}
BROKEN_OFF: Final = Packet(TYP, [b'{"type":"RecordEnd","interrupted":true}'], None, PacketKind.END)
"""The end of a scan that was never ended."""


def parse(packet: RawPacket) -> SardanaPacket:
    """The packet as objects. Raises MalformedPacket."""
    fields, _ = _read(frames_of(packet, TYP)[0])
    kind = fields.get("type")
    if not isinstance(kind, str) or kind not in _CLASSES:
        raise MalformedPacket(f"the packet has the type {kind!r}; known are {', '.join(_CLASSES)}")
    return _CLASSES[kind](**fields)


def _read(body: Any) -> tuple[dict[str, Any], bool]:
    """The posted object, and whether it is JSON by the standard: Python's own writes NaN too. Raises MalformedPacket."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any]), True
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        fields = json.loads(bytes(body))
    except (ValueError, RecursionError) as error:
        raise MalformedPacket(f"the post is no JSON: {error}") from None
    if not isinstance(fields, dict):
        raise MalformedPacket(f"the post holds a {type(fields).__name__}, not an object with named entries")
    return fields, False


def _number(fields: Mapping[str, Any]) -> int | None:
    """The place of a point in its scan, 1 for the first."""
    point = fields.get("point_nb")
    if isinstance(point, float) and point.is_integer():
        point = int(point)
    if not isinstance(point, int) or isinstance(point, bool):
        return None
    if point < 0:
        raise MalformedPacket(f"the point has point_nb {point}; Sardana counts from 0")
    return point + 1


def take_post(shelf: ScanShelf, route: str, body: bytes) -> Answer:
    """Put a post on the shelf."""
    if route == "custom_data":
        return Answer(False, "custom data is part of no stream")
    if route not in _TYPES:
        known = ", ".join(f"/v1/{each}" for each in (*_TYPES, "custom_data"))
        return Answer(False, f"nothing is posted to /v1/{route}; known are {known}", 404)
    try:
        fields, standard = _read(body or b"{}")
        number = _number(fields) if route == "record_data" else None
    except MalformedPacket as problem:
        # Whether it stood in the place of a point, the numbers of those after it tell; where there are none, it did.
        shelf.post(
            Malformed(str(problem), [body], takes_place=route == "record_data" and b'"point_nb"' not in body)
        )
        return Answer(False, str(problem), 400)
    fields = {"type": _TYPES[route], **{name: value for name, value in fields.items() if name != "type"}}
    frame = msgspec.json.encode(fields) if standard else json.dumps(fields).encode()
    return shelf.post(Packet(TYP, [frame], number, _CLASSES[_TYPES[route]].packet_kind))


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
            self._serialno = _read(item.frames[0])[0].get("serialno")
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


class SardanaRecorder:
    """Posts as Sardana's recorder does. A message is a route and a body: ``[b"/v1/record_data", b"{...}"]``."""

    def __init__(self, url: str) -> None:
        """``url`` is where a stream will listen; for port 0 a free one is chosen."""
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "tcp") or not parts.hostname:
            raise ValueError(f"a simulator cannot post to {url!r}; write it like http://127.0.0.1:8000")
        host = "127.0.0.1" if parts.hostname == "0.0.0.0" else parts.hostname
        port = 0 if parts.netloc.endswith(":*") else parts.port or 0
        if not port:
            with socket.create_server((host, 0)) as free:
                port = free.getsockname()[1]
        self._address = (host, port)
        self._closed = False
        self.answers: list[dict[str, Any]] = []
        """What the stream answered to the last messages that were played."""

    @property
    def url(self) -> str:
        """Where the stream has to listen."""
        return f"http://{self._address[0]}:{self._address[1]}"

    def wait_for_client(self, timeout: float) -> None:
        """Return when the stream listens; raises TimeoutError after ``timeout`` seconds."""
        end = time.monotonic() + timeout
        while True:
            try:
                socket.create_connection(self._address, timeout).close()
            except OSError:
                if time.monotonic() > end:
                    raise TimeoutError(f"nothing listens at {self.url} within {timeout:g} s") from None
                time.sleep(0.01)
            else:
                return

    def play(self, messages: Iterable[Sequence[bytes]], *, rate: float | None = None) -> int:
        """Post the messages, at most ``rate`` points per second; returns how many were posted."""
        self.answers = []
        pace = None if rate is None else Pace(rate, time.sleep)
        for route, body in messages:
            if self._closed:
                break
            if pace is not None and route == b"/v1/record_data":
                pace.wait()
            self.answers.append(self._post(route.decode(), body))
        return len(self.answers)

    def _post(self, route: str, body: bytes) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + route, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                answer: dict[str, Any] = msgspec.json.decode(response.read())
        except urllib.error.HTTPError as error:
            with error:
                answer = {"status": error.code, **msgspec.json.decode(error.read())}
        return answer

    def close(self) -> None:
        """Post no more. May be called twice."""
        self._closed = True


def generate(
    *,
    points: int = 11,
    positions: Iterable[float] | None = None,
    motor: str = "tom_ry",
    channel: str = "tango://127.0.0.1:10000/expchan/diode/1",
    serialno: int = 1,
    scandir: str = "/data/raw/sample",
    first_point: int = 0,
    numbered: bool = True,
    ended: bool = True,
) -> Iterator[list[bytes]]:
    """A scan: description, a post for each of ``positions`` (``points`` of them in steps of 18 degrees), end.

    Each point has the position of ``motor`` and the reading of ``channel``, which is twice the position.
    """
    angles = [18.0 * step for step in range(points)] if positions is None else list(positions)
    columns = [
        {"name": "point_nb", "label": "#Pt No", "dtype": "int64", "shape": []},
        {"name": motor, "label": motor, "dtype": "float64", "shape": [], "is_reference": True},
        {"name": channel, "label": "diode", "dtype": "float64", "shape": []},
    ]
    description = {
        "serialno": serialno,
        "scandir": scandir,
        "title": f"ascan {motor} {len(angles)} points",
        "column_desc": columns,
        "ref_moveables": [motor],
    }
    yield [b"/v1/data_desc", msgspec.json.encode(description)]
    for index, angle in enumerate(angles):
        point = {"point_nb": first_point + index} if numbered else {}
        record = {"timestamp": 0.1 * (index + 1), **point, channel: 2 * angle, motor: angle}
        yield [b"/v1/record_data", msgspec.json.encode(record)]
    if ended:
        yield [b"/v1/record_end", b'{"endtime":"Mon Oct 28 15:02:41 2024","deadtime":4.8}']


LISTENERS: Final = Listeners(take_post, BROKEN_OFF)
"""The listeners of the streams of this process. They outlive the runs, and end with their ingesters or with ``LISTENERS.close()``."""


def source(settings: SardanaSettings) -> SardanaSource:
    """The posts of one run."""
    return SardanaSource(settings, LISTENERS)


def prepare(settings: SardanaSettings) -> Listening:
    """Listen from now on."""
    return Listening(settings, LISTENERS)


DEVICE = Device(
    name="sardana",
    title="the scan software Sardana, HTTP server that its recorder posts to",
    settings=SardanaSettings,
    source=source,
    simulator=SardanaRecorder,
    generate=generate,
    parse=parse,
    prepare=prepare,
    bind="http://127.0.0.1:*",
)
