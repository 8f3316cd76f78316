"""The frames of a series, one after the other, from as many files as it has, also while they are written.

Invariant: a frame's number is its place in the series as the files tell it (its index, where its segment begins). What was never written
is left out and moves no other; where a file is missing and nobody says how many frames it had, the series ends there.

This says what is to be read and waits for it to be there; the reading itself is done ahead, by ``read_ahead``. A file that its writer
still holds locked is sound only where a chunk is in it: there a frame that is not in it yet is waited for however long that takes.
"""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from beamloom.devices.codecs import UnknownCompression
from beamloom.devices.fields import MalformedPacket
from beamloom.devices.file_reading.background import Item, Reading
from beamloom.devices.file_reading.locks import is_locked
from beamloom.devices.file_reading.packets import write_header
from beamloom.devices.file_reading.read_ahead import WAITS, Job, Step
from beamloom.devices.file_reading.urls import is_pattern
from beamloom.devices.hdf5.layout import Segment
from beamloom.devices.hdf5.segments import BROKEN, Segments
from beamloom.devices.hdf5.stack import Frames, Stack, open_file
from beamloom.devices.hdf5.values import attributes_of, values_of
from beamloom.events import Malformed, Packet, PacketKind

TYP: Final = "HDF5"
_LATE_SECONDS: Final = 1.0
"""A writer of several threads may write a frame after the next one; so long it is waited for."""
_UNREADABLE: Final = (OSError, RuntimeError, ValueError, MemoryError, MalformedPacket, UnknownCompression)
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
        self._files = Segments(
            path, dataset, follow=follow, idle_seconds=idle_seconds, poll_seconds=poll_seconds
        )

    def items(self, reading: Reading) -> Iterator[Step]:
        """START, the frames, END. Waits for the files, and where it follows them, for their growth."""
        segments = self._files.find(reading)
        at, reason = 0, "whole"
        while not reading.closing:
            if self._frames is not None and self._opened and self._next >= self._frames:
                reason = _ALL
                break
            fault: str | None = None
            if at < len(segments):
                stack = self._try(segments[at], reading)
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
                fault = stack
            if not self._follow:
                if fault is None:
                    break
                yield Malformed(fault, [b""])
                if not self._skip(segments[at]):
                    reason = fault
                    break
                at += 1
                continue
            # What may still come.
            if fault is None and self._files.ended():
                # Asked before this last look: what was written before its end is seen now.
                segments = self._files.now() or segments
                if at >= len(segments):
                    reason = "the file says when it ended"
                    break
                continue
            if self._idle() and fault is None and self._files.give_up():
                segments = self._files.now() or segments
                continue
            if self._idle():
                reason = self._idle_reason()
                if fault is None:
                    break
                # Its frames are lost by its own fault, and those behind it are not.
                yield Malformed(fault, [b""])
                if at + 1 >= len(segments) or not self._skip(segments[at]):
                    break
                at += 1
                continue
            yield WAITS
            if reading.wait(self._poll_seconds):
                return
            segments = self._files.now() or segments
        if not reading.closing:
            yield from self._close(reason)

    def _close(self, reason: str) -> Iterator[Item]:
        if not self._opened:
            yield self._start(None, None)
        # In one word, whichever of the reasons was seen first.
        if self._frames is not None and self._next >= self._frames:
            reason = _ALL
        mark = {"type": "end", "frames": self._next, "reason": reason}
        yield Packet(TYP, [write_header(mark)], self._next + 1, PacketKind.END)

    # ---- files ----------------------------------------------------------------------------------------------------------

    def _try(self, segment: Segment, reading: Reading | None = None) -> Stack | str:
        """The open segment, or why it cannot be opened."""
        try:
            return Stack(segment.file, segment.dataset, reading.wait if self._follow and reading else None)
        except BROKEN as error:
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
    ) -> Generator[Step, None, str | None]:
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
            # Asked before the file is looked at: what was written until its writer let go of it is seen then.
            locked = self._follow and not final and not stack.swmr and is_locked(stack.path)
            stop = segment.count if segment.count is not None else len(stack) - segment.offset
            there = min(stop, len(stack) - segment.offset)
            if locked and not stack.one_each:
                there = place
            while place < there and (self._frames is None or self._next < self._frames):
                if reading.closing:
                    return None
                try:
                    written = stack.has(segment.offset + place)
                    if not written and self._follow and not final:
                        if locked or not self._is_passed(stack, segment, place, there):
                            break
                        missing_since = missing_since or time.monotonic()
                        if time.monotonic() - missing_since < _LATE_SECONDS:
                            break
                except BROKEN as error:
                    if self._follow and not final:
                        break
                    if self._next + 1 >= reading.first:
                        yield Malformed(f"frame {self._next} cannot be found in {stack.path}: {error}", [b""])
                    written = False
                count = 1
                if written:
                    count = self._together(stack, segment.offset + place, there - place)
                    if self._next + count >= reading.first:
                        yield self._fetch(stack, segment.offset + place, count)
                    missing_since = None
                    self._grew_at = time.monotonic()
                place += count
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
            held = not stack.swmr and is_locked(stack.path)
            over = not held and (self._following(at) or self._files.ended())
            idle = not held and self._idle()
            length = len(stack)
            fault: str | None = None
            try:
                stack.refresh(thoroughly=over or idle)
            except BROKEN as error:
                # Its writer is at work; it is opened again when that is done.
                why = "there is no such file any more" if isinstance(error, FileNotFoundError) else str(error)
                fault = f"{stack.path} cannot be read any more: {why}"
            if idle and fault is None and not os.path.exists(stack.path):
                fault = f"{stack.path} is not there any more"
            if fault is None and (over or len(stack) > length):
                final = over
                continue
            if idle:
                if fault is not None:
                    yield Malformed(fault, [b""])
                    return fault
                if place < len(stack) - segment.offset:
                    final = True
                    continue
                # A file that is there and cannot be read is named first.
                return self._idle_reason() if self._files.waits_for is None else None
            yield WAITS
            if reading.wait(self._poll_seconds):
                return None
        return None

    def _together(self, stack: Stack, index: int, there: int) -> int:
        most = there if self._frames is None else min(there, self._frames - self._next)
        return min(stack.together(index), most)

    def _is_passed(self, stack: Stack, segment: Segment, place: int, there: int) -> bool:
        """Whether a frame behind ``place`` was written."""
        return any(stack.has(segment.offset + later) for later in range(place + 1, there))

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

    def _following(self, at: int) -> bool:
        """Whether the segment behind this one has been begun."""
        segments = self._files.now()
        if at + 1 >= len(segments):
            return False
        segment = segments[at + 1]
        following = self._try(segment)
        if not isinstance(following, Stack):
            return False
        try:
            # Files may all be made before the first of them is filled.
            return following.has(segment.offset)
        except BROKEN:
            return False
        finally:
            following.close()

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
                # It may be gone, or be written at this moment.
                with contextlib.suppress(*BROKEN), open_file(master)[0] as file:
                    mark["attributes"] |= attributes_of(file, file)
                    mark["values"] = values_of(file) | mark["values"]
        return Packet(TYP, [write_header(mark)], None, PacketKind.START)

    def _fetch(self, stack: Stack, index: int, count: int) -> Step:
        """The next ``count`` frames of the series, which are those at ``index`` of the stack."""
        first, path = self._next, stack.path
        shape, type_name = stack.shape, stack.type_name

        def unreadable(error: Exception) -> list[Item]:
            return [
                Malformed(f"frame {frame} cannot be read from {path}: {error}", [b""])
                for frame in range(first, first + count)
            ]

        def run(fetch: Callable[[], Frames]) -> list[Item]:
            try:
                frames = fetch()
            except _UNREADABLE as error:
                return unreadable(error)
            return [_image(first + place, shape, type_name, *frame) for place, frame in enumerate(frames)]

        try:
            fetch = stack.fetch(index, count)
        except _UNREADABLE as error:
            return Job(f"frame {first} of {path}", 0, functools.partial(unreadable, error))
        return Job(f"frame {first} of {path}", stack.frame_bytes * count, functools.partial(run, fetch))


def _image(frame: int, shape: tuple[int, ...], type_name: str, blob: Any, compression: str) -> Packet:
    header = {
        "type": "image",
        "frame": frame,
        "shape": shape,
        "dtype": type_name,
        "compression": compression,
    }
    return Packet(TYP, [msgspec.json.encode(header), blob], frame + 1)
