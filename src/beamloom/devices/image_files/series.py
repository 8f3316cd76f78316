"""Which files make up the series of a run, and which number each has."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from beamloom.devices.file_reading.background import Item, Reading
from beamloom.devices.file_reading.packets import write_header
from beamloom.devices.file_reading.read_ahead import WAITS, Job, Step, in_order
from beamloom.devices.file_reading.urls import number_in, path_of, why_absent
from beamloom.devices.image_files.folder import Folder, pattern_of
from beamloom.devices.image_files.packets import TYP
from beamloom.devices.image_files.settings import ImageFilesSettings
from beamloom.events import Malformed, Packet, PacketKind


class Series:
    """The files of one run."""

    def __init__(self, settings: ImageFilesSettings) -> None:
        self._settings = settings
        self._path = path_of(settings.url)
        self._file_bytes = 0
        """Of the file that was read last; the next is taken to be as large."""

    def items(self, reading: Reading, images: int | None) -> Iterator[Item]:
        """START, an item for each file, at most ``images`` of them, and END."""
        while True:
            problem = why_absent(pattern_of(self._path), may_come=self._settings.follow)
            reading.report(problem)
            if problem is None:
                break
            if reading.wait(self._settings.poll_seconds):
                return
        yield from in_order(
            self._steps(Folder(self._settings, self._path), reading, images),
            reading,
            readers=self._settings.readers,
            ahead_bytes=self._settings.queue_bytes,
            name=f"reads {self._settings.url}",
        )

    def _steps(self, folder: Folder, reading: Reading, images: int | None) -> Iterator[Step]:
        first = self._settings.first_number
        if first is None and reading.bearing is not None:
            first = reading.bearing["first"]
        highest = looked_at = 0
        came_at: float | None = None
        reason = "whole"
        while images is None or highest < images or self._awaits(folder.unfinished, first, images):
            look = list(folder.whole())
            if first is None and self._settings.number == "name":
                # Together, so that the first of those that are there is known before any is given.
                first = min(
                    (number for path in look if (number := number_in(path)) is not None), default=None
                )
            if first is not None or self._settings.number == "order":
                reading.bearing = {"first": first}
            for path in look:
                if reading.closing:
                    break
                if came_at is None:
                    yield self._start(path.name)
                came_at = time.monotonic()
                looked_at += 1
                place = self._place(path, first, looked_at)
                if isinstance(place, Malformed):
                    if highest + 1 >= reading.first:
                        yield place
                    continue
                if images is not None and place > images:
                    highest = images
                    break
                highest = max(highest, place)
                if place < reading.first:
                    continue
                yield Job(str(path), self._file_bytes, functools.partial(self._read, path, place))
            if look:
                continue
            if not self._settings.follow:
                break
            idle = came_at is not None and time.monotonic() - came_at > self._settings.idle_seconds
            if idle and not folder.unfinished:
                reason = f"nothing was written for {self._settings.idle_seconds:g} s"
                break
            yield WAITS
            if reading.wait(self._settings.poll_seconds):
                return
        else:
            reason = "the run has all its images"
        if reading.closing:
            return
        if came_at is None:
            yield self._start("")
        mark: dict[str, Any] = {"type": "end", "files": highest, "reason": reason}
        yield Packet(TYP, [write_header(mark)], highest + 1, PacketKind.END)

    def _awaits(self, unfinished: Iterable[Path], first: int | None, images: int) -> bool:
        """Whether one of the run's images is still written, though its last one is whole: writers need not end in order."""
        if self._settings.number == "order" or first is None:
            return False
        numbers = (number_in(path) for path in unfinished)
        return any(first <= number < first + images for number in numbers if number is not None)

    def _start(self, first: str) -> Packet:
        mark = {"type": "start", "files": str(self._path), "first": first}
        return Packet(TYP, [write_header(mark)], None, PacketKind.START)

    def _place(self, path: Path, first: int | None, place: int) -> int | Malformed:
        """The number of the image in the ``place``-th file of the series, or why it has none."""
        if self._settings.number == "order":
            return place
        counted = number_in(path)
        if counted is None:
            return Malformed(
                f"{path.name} has no number in its name; use number: order", [os.fsencode(path.name)]
            )
        number = counted - (counted if first is None else first) + 1
        if number < 1:
            return Malformed(f"{path.name} comes before the first image, {first}", [os.fsencode(path.name)])
        return number

    def _read(self, path: Path, number: int) -> list[Item]:
        try:
            blob = path.read_bytes()
        except OSError as error:
            return [Malformed(f"{path} cannot be read: {error.strerror}", [os.fsencode(path.name)])]
        self._file_bytes = len(blob)
        head = {"type": "image", "file": str(path)}
        return [Packet(TYP, [write_header(head), blob], number)]
