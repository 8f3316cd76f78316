"""The scans that scan software has posted and that no run has read yet, and the HTTP server that takes them.

Scan software posts when it scans, whether or not a run is armed at that moment, and it does not post twice. So what it posts belongs
to a listener that lives as long as the process, not to a run: a run that is armed a moment after its scan began reads the scan from
its beginning. Invariant: each scan is read by one run at most, and whatever is not kept is counted, logged and told to the sender.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from beamloom.events import Malformed, Packet, PacketKind, frame_bytes

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

logger = logging.getLogger(__name__)

LARGEST_BODY: Final = 64 * 2**20
"""Bytes of the largest post that is taken."""

Item = Packet | Malformed


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the sender of a post is told."""

    kept: bool
    reason: str | None = None
    """Why the post was not kept."""
    status: int = 200
    unknown_scan: bool = False
    """Whether the description of its scan has not come, as where this process was started since: the sender may tell all of it again."""


class Scan:
    """One scan, from its description on."""

    def __init__(self, now: float) -> None:
        self.items: deque[tuple[Item, int]] = deque()
        self.nbytes = 0
        self.ended = False
        self.abandoned: str | None = None
        """Why nobody will read what is still posted."""
        self.last_post = now

    def put(self, item: Item, now: float) -> None:
        """One more post."""
        size = sum(map(frame_bytes, item.frames))
        self.items.append((item, size))
        self.nbytes += size
        self.last_post = now

    def take(self) -> Item:
        """The oldest post that has not been read."""
        item, size = self.items.popleft()
        self.nbytes -= size
        return item


class ScanReader:
    """The run that reads at present."""

    def __init__(self, wake: Callable[[], None], scans: int) -> None:
        self.wake = wake
        self.scans_left = scans if scans else None
        """How many scans the run may still begin; None for any number."""
        self.scan: Scan | None = None


