"""A stream of hits as an analysis uses it: offer, and forget about it.

Nothing here waits: not for clients, not for the disk of hits that wait, not for sockets. What cannot be kept is dropped by the rule of the
settings and counted.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Mapping
from typing import Any, cast

import numpy.typing as npt

from beamloom.apps.crystallography.streaming.counts import Counts
from beamloom.apps.crystallography.streaming.held import Frame
from beamloom.apps.crystallography.streaming.hitmessage import FrameInfo, PeakList
from beamloom.apps.crystallography.streaming.queue import Hit
from beamloom.apps.crystallography.streaming.server import HitServer
from beamloom.apps.crystallography.streaming.settings import StreamError, StreamSettings
from beamloom.apps.crystallography.streaming.taken import TakenHits

_KEY = "beamloom.apps.crystallography.streaming"


class HitStream:
    """Streams hits to programs that ask for them, over as many runs as there are.

    It is to live as long as its process, not as a run: a client that waits when a socket is closed waits for ever. `HitStream.of` keeps it
    in the ``context`` of the analysis, whose ``close(context)`` calls `HitStream.close_of`.
    """

    def __init__(self, settings: StreamSettings | None = None) -> None:
        """Raises StreamError if it cannot listen at its addresses."""
        self.settings = settings or StreamSettings()
        # A part of the memory is for what the thread has not seen yet.
        self._inbox_limit = self.settings.memory_bytes // 4
        self._lock = threading.Lock()
        self._inbox_bytes = 0
        self._pending = 0
        self._overrun = 0
        self._run = ""
        self._records: dict[str, _Record] = {}
        self._next_frame = 0.0
        self._server = HitServer(
            dataclasses.replace(
                self.settings, memory_bytes=max(1, self.settings.memory_bytes - self._inbox_limit)
            ),
            self._settled,
        )

    @classmethod
    def of(cls, context: dict[Any, Any], settings: StreamSettings) -> HitStream:
        """The stream of this process: the one of the run before if the settings are the same."""
        stream = context.get(_KEY)
        if isinstance(stream, cls) and stream.settings == settings and stream.failure is None:
            return stream
        cls.close_of(context)
        context[_KEY] = stream = cls(settings)
        return stream

    @staticmethod
    def close_of(context: dict[Any, Any]) -> None:
        """Close the stream of this process, if there is one."""
        stream = context.pop(_KEY, None)
        if isinstance(stream, HitStream):
            stream.close()

    def begin(self, run: str) -> None:
        """A run begins, or is taken up again; hits of earlier runs stay to be asked for. Raises OSError if the folder cannot be used.

        ``run``: its id, which no other run has; empty where it has none, and then it cannot be taken up either.
        """
        self._run = run
        folder = self.settings.folder
        record = _Record(TakenHits(folder, run) if folder is not None and run else None)

        def begin() -> None:
            former = self._records.pop(run, None)
            if former is not None and former.taken is not None:
                former.taken.close(over=False)
            self._records[run] = record
            self._server.run_over = False

        self._server.call(begin)

    def offer(self, event: int, frame: npt.NDArray[Any], peaks: PeakList, info: FrameInfo) -> bool:
        """A hit: the frame as a slab ``(ss, fs)``, in the units that the indexing is to see; it must not be changed any more.

        False if it was dropped at once, as hits come faster than they can be taken notice of, or the streaming has failed. Raises
        StreamError for a frame that has not two dimensions.
        """
        if frame.ndim != 2:
            raise StreamError(
                f"a frame of shape {frame.shape} cannot be streamed; lay its panels out in one array of two dimensions (Slab.of)"
            )
        hit, kept = (self._run, event), Frame(frame, peaks, info)
        size = kept.size
        with self._lock:
            if self.failure is not None or (self._pending and self._inbox_bytes + size > self._inbox_limit):
                self._overrun += 1
                return False
            self._inbox_bytes += size
            self._pending += 1
        self._server.call(lambda: self._take(hit, kept, size))
        return True

    def finish(self) -> None:
        """The run is over. What waits can still be asked for; who asks for more than there is, is told that it is over."""
        run = self._run

        def finish() -> None:
            self._server.run_over = True
            if run in self._records:
                self._records[run].over = True
                self._end(run)

        self._server.call(finish)

    def wants_frame(self) -> bool:
        """Whether it is time to `show` a frame, and somebody listens."""
        return self._server.frames_wanted and time.monotonic() >= self._next_frame

    def show(self, frame: npt.NDArray[Any], peaks: PeakList, info: FrameInfo) -> None:
        """Publish a frame, hit or not, to all who listen; at most ``frames_per_second``."""
        if self.wants_frame():
            self._next_frame = time.monotonic() + 1 / self.settings.frames_per_second
            shown = Frame(frame, peaks, info)
            self._server.call(lambda: self._server.show(shown))

    def publish(self, results: Mapping[str, Any]) -> None:
        """Publish results (numbers, texts, arrays that are not changed any more) to all who listen."""
        if self._server.results_wanted:
            self._server.call(lambda: self._server.publish(results))

    def tell(self, parameters: Mapping[str, Any]) -> None:
        """What those who ask for ``parameters`` are told."""
        self._server.parameters = dict(parameters)

    def reset_asked(self) -> bool:
        """Whether somebody has asked to begin sums and rates anew since this was last looked at."""
        asked = self._server.reset_asked.is_set()
        if asked:
            self._server.reset_asked.clear()
        return asked

    @property
    def failure(self) -> str | None:
        """Why hits are not streamed any more; None as long as they are."""
        return self._server.failure

    def statistics(self) -> Counts:
        """What became of the hits so far, those that were not even taken notice of included."""
        with self._lock:
            seen = self._server.counts
            counts = dataclasses.replace(seen)
            counts.offered += self._overrun + self._pending
            counts.waiting += self._pending
            counts.dropped += self._overrun
            counts.memory_bytes += self._inbox_bytes
        return counts

    def wait_until_settled(self, seconds: float) -> bool:
        """Wait until nothing more is to come of any hit that was offered; False if that takes longer."""
        end = time.monotonic() + seconds
        with self._server.turned:
            while not (self._pending == 0 and self._server.counts.waiting == self._server.counts.handed == 0):
                if self.failure is not None or not self._server.turned.wait(end - time.monotonic()):
                    return False
        return True

    def close(self) -> None:
        """Close the sockets; what waits is forgotten, and offered again by a process that takes up the run."""
        self._server.close()
        for record in self._records.values():
            if record.taken is not None:
                record.taken.close(over=False)
        self._records.clear()

    def _take(self, hit: tuple[str, int], frame: Frame, size: int) -> None:
        record = self._records.setdefault(hit[0], _Record(None))
        if record.taken is not None and hit[1] in record.taken.before:
            self._server.repeated()
        else:
            record.open += 1
            self._server.offer(hit, frame)
        self._server.count()
        with self._lock:
            self._inbox_bytes -= size
            self._pending -= 1

    def _settled(self, hit: Hit) -> None:
        run, number = cast("tuple[str, int]", hit)
        record = self._records[run]
        record.open -= 1
        if record.taken is not None:
            record.taken.add(number)
        self._end(run)

    def _end(self, run: str) -> None:
        record = self._records[run]
        if record.over and record.open == 0:
            if record.taken is not None:
                record.taken.close(over=True)
            del self._records[run]


@dataclasses.dataclass
class _Record:
    taken: TakenHits | None
    open: int = 0
    over: bool = False
