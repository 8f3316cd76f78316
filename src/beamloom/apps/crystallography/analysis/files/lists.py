"""The lists of frames and peaks: lines are appended while the run goes on, as frames come in, and put in the order of events at its end.

frames.txt and events.lst have a line for each frame, hits.lst and cleaned.txt one for each hit, the latter at the end only, and peaks.txt
one for each peak of a hit. Numbers are written as OM writes them; a timestamp that the device does not tell is ``nan``. What OM calls
``snr`` in peaks.txt is the sigma of the background; here it is the signal-to-noise ratio.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple, TextIO

import numpy as np

from beamloom import Table
from beamloom.apps.crystallography.analysis.files.whole import replacing

Array = np.ndarray[Any, np.dtype[Any]]
OF_FRAMES = "# timestamp, event_id, hit, filename, index, num_peaks, ave_intensity\n"
OF_PEAKS = "event_id, num_peaks, fs, ss, intensity, num_pixels, max_pixel_intensity, snr\n"
_AT_A_TIME: Final = 10_000
_COLUMNS = ("timestamp", "event_id", "hit", "num_peaks", "ave_intensity")


class Row(NamedTuple):
    """A frame as it is listed."""

    event: int
    timestamp: float
    event_id: str
    hit: bool
    num_peaks: int
    """-1 of a frame that was not searched; it is listed with none."""
    ave_intensity: float

    def line(self) -> str:
        """Its line in frames.txt; frames come from streams, and have no file name and index."""
        return f"{self.timestamp}, {self.event_id}, {self.hit}, , -1, {max(0, self.num_peaks)}, {self.ave_intensity}\n"


class Lists:
    """The lists in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pending: dict[int, Array] = {}
        self._written: Any = None
        """The coverage of the table when it was last written."""
        self._peaks_at: dict[int, tuple[int, int]] = {}
        """Where the lines of a hit begin in peaks.txt, and their length, in bytes."""
        self.frames = 0
        self.hits = 0

    def begin(self) -> None:
        """Make the files anew, without frames. Raises OSError."""
        for name, head in (
            ("frames.txt", OF_FRAMES),
            ("peaks.txt", OF_PEAKS),
            ("events.lst", ""),
            ("hits.lst", ""),
        ):
            _write(self._folder / name, [head])

    def take(self, peaks: dict[int, Array]) -> None:
        """The peaks of hits, by event, (n, 6) each: fs, ss, intensity, num_pixels, max_pixel_intensity, snr."""
        self._pending |= peaks

    def append(self, table: Table) -> None:
        """Write what is new in ``table``. Raises OSError."""
        for rows in _rows(table, _new(table, self._written)):
            hits = [row for row in rows if row.hit]
            _append(self._folder / "frames.txt", (row.line() for row in rows))
            _append(self._folder / "events.lst", (f"{row.event_id}\n" for row in rows))
            _append(self._folder / "hits.lst", (f"{row.event_id}\n" for row in hits))
            self._append_peaks(hits)
            self.frames += len(rows)
            self.hits += len(hits)
        self._written = table.coverage.copy()

    def finish(self, table: Table) -> None:
        """Write all lists in the order of events. Raises OSError."""
        self.append(table)
        with contextlib.ExitStack() as stack:
            frames, cleaned, events, hits = (
                stack.enter_context(_replacing(self._folder / name))
                for name in ("frames.txt", "cleaned.txt", "events.lst", "hits.lst")
            )
            frames.write(OF_FRAMES)
            cleaned.write(OF_FRAMES)
            for rows in _rows(table, _new(table, None)):
                of_hits = [row for row in rows if row.hit]
                frames.writelines(row.line() for row in rows)
                cleaned.writelines(row.line() for row in of_hits)
                events.writelines(f"{row.event_id}\n" for row in rows)
                hits.writelines(f"{row.event_id}\n" for row in of_hits)
        self._sort_peaks()

    def _sort_peaks(self) -> None:
        path = self._folder / "peaks.txt"
        places = {}
        with replacing(path) as unfinished, path.open("rb") as old, unfinished.open("wb") as new:
            new.write(OF_PEAKS.encode())
            for event in sorted(self._peaks_at):
                start, length = self._peaks_at[event]
                old.seek(start)
                places[event] = new.tell(), length
                new.write(old.read(length))
        self._peaks_at = places

    def _append_peaks(self, hits: list[Row]) -> None:
        with (self._folder / "peaks.txt").open("ab") as file:
            start = file.seek(0, os.SEEK_END)
            for row in hits:
                lines = "".join(
                    f"{row.event_id}, {row.num_peaks}, " + ", ".join(map(str, peak)) + "\n"
                    for peak in self._pending.pop(row.event, np.empty((0, 6))).tolist()
                ).encode()
                file.write(lines)
                self._peaks_at[row.event] = start, len(lines)
                start += len(lines)


def _new(table: Table, written: Any) -> list[tuple[int, int]]:
    """The events that are in ``table`` and not in the coverage ``written``: first, and one past the last."""
    covered = table.coverage
    if written is None:
        return list(covered)
    return [part for first, stop in covered for part in written.missing(first, stop)]


def _rows(table: Table, ranges: list[tuple[int, int]]) -> Iterator[list[Row]]:
    """The rows of these events, in their order, some at a time."""
    if not ranges:
        return
    snapshot = table.snapshot()
    for first, stop in ranges:
        for start in range(first, stop, _AT_A_TIME):
            end = min(stop, start + _AT_A_TIME)
            columns = [np.asarray(snapshot[name][start:end]).tolist() for name in _COLUMNS]
            yield [
                Row(event, timestamp, event_id, hit == 1, num_peaks, average)
                for event, timestamp, event_id, hit, num_peaks, average in zip(
                    range(start, end), *columns, strict=True
                )
            ]


def _append(path: Path, lines: Iterable[str]) -> None:
    with path.open("ab") as file:
        file.write("".join(lines).encode())


def _write(path: Path, lines: Iterable[str]) -> None:
    with _replacing(path) as file:
        file.writelines(lines)


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[TextIO]:
    with replacing(path) as unfinished, unfinished.open("w", encoding="utf-8") as file:
        yield file
