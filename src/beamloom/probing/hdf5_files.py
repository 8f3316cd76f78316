"""What is in an HDF5 file, as the device ``hdf5`` would read it: which stack it takes and why, and where the frames of that are."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from beamloom.devices.hdf5.choice import Choice, NoFrames, choose, stacks
from beamloom.devices.hdf5.layout import Segment, segments_at
from beamloom.devices.hdf5.segments import BROKEN
from beamloom.devices.hdf5.stack import Stack, open_file
from beamloom.errors import UsageError
from beamloom.probing.text import count, size, table
from beamloom.texts import encodable

_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
_PLACES: Final = (0, 512, 1024, 2048)
"""Where the signature stands: at the beginning, or behind a user block."""


@dataclass
class Hdf5Summary:
    """What is in one HDF5 file."""

    path: Path
    layout: str | None = None
    """By which rule a stack was taken; None where none was."""
    dataset: str = ""
    refused: str = ""
    """Why none was taken."""
    candidates: list[str] = field(default_factory=list)
    """All stacks of images in the file."""
    parts: list[list[str]] = field(default_factory=list)
    """A row for each dataset of the series."""
    damage: str | None = None
    """What is missing, or cannot be read."""


def is_hdf5(path: Path) -> bool:
    """Whether the file bears the signature of HDF5. Raises OSError."""
    if path.is_dir():
        return False
    with path.open("rb") as file:
        for place in _PLACES:
            file.seek(place)
            if file.read(len(_SIGNATURE)) == _SIGNATURE:
                return True
    return False


def summarise_hdf5(path: Path, dataset: str = "") -> Hdf5Summary:
    """Look into ``path``; ``dataset`` names the stack, else it is chosen as a stream would. Raises UsageError without h5py."""
    try:
        file, _ = open_file(path)
    except ModuleNotFoundError:
        raise UsageError(
            "reading HDF5 needs the package h5py, which is not installed; install it with pip install 'beamloom[files]'"
        ) from None
    except OSError as error:
        return Hdf5Summary(path, damage=str(error))
    found = Hdf5Summary(path)
    segments: list[Segment] = []
    with file:
        try:
            found.candidates = [f"{node.name} {_shape(node.shape)} {node.dtype}" for node in stacks(file)]
            choice = choose(file, dataset)
            segments = segments_at(choice, path)
            found.layout, found.dataset = choice.layout, _in_this_file(file, choice)
        except NoFrames as error:
            found.refused = str(error)
        except BROKEN as error:
            found.damage = encodable(str(error))
    for segment in segments:
        try:
            stack = Stack(segment.file, segment.dataset)
        except BROKEN as error:
            missing = isinstance(error, FileNotFoundError)
            found.damage = found.damage or (
                f"{segment.file.name} is not there" if missing else f"{segment.file.name}: {error}"
            )
            found.parts.append(
                [segment.file.name, segment.dataset, "missing" if missing else "unreadable", *"----"]
            )
            continue
        try:
            found.parts.append(_part(stack, segment))
        except BROKEN as error:
            found.damage = found.damage or f"{segment.file.name}: {error}"
            found.parts.append([segment.file.name, segment.dataset, "unreadable", *"----"])
        finally:
            stack.close()
    return found


def report_hdf5(found: Hdf5Summary) -> str:
    """The summary as text."""
    lines = [str(found.path)]
    if found.layout is not None:
        lines.append(f"  HDF5, takes {found.dataset} ({found.layout}), {count(len(found.parts), 'part')}")
        headings = ["file", "dataset", "frames", "shape", "type", "compression", "bytes"]
        lines += ["", table([headings, *found.parts]), ""]
    elif found.refused:
        lines.append(f"  HDF5, takes none: {found.refused}")
    if len(found.candidates) > 1 or (found.candidates and found.layout is None):
        lines.append(f"  stacks of images: {', '.join(found.candidates)}")
    if found.layout is not None:
        lines.append(
            f'  camera: {{device: hdf5, url: "file://{found.path.absolute()}", dataset: {found.dataset}}}'
        )
    if found.damage is not None:
        lines.append(f"  damaged: {found.damage}")
    return "\n".join(lines).rstrip()


def _part(stack: Stack, segment: Segment) -> list[str]:
    there = len(stack) - segment.offset
    frames = there if segment.count is None else min(segment.count, there)
    written = sum(stack.has(segment.offset + place) for place in range(frames))
    return [
        stack.path.name,
        segment.dataset,
        str(frames) if written == frames else f"{written} of {frames}",
        _shape(stack.shape),
        str(stack.dataset.dtype),
        stack.compression or "unpacked when read",
        size(int(stack.dataset.id.get_storage_size())),
    ]


def _in_this_file(file: Any, choice: Choice) -> str:
    """The name by which the settings can have it: not that in the file where a link leads."""
    if choice.node.file.filename == file.filename:
        return choice.name
    names: list[str] = []

    def look(name: str, link: Any) -> None:
        if getattr(link, "path", None) == choice.name and hasattr(link, "filename"):
            names.append(f"/{name}")

    file.visititems_links(look)
    return names[0] if names else choice.name


def _shape(lengths: tuple[int, ...]) -> str:
    return "×".join(map(str, lengths)) or "1"
