"""A stream of a run of Beamloom, as its ingesters record it: its frames in the order of their events, while it grows and afterwards.

Frame n is the n-th frame that was recorded, whatever its event; ``events`` tells the events. A stream that several ingesters share is
put together by event: a frame counts when no ingester that still records can come with an earlier one. The recording has ended when
all its files have their own names. A file that keeps ``.part``, as its ingester died or its disk was full, is taken to be all there is
when the run is known to have ended and nothing has been written since for a while.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from beamloom import TriggerMap
from beamloom.recordings import RecordingNames, find_companions, find_packets
from beamloom.rules.arrays import Array
from beamloom.rules.errors import RuleRefused, closest
from beamloom.rules.sources.recorded_file import Place, RecordedFile

GIVEN_UP: Final = 45.0
"""Seconds without growth after which a file is not going to be finished; an ingester waits 30 for its disk."""
SUFFIXES: Final = (".cbors", ".cbors.part", ".cbors.gz")
RUN: Final = re.compile(r"-([0-9a-f-]{36})\.json$")


class Recording:
    """See the module."""

    def __init__(
        self, path: str, run: str = "", stream: str = "", field: str = "array", shares: int = 0
    ) -> None:
        """``path``: a file of the recording, its folder, or the prefix of its files (then ``run`` is needed, if there are several).

        ``field``: what of the parsed packets is the frame. ``shares``: over how many ingesters the stream is split, where that is known.
        """
        self._given = path
        self._prefix = f"{path}/" if not path.endswith("/") and Path(path).is_dir() else path
        self._run = run
        self._stream = stream
        self._field = field
        self._shares = shares
        self._files: dict[Path, RecordedFile] = {}
        self._places: list[Place] = []

    def closed(self) -> bool:
        """All files are whole, or will not be."""
        files, ended = self._there()
        parts = [part for path in files if (part := path.with_name(f"{path.name}.part")).exists()]
        return bool(files) and (not parts or _given_up(ended, parts))

    def count(self) -> int:
        """Frames before which there can be no others any more. Raises OSError, RuleRefused."""
        closed = self.closed()
        stream = self._name_of_stream()
        for path in self._there()[0] if stream else ():
            self._files.setdefault(path, RecordedFile(path, stream))
        # Whether a file is whole is asked first: what is found then is all that it has.
        growing = [file for file in self._files.values() if not closed and not file.whole]
        for file in self._files.values():
            file.follow()
        self._take(growing, stream)
        if closed:
            self._see_that_it_is_known(stream)
        return len(self._places)

    def read(self, start: int, stop: int) -> Array:
        """(frames, ...). Raises OSError, RuleRefused."""
        return np.stack([self._frame(place) for place in self._found(start, stop)])

    def events(self, start: int, stop: int) -> Array:
        """The events of these frames. Raises OSError."""
        return np.array([place.event for place in self._found(start, stop)], np.int64)

    def metadata(self) -> dict[str, Any]:
        """What the packet says that opens the series: numbers and texts; and ``run`` and ``stream``."""
        self.count()
        opening: Mapping[str, Any] = next((file.opening for file in self._files.values() if file.opening), {})
        return {**opening, "run": self._run, "stream": self._stream}

    def close(self) -> None:
        """Nothing stays open."""

    def _found(self, start: int, stop: int) -> list[Place]:
        if len(self._places) < stop:
            self.count()
        if len(self._places) < stop:
            raise OSError(
                f"the recording {self._given} has {len(self._places)} frames now, and {stop} are asked for"
            )
        return self._places[start:stop]

    def _frame(self, place: Place) -> Array:
        packet = place.file.read(place.offset)
        try:
            found: Any = packet.parse()
            for name in self._field.split("."):
                found = found[name] if isinstance(found, Mapping) else getattr(found, name)
            return np.asarray(found)
        # A parser may be anybody's.
        except Exception as error:
            raise RuleRefused(
                f"the packet of {place.file.path} for event {place.event} gives no {self._field!r}: {error}; "
                "name what is the frame: field='...'"
            ) from error

    def _take(self, growing: list[RecordedFile], stream: str) -> None:
        """Frames in the order of their events, as far as that is known."""
        sharing = [file for file in self._files.values() if stream in file.streams]
        if not self._shares or len(sharing) < self._shares:
            # One that has nothing of any stream yet may begin with the first frame.
            sharing += [file for file in growing if not file.streams]
        last = self._places[-1].event if self._places else -1
        while any(file.ahead for file in sharing):
            if any(not file.ahead and file in growing for file in sharing):
                return
            place = min((file.ahead[0] for file in sharing if file.ahead), key=lambda place: place.event)
            place.file.ahead.popleft()
            if place.event > last:
                self._places.append(place)
                last = place.event

    def _see_that_it_is_known(self, stream: str) -> None:
        """Raises RuleRefused for a stream of which nothing is recorded."""
        known = sorted(set().union(*(file.streams for file in self._files.values())))
        if stream and known and stream not in known:
            raise RuleRefused(
                f"the recording {self._given} has no stream {stream!r}{closest(stream, known)}; it has: {', '.join(known)}"
            )

    def _there(self) -> tuple[list[Path], Path | None]:
        """The files of the run, and the one that says that it has ended. Raises RuleRefused where the path is that of several runs."""
        if not self._run:
            given = Path(self._given)
            companions = find_companions(given)
            if companions.run:
                mapping, self._run = companions.map_path, companions.run
                start = "" if mapping is None else mapping.name.removesuffix(f"mapping-{self._run}.json")
                self._prefix = f"{given.parent}/{start}"
            elif given.name.endswith(SUFFIXES):
                return [given.with_name(given.name.removesuffix(".part"))], None
            else:
                self._run = self._only_run()
        if not self._run:
            return [], None
        return find_packets(self._prefix, self._run), RecordingNames(self._prefix, self._run).ended

    def _only_run(self) -> str:
        """The run that has a trigger map behind the prefix; empty where none has."""
        folder, start = Path(f"{self._prefix}-").parent, Path(f"{self._prefix}-").name[:-1]
        names = [path.name for path in folder.glob("*mapping-*.json")] if folder.is_dir() else []
        runs = sorted(match[1] for name in names if name.startswith(start) and (match := RUN.search(name)))
        if len(runs) > 1:
            raise RuleRefused(f"{self._given} has {len(runs)} runs; name one: run={runs[0]!r}")
        return runs[0] if runs else ""

    def _name_of_stream(self) -> str:
        """The stream; where none is named, the only one of the run, or none yet. Raises RuleRefused where there are several."""
        if self._stream:
            return self._stream
        names = RecordingNames(self._prefix, self._run)
        if self._run and names.mapping.exists():
            streams = set(TriggerMap.from_json(names.mapping.read_bytes(), all_wrap=False).streams)
        else:
            firsts = [RecordedFile(path, "") for path in self._there()[0]]
            for file in firsts:
                file.follow()
            streams = set().union(*(file.streams for file in firsts))
        if len(streams) > 1:
            raise RuleRefused(
                f"the recording {self._given} has several streams; name one: stream={' or '.join(map(repr, sorted(streams)))}"
            )
        self._stream = next(iter(streams), "")
        return self._stream


def recorded(path: str) -> Recording | None:
    """The series that ``FILE.cbors#STREAM`` stands for: a stream of the run of which FILE is a recording. None for any other path."""
    file, mark, stream = path.rpartition("#")
    return Recording(file, stream=stream) if mark and file.endswith(SUFFIXES) else None


def _given_up(ended: Path | None, parts: list[Path]) -> bool:
    """Nothing is going to come any more, though ``parts`` were never finished."""
    if ended is None:
        return False
    try:
        times = [path.stat().st_mtime for path in (ended, *parts)]
    except FileNotFoundError:
        return False
    return time.time() - max(times) > GIVEN_UP