class ScanShelf:
    """Scans in the order in which they were posted; bounded in bytes. Posts and reads may come from different threads."""

    def __init__(
        self, name: str, limit_bytes: int, broken_off: Packet, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``broken_off`` ends a scan that its sender never ended, when the next one begins."""
        self.dropped_scans = 0
        """Scans that no run has read: too old, or no room for them."""
        self.discarded = 0
        """Posts that belonged to no scan, or to one that nobody reads any more."""
        self.limit_bytes = limit_bytes
        self._name = name
        self._broken_off = broken_off
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: deque[Scan] = deque()
        self._posted: Scan | None = None
        self._reader: ScanReader | None = None

    # ---- posts ------------------------------------------------------------------------------------------------------------------

    def post(self, item: Item) -> Answer:
        """Take a post: a START packet begins a scan, an END packet ends it, all others belong to the scan that was begun last."""
        with self._lock:
            now = self._clock()
            begins = isinstance(item, Packet) and item.kind is PacketKind.START
            if begins:
                if self._posted is not None and self._posted.abandoned is None:
                    self._posted.put(self._broken_off, now)
                    self._posted.ended = True
                self._posted = Scan(now)
                self._waiting.append(self._posted)
            scan = self._posted
            if scan is None:
                self.discarded += 1
                reason = "no scan has begun: its description (/v1/data_desc) has to come first"
                return Answer(False, reason, unknown_scan=True)
            if scan.abandoned is not None:
                self.discarded += 1
                return Answer(False, scan.abandoned)
            size = sum(map(frame_bytes, item.frames))
            if not self._make_room(size, scan):
                self.discarded += 1
                if begins:
                    self._drop(scan, f"it does not fit into keep_bytes, {self.limit_bytes} bytes")
                reason = f"{self.limit_bytes} bytes of this scan wait to be read; is its run still reading?"
                return Answer(False, reason, 507)
            scan.put(item, now)
            if isinstance(item, Packet) and item.kind is PacketKind.END:
                scan.ended = True
                self._posted = None
            self._wake()
            return Answer(True)

    def _make_room(self, size: int, scan: Scan) -> bool:
        """Whether ``scan`` may grow by ``size`` bytes; older ones make room for it."""
        while self._held() + size > self.limit_bytes:
            oldest = next((each for each in self._waiting if each is not scan), None)
            if oldest is None:
                return False
            self._drop(oldest, f"more than {self.limit_bytes} bytes (keep_bytes) wait to be read")
        return True

    def _held(self) -> int:
        read = self._reader.scan if self._reader is not None else None
        return sum(scan.nbytes for scan in self._waiting) + (read.nbytes if read is not None else 0)

    def _drop(self, scan: Scan, why: str) -> None:
        self._waiting.remove(scan)
        self.dropped_scans += 1
        scan.abandoned = f"this scan was dropped: {why}"
        logger.warning(
            "%s: a scan of %d posts that no run has read is dropped: %s", self._name, len(scan.items), why
        )

    def _wake(self) -> None:
        reader = self._reader
        if reader is not None and (reader.scan is not None or reader.scans_left != 0):
            reader.wake()

    # ---- the run that reads -----------------------------------------------------------------------------------------------------

    def attach(self, reader: ScanReader, keep_seconds: float) -> None:
        """From now on ``reader`` reads, first what has been posted before.

        Scans whose last post is more than ``keep_seconds`` old belong to no run and are dropped. Raises ValueError while another reads.
        """
        with self._lock:
            if self._reader is not None:
                raise ValueError(
                    f"{self._name} is read by another stream already; give each stream a port of its own"
                )
            now = self._clock()
            for scan in [each for each in self._waiting if now - each.last_post > keep_seconds]:
                age = f"{now - scan.last_post:.0f} s"
                self._drop(
                    scan, f"its last post is {age} older than the run (keep_seconds is {keep_seconds:g})"
                )
            self._reader = reader
            if self._waiting:
                self._wake()

    def detach(self, reader: ScanReader) -> None:
        """``reader`` has ended; what is left of the scan that it was reading is for nobody."""
        with self._lock:
            if self._reader is not reader:
                return
            self._reader = None
            scan, reader.scan = reader.scan, None
            if scan is not None:
                self.discarded += len(scan.items)
                scan.items.clear()
                scan.abandoned = "the run that read this scan is over"

    def read(self, reader: ScanReader, limit: int) -> list[Item]:
        """At most ``limit`` posts, oldest first. Between two scans of which the first was never ended comes the end that it lacks."""
        items: list[Item] = []
        with self._lock:
            while len(items) < limit:
                if reader.scan is None:
                    if not self._waiting or reader.scans_left == 0:
                        break
                    reader.scan = self._waiting.popleft()
                    if reader.scans_left is not None:
                        reader.scans_left -= 1
                scan = reader.scan
                if scan.items:
                    items.append(scan.take())
                elif scan.ended:
                    reader.scan = None
                else:
                    break
            if len(items) == limit:
                reader.wake()
        return items

    def figures(self) -> dict[str, int]:
        """What waits, and what was not kept."""
        with self._lock:
            return {
                "scans_waiting": len(self._waiting),
                "bytes_waiting": self._held(),
                "scans_dropped": self.dropped_scans,
                "posts_discarded": self.discarded,
            }


Take = Callable[[ScanShelf, str, bytes], Answer]
"""``take(shelf, route, body)`` puts what was posted to ``route`` on the shelf, and says what to answer."""


class ScanListener:
    """An HTTP server whose posts go to a shelf."""

    def __init__(self, host: str, port: int, shelf: ScanShelf, take: Take) -> None:
        """Listens at once. Raises CannotListen."""
        from starlette.applications import Starlette
        from starlette.routing import Route

        from beamloom.access import ANY_NAME, Access, Limits
        from beamloom.transport.http_server import HttpServer

        self.shelf = shelf
        self._take = take
        routes = [
            Route("/v1/{route}", self._post, methods=["POST"]),
            Route("/v1/status", self._status, methods=["GET"]),
        ]
        # Scan software has no tokens to send, and knows this machine by any name. Web pages are turned away all the same.
        access = Access(open=True, names=frozenset({ANY_NAME}), limits=Limits(body=2 * LARGEST_BODY))
        self._server = HttpServer(Starlette(routes=routes), host, port, access)
        self._server.start()

    @property
    def url(self) -> str:
        """Where the server is reached, without a trailing slash."""
        return self._server.url

    async def _post(self, request: Request) -> Response:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST_BODY:
                return _respond(Answer(False, f"a post has at most {LARGEST_BODY} bytes", 413))
        return _respond(self._take(self.shelf, request.path_params["route"], bytes(body)))

    async def _status(self, request: Request) -> Response:
        from starlette.responses import JSONResponse

        return JSONResponse(self.shelf.figures())

    def close(self) -> None:
        """Release the port."""
        self._server.stop()


def _respond(answer: Answer) -> Response:
    from starlette.responses import Response

    body: dict[str, Any] = {"kept": answer.kept}
    if answer.reason is not None:
        body["reason"] = answer.reason
        if answer.status >= 400:
            body["detail"] = answer.reason
    if answer.unknown_scan:
        body["unknown_scan"] = True
    return Response(msgspec.json.encode(body), answer.status, media_type="application/json")


class Listeners:
    """The listeners of this process, one for each address, opened when a stream first needs them."""

    def __init__(self, take: Take, broken_off: Packet) -> None:
        self._take = take
        self._broken_off = broken_off
        self._lock = threading.Lock()
        self._listeners: dict[tuple[str, int], ScanListener] = {}

    def at(self, host: str, port: int, limit_bytes: int) -> ScanListener:
        """The listener at this address. Raises ValueError with a sentence for an address that cannot be listened on."""
        from beamloom.transport.http_server import CannotListen

        with self._lock:
            listener = self._listeners.get((host, port))
            if listener is None:
                shelf = ScanShelf(f"the address http://{host}:{port}", limit_bytes, self._broken_off)
                try:
                    listener = ScanListener(host, port, shelf, self._take)
                except CannotListen as problem:
                    raise ValueError(str(problem)) from None
                self._listeners[host, port] = listener
            listener.shelf.limit_bytes = limit_bytes
            return listener

    def release(self, host: str, port: int) -> None:
        """Release one port, and forget what was posted there; does nothing when nobody listens there."""
        with self._lock:
            listener = self._listeners.pop((host, port), None)
        if listener is not None:
            listener.close()

    def addresses(self) -> Sequence[tuple[str, int]]:
        """Where this process listens."""
        with self._lock:
            return list(self._listeners)

    def close(self) -> None:
        """Release all ports, and forget what was posted."""
        with self._lock:
            for listener in self._listeners.values():
                listener.close()
            self._listeners.clear()
