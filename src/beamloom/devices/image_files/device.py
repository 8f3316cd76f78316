"""A folder of image files: TIFF, CBF, EDF and all others that fabio reads, one image a file, whole or growing.

A packet is a JSON header and the file as it is; it is decoded by whoever asks for ``array``, so that many workers share that work.
Files are numbered by the last number in their names, or by their order; several are read at a time. The folder says neither where a
series begins nor where it ends: START comes before the first file, END when the run has all its files, or nothing has been written for a
while.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
import numpy as np

from beamloom.devices.device import Device
from beamloom.devices.fields import Fields, MalformedPacket, RawPacket, frames_of
from beamloom.devices.file_reading.background import BackgroundSource, Item, Reading
from beamloom.devices.file_reading.packets import read_header
from beamloom.devices.file_reading.read_ahead import WAITS, Job, Step, in_order
from beamloom.devices.file_reading.urls import is_pattern, matching, number_in, path_of, why_absent
from beamloom.devices.image_files.simulator import ImageFilesSimulator, generate
from beamloom.devices.images import Image
from beamloom.errors import UsageError
from beamloom.events import Bearing, Malformed, Packet, PacketKind

TYP: Final = "IMAGE_FILE"


class NeedsFabio(UsageError, ValueError):
    """The package that reads image files is not installed."""


class ImageFilesSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stream of the device ``images`` in the pipeline file."""

    url: str
    """The files: ``file:///data/run_1/*.tif`` or the path alone; a folder stands for all files in it. Hidden files, whose names begin with
    a dot, are left out."""
    number: Literal["name", "order"] = "name"
    """What counts the images: the last number in the name, or the order of the names."""
    first_number: int | None = None
    """The number in the name of the first image; by default the lowest when the run first looks. Give it where the first image may be
    missing or late."""
    follow: bool = False
    """Whether more files will be written: the series ends when the run has all its images, or after ``idle_seconds``."""
    renamed: bool = False
    """Whether files get their names when they are whole (written under another, then renamed): then each is read at once."""
    settle_seconds: float = 0.2
    """Else: how long size and time of a file have to stay as they are before it is taken to be whole."""
    idle_seconds: float = 10.0
    """How long after the last file a followed series is taken to be whole; waiting for the first has no end."""
    poll_seconds: float = 0.05
    """How often the folder is looked at."""
    queue_bytes: int = 256 * 2**20
    """How far reading runs ahead of the run, in bytes."""
    readers: Annotated[int, msgspec.Meta(ge=1, le=64)] = 4
    """How many files are read at a time."""


class ImageFileStart(Fields):
    """A series begins."""

    packet_kind = PacketKind.START

    files: str
    """The path or the pattern of the settings."""
    first: str
    """The name of the first file."""


class ImageFile(Fields):
    """One file."""

    file: str
    """Its path."""
    blob: Any
    """The file as it is."""

    @functools.cached_property
    def array(self) -> Image:
        """The image, read-only, (rows, columns); (images, rows, columns) for a file of several. Decoded when it is first asked for.

        Raises MalformedPacket for a file that fabio cannot read, and NeedsFabio.
        """
        return self._decoded[0]

    @property
    def header(self) -> dict[str, str]:
        """What the file says of its (first) image, by the names that its format has for it. Raises as ``array`` does."""
        return self._decoded[1]

    @functools.cached_property
    def _decoded(self) -> tuple[Image, dict[str, str]]:
        return _decode(self.blob, Path(self.file).name)


class ImageFileEnd(Fields):
    """The series is complete."""

    packet_kind = PacketKind.END

    files: int
    """How many there were, those among them that are missing."""
    reason: str
    """Why there are no more."""


ImageFilePacket = ImageFileStart | ImageFile | ImageFileEnd


class _Head(msgspec.Struct, gc=False):
    """What every header has, and what that of an image must have."""

    type: str
    file: str = ""


def parse(packet: RawPacket) -> ImageFilePacket:
    """The packet as objects. Raises MalformedPacket."""
    frames = frames_of(packet, TYP)
    head, fields = read_header(frames, _Head)
    match head.type:
        case "start":
            return ImageFileStart(**fields)
        case "end":
            return ImageFileEnd(**fields)
        case "image" if head.file:
            return ImageFile(**fields | {"blob": frames[1]})
    raise MalformedPacket(f"the header has the type {head.type!r} and names the file {head.file!r}")


def _decode(blob: Any, name: str) -> tuple[Image, dict[str, str]]:
    fabio = _fabio()
    try:
        # fabio knows most formats by their first bytes, and the others by their names.
        stream = importlib.import_module("fabio.fabioutils").BytesIO(bytes(blob))
        try:
            opened = fabio.open(stream)
        except OSError:
            with tempfile.TemporaryDirectory(prefix="beamloom-") as folder:
                path = Path(folder, name)
                path.write_bytes(blob)
                return _pixels(fabio.open(str(path)))
        return _pixels(opened)
    # What fabio raises depends on the format, and on where in the file the fault is.
    except Exception as error:  # noqa: BLE001
        raise MalformedPacket(f"the file {name} cannot be read as an image: {error!r}") from None


def _pixels(opened: Any) -> tuple[Image, dict[str, str]]:
    with opened:
        if opened.data is None:
            raise ValueError("it holds no pixels")
        header = {str(key): str(value) for key, value in opened.header.items()}
        count = int(opened.nframes)
        images = [
            np.asarray(opened.data if count == 1 else opened.get_frame(index).data) for index in range(count)
        ]
    image: Image = images[0] if count == 1 else np.stack(images)
    image.flags.writeable = False
    return image, header


