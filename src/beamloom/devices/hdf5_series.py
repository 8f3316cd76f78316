"""The frames of a series, one after the other, from as many files as it has, also while they are written.

Invariant: a frame's number is its place in the series as the files tell it (its index, where its segment begins). What was never written
is left out and moves no other; where a file is missing and nobody says how many frames it had, the series ends there.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from beamloom.devices.background import Item, Reading
from beamloom.devices.file_urls import is_pattern, matching, why_absent
from beamloom.devices.hdf5_layout import (
    NoFrames,
    Segment,
    attributes_of,
    has_ended,
    segments_of,
    values_of,
)
from beamloom.devices.hdf5_stack import Stack, open_file
from beamloom.events import Malformed, Packet, PacketKind

TYP: Final = "HDF5"
_LATE_SECONDS: Final = 1.0
"""A writer of several threads may write a frame after the next one; so long it is waited for."""
_ALL: Final = "the run has all its frames"


class SeriesReader:
    """Reads what ``path`` (one file, or a pattern of several) holds of one series."""

    def __init__(
        self,
        path: Path,
        dataset: str,
        *,
        follow: bool,
        idle_seconds: float,
        poll_seconds: float,
        frames: int | None,
    ) -> None:
        """``frames``: how many the run is for, None for all."""
        self._path = path
        self._dataset = dataset
        self._follow = follow
        self._idle_seconds = idle_seconds
        self._poll_seconds = poll_seconds
        self._frames = frames
        self._next = 0
        """The frame that comes next."""
        self._length = 0
        """Frames of the segment that was read last."""
        self._first_number: int | None = None
        self._grew_at: float | None = None
        self._opened = False

    def items(self, reading: Reading) -> Iterator[Item]:
        """START, the frames, END. Waits for the files, and where it follows them, for their growth."""
        segments = self._find(reading)
        at, reason = 0, "whole"
        while not reading.closing:
            if self._frames is not None and self._opened and self._next >= self._frames:
                reason = _ALL
                break
            if at < len(segments):
                stack = self._try(segments[at])
                if isinstance(stack, Stack):
                    try:
                        done = yield from self._read(stack, segments, at, reading)
                    finally:
                        stack.close()
                    if done is not None:
                        reason = done
                        break
                    at += 1
                    continue
                if not self._follow:
                    yield Malformed(stack, [b""])
                    if not self._skip(segments[at]):
                        reason = stack
                        break
                    at += 1
                    continue
            elif not self._follow:
                break
            # What may still come.
            if self._ended():
                reason = "the file says when it ended"
                break
            if self._idle():
                reason = self._idle_reason()
                break
            if reading.wait(self._poll_seconds):
                return
            segments = self._segments() or segments
        if not reading.closing:
            yield from self._close(reason)

    def _close(self, reason: str) -> Iterator[Item]:
        if not self._opened:
            yield self._start(None, None)
        # In one word, whichever of the reasons was seen first.
        if self._frames is not None and self._next >= self._frames:
            reason = _ALL
        mark = {"type": "end", "frames": self._next, "reason": reason}
        yield Packet(TYP, [msgspec.json.encode(mark)], self._next + 1, PacketKind.END)

    # ---- files ----------------------------------------------------------------------------------------------------------

    def _find(self, reading: Reading) -> list[Segment]:
        """Wait until there is something to read; what it is made of."""
        problem: str | None = None
        while not reading.closing:
            problem = why_absent(self._path, may_come=self._follow)
            if problem is None:
                try:
                    segments = self._segments(required=True)
                except (OSError, NoFrames) as unreadable:
                    # A file that is being made has no frames yet.
                    problem = None if self._follow else str(unreadable)
                else:
                    if segments:
                        reading.report(None)
                        return segments
            reading.report(problem)
            reading.wait(self._poll_seconds)
        return []

    def _segments(self, *, required: bool = False) -> list[Segment]:
        found: list[Segment] = []
        for path in matching(self._path):
            try:
                with open_file(path)[0] as file:
                    found += segments_of(file, path, self._dataset)
            except (OSError, NoFrames) as error:
                if required:
                    raise NoFrames(f"{path.name}: {error}") from None
                # Not whole yet; what is behind it waits for it.
                break
        return found

    def _try(self, segment: Segment) -> Stack | str:
        """The open segment, or why it cannot be opened."""
        try:
            return Stack(segment.file, segment.dataset)
        except (OSError, KeyError) as error:
            why = "there is no such file" if isinstance(error, FileNotFoundError) else str(error)
            return f"{segment.dataset} in {segment.file} cannot be read: {why}"

    def _skip(self, segment: Segment) -> bool:
        """Leave the frames of a segment out; false where nobody knows how many they are."""
        count = segment.count or self._length
        self._next = (self._next if segment.first is None else segment.first) + count
        return count > 0

    # ---- frames ---------------------------------------------------------------------------------------------------------

    def _read(
        self, stack: Stack, segments: list[Segment], at: int, reading: Reading
    ) -> Generator[Item, None, str | None]:
        """All of one segment. Returns why the series ends with it, None where the next segment follows."""
        segment = segments[at]
        first = self._begin(stack, segment)
        missing_since: float | None = None
        place = max(0, self._next - first)
        self._next = first + place
        if not self._opened:
            yield self._start(stack, segment)
        final = False
        while not reading.closing:
            stop = segment.count if segment.count is not None else len(stack) - segment.offset
            there = min(stop, len(stack) - segment.offset)
            while place < there and (self._frames is None or self._next < self._frames):
                if reading.closing:
                    return None
                written = stack.has(segment.offset + place)
                if not written and self._follow and not final:
                    if not stack.has(segment.offset + self._next_written(stack, segment, place, there)):
                        break
                    missing_since = missing_since or time.monotonic()
                    if time.monotonic() - missing_since < _LATE_SECONDS:
                        break
                if written:
                    yield self._frame(stack, segment.offset + place)
                    missing_since = None
                    self._grew_at = time.monotonic()
                place += 1
                self._next = first + place
            self._length = stop
            if self._frames is not None and self._next >= self._frames:
                return _ALL
            if place >= stop and segment.count is not None:
                return None
            if final or not self._follow:
                # A virtual dataset may promise more than its source has.
                self._next = first + stop
                return None
            # Asked before the last look at the file: what was written before its end is seen then.
            ended, following = self._ended(), self._following(at)
            try:
                stack.refresh()
            except (OSError, KeyError):
                # Its writer is at work; it is opened again when that is done.
                ended = following = False
            grown = stack.file is not None and len(stack) - segment.offset > there
            if grown:
                continue
            if following or ended:
                final = True
                if place < there:
                    continue
                return "the file says when it ended" if ended and not following else None
            if self._idle():
                if place < there:
                    final = True
                    continue
                return self._idle_reason()
            if reading.wait(self._poll_seconds):
                return None
        return None

    def _begin(self, stack: Stack, segment: Segment) -> int:
        """The first frame of a segment in the series."""
        if segment.first is not None:
            return segment.first
        # Eiger's files say which images they hold, counted from 1.
        low = stack.dataset.attrs.get("image_nr_low")
        if low is None:
            return self._next
        if self._first_number is None:
            self._first_number = min(int(low), 1)
        return int(low) - self._first_number

    def _next_written(self, stack: Stack, segment: Segment, place: int, there: int) -> int:
        """The next place behind ``place`` that has a frame; ``place`` where none has."""
        for later in range(place + 1, there):
            if stack.has(segment.offset + later):
                return later
        return place

    def _following(self, at: int) -> bool:
        """Whether the segment behind this one is there."""
        segments = self._segments()
        if at + 1 >= len(segments):
            return False
        following = self._try(segments[at + 1])
        if isinstance(following, Stack):
            following.close()
            return True
        return False

    def _ended(self) -> bool:
        """Whether the file says that it has ended. A pattern may always find one more."""
        if is_pattern(self._path):
            return False
        try:
            with open_file(self._path)[0] as file:
                return has_ended(file)
        except (OSError, KeyError):
            return False

    def _idle(self) -> bool:
        return self._grew_at is not None and time.monotonic() - self._grew_at > self._idle_seconds

    def _idle_reason(self) -> str:
        return f"nothing was written for {self._idle_seconds:g} s"

    # ---- packets --------------------------------------------------------------------------------------------------------

    def _start(self, stack: Stack | None, segment: Segment | None) -> Packet:
        self._opened = True
        mark: dict[str, Any] = {"type": "start", "file": str(self._path)}
        if stack is not None and segment is not None:
            mark |= {
                "dataset": segment.dataset,
                "shape": stack.shape,
                "dtype": stack.type_name,
                "compression": stack.compression or "none",
                "attributes": attributes_of(stack.file, stack.dataset),
                "values": values_of(stack.file),
            }
            master = self._path if not is_pattern(self._path) else stack.path
            if master != stack.path:
                with open_file(master)[0] as file:
                    mark["attributes"] |= attributes_of(file, file)
                    mark["values"] = values_of(file) | mark["values"]
        return Packet(TYP, [msgspec.json.encode(mark)], None, PacketKind.START)

    def _frame(self, stack: Stack, index: int) -> Item:
        number = self._next + 1
        try:
            blob, compression = stack.frame(index)
        except (OSError, RuntimeError) as error:
            return Malformed(f"frame {self._next} cannot be read from {stack.path}: {error}", [b""])
        header = {
            "type": "image",
            "frame": self._next,
            "shape": stack.shape,
            "dtype": stack.type_name,
            "compression": compression,
        }
        return Packet(TYP, [msgspec.json.encode(header), blob], number)