def _fabio() -> Any:
    try:
        return importlib.import_module("fabio")
    except ModuleNotFoundError:
        raise NeedsFabio(
            "reading image files needs the package fabio, which is not installed; install it with pip install 'beamloom[files]'"
        ) from None


class _Folder:
    """The files of a series as they come, whole ones only."""

    def __init__(self, settings: ImageFilesSettings, pattern: Path) -> None:
        self._settings = settings
        self._pattern = pattern
        self._seen: dict[Path, tuple[int, int, float]] = {}
        self._given: set[Path] = set()

    def whole(self) -> Iterator[Path]:
        """The files that are whole and were not given before, in the order of their names.

        By their order no file may overtake another, so one that is still written holds back those behind it; their time runs meanwhile.
        """
        at_once = self._settings.renamed or not self._settings.follow
        held = False
        for path in matching(self._pattern):
            if path in self._given:
                continue
            if not at_once and not self._settled(path):
                held = self._settings.number == "order"
                continue
            if not held and path.is_file():
                self._given.add(path)
                self._seen.pop(path, None)
                yield path

    def _settled(self, path: Path) -> bool:
        """Whether the file has been as it is for long enough."""
        now = time.monotonic()
        try:
            status = os.stat(path)
        except FileNotFoundError:
            return False
        size, written = status.st_size, status.st_mtime_ns
        before = self._seen.get(path)
        if before is None or before[:2] != (size, written):
            self._seen[path] = (size, written, now)
            return False
        return size > 0 and now - before[2] >= self._settings.settle_seconds

    @property
    def unfinished(self) -> Collection[Path]:
        """The files that are still written."""
        return self._seen.keys()


class _Series:
    """The files of one run."""

    def __init__(self, settings: ImageFilesSettings) -> None:
        self._settings = settings
        self._path = path_of(settings.url)
        self._file_bytes = 0
        """Of the file that was read last; the next is taken to be as large."""

    def items(self, reading: Reading, images: int | None) -> Iterator[Item]:
        """START, an item for each file, at most ``images`` of them, and END."""
        pattern = self._path / "*" if not is_pattern(self._path) and self._path.is_dir() else self._path
        while True:
            problem = why_absent(pattern, may_come=self._settings.follow)
            reading.report(problem)
            if problem is None:
                break
            if reading.wait(self._settings.poll_seconds):
                return
        yield from in_order(
            self._steps(_Folder(self._settings, pattern), reading, images),
            reading,
            readers=self._settings.readers,
            ahead_bytes=self._settings.queue_bytes,
            name=f"reads {self._settings.url}",
        )

    def _steps(self, folder: _Folder, reading: Reading, images: int | None) -> Iterator[Step]:
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
        yield Packet(TYP, [msgspec.json.encode(mark)], highest + 1, PacketKind.END)

    def _awaits(self, unfinished: Iterable[Path], first: int | None, images: int) -> bool:
        """Whether one of the run's images is still written, though its last one is whole: writers need not end in order."""
        if self._settings.number == "order" or first is None:
            return False
        numbers = (number_in(path) for path in unfinished)
        return any(first <= number < first + images for number in numbers if number is not None)

    def _start(self, first: str) -> Packet:
        mark = {"type": "start", "files": str(self._path), "first": first}
        return Packet(TYP, [msgspec.json.encode(mark)], None, PacketKind.START)

    def _place(self, path: Path, first: int | None, place: int) -> int | Malformed:
        """The number of the image in the ``place``-th file of the series, or why it has none."""
        if self._settings.number == "order":
            return place
        counted = number_in(path)
        if counted is None:
            return Malformed(
                f"{path.name} has no number in its name; use number: order", [path.name.encode()]
            )
        number = counted - (counted if first is None else first) + 1
        if number < 1:
            return Malformed(f"{path.name} comes before the first image, {first}", [path.name.encode()])
        return number

    def _read(self, path: Path, number: int) -> list[Item]:
        try:
            blob = path.read_bytes()
        except OSError as error:
            return [Malformed(f"{path} cannot be read: {error.strerror}", [path.name.encode()])]
        self._file_bytes = len(blob)
        head = {"type": "image", "file": str(path)}
        return [Packet(TYP, [msgspec.json.encode(head), blob], number)]


def _require_fabio() -> None:
    if importlib.util.find_spec("fabio") is None:
        _fabio()


def source(settings: ImageFilesSettings) -> BackgroundSource:
    """The images of a folder. Raises ValueError for an address that cannot be right; its ``open`` raises NeedsFabio."""

    def recount(bearing: Bearing | None) -> Bearing:
        if settings.number == "order" and settings.follow:
            raise ValueError(
                "its files are numbered by their order, in which others may stand now (number: order)"
            )
        if bearing is None and settings.number == "name" and settings.first_number is None:
            raise ValueError("nobody knows which file was the first; give its number in first_number")
        return bearing or {"first": settings.first_number}

    return BackgroundSource(
        settings.url, _Series(settings).items, settings.queue_bytes, _require_fabio, recount
    )


DEVICE = Device(
    name="images",
    title="folders of TIFF, CBF, EDF and other image files, whole or growing",
    settings=ImageFilesSettings,
    source=source,
    simulator=ImageFilesSimulator,
    generate=generate,
    parse=parse,
    bind=None,
)
