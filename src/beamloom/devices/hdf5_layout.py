"""Where the frames of an HDF5 file are: which dataset, and which files and datasets make up the series.

Known are the default signal of NeXus (https://manual.nexusformat.org/datarules.html), the master files of Eiger and NXmx with their links
``data_000001``, ..., virtual datasets, and files with a single stack of frames.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

_LINK: Final = re.compile(r"data_(\d+)")
_USUAL: Final = ("/entry/data/data", "/entry/data")
_SMALL: Final = 16
"""Elements of what is a value of the set-up, and no data."""
_VALUES: Final = 500
"""Values of one file that go into the START packet."""


class NoFrames(LookupError):
    """The file has no dataset of frames; the text is a sentence."""


class Segment(msgspec.Struct, frozen=True):
    """Frames that follow each other in one dataset of one file."""

    file: Path
    dataset: str
    offset: int = 0
    """The first of them in the dataset."""
    count: int | None = None
    """How many; None for all that there are and will be."""
    first: int | None = None
    """The first of them in the series; None for the one behind the segment before."""


def segments_of(file: Any, path: Path, dataset: str) -> list[Segment]:
    """The segments that ``file`` (h5py, opened from ``path``) says its series to be made of. Raises NoFrames."""
    node, name = _chosen(file, dataset)
    if _is_group(node):
        return _linked(node, path)
    return (_virtual(node, path) if node.is_virtual else None) or [Segment(path, name)]


def _is_group(node: Any) -> bool:
    return hasattr(node, "keys")


def _chosen(file: Any, dataset: str) -> tuple[Any, str]:
    """The dataset of frames, or the group that has links to several, and its name."""
    if dataset:
        node = _member(file, dataset)
        if node is None:
            raise NoFrames(f"there is no {dataset} in it; it has {_shown_datasets(file)}")
        if not _is_group(node) or _links(node):
            return _checked(node, dataset), dataset
        inner = _signal(node)
        if inner is None:
            raise NoFrames(f"{dataset} is a group without a signal and without links like data_000001")
        return _checked(inner, dataset), str(inner.name)
    for node in _guesses(file):
        if node is not None and ((_is_group(node) and _links(node)) or _has_frames(node)):
            return node, str(node.name)
    raise NoFrames(
        f"there is no stack of frames in it (it has {_shown_datasets(file)}); say which dataset it is with dataset:"
    )


def _guesses(file: Any) -> Iterator[Any]:
    entry = _default(file, "NXentry")
    group = None if entry is None else _default(entry, "NXdata")
    for node in (group, entry):
        if node is not None:
            yield _signal(node)
            yield node
    for name in _USUAL:
        yield _member(file, name)
    stacks: list[Any] = []
    file.visititems(lambda _, node: stacks.append(node) if _has_frames(node) and node.ndim >= 3 else None)
    yield from stacks


def _default(group: Any, nexus_class: str) -> Any:
    """The group that ``default`` names, or the first of its class."""
    named = text(group.attrs.get("default", ""))
    if named and (node := _member(group, named)) is not None:
        return node
    for name in group:
        node = _member(group, name)
        if node is not None and _is_group(node) and text(node.attrs.get("NX_class", "")) == nexus_class:
            return node
    return None


def _signal(group: Any) -> Any:
    if not _is_group(group):
        return group
    named = text(group.attrs.get("signal", ""))
    return _member(group, named) if named else None


def _member(group: Any, name: str) -> Any:
    """What is called so; None where nothing is, or where the file that a link leads to is not there."""
    try:
        return group[name]
    except (KeyError, OSError):
        return None


def _has_frames(node: Any) -> bool:
    return hasattr(node, "chunks") and node.ndim >= 1 and node.dtype.kind in "biufc"


def _checked(node: Any, name: str) -> Any:
    if _is_group(node) or _has_frames(node):
        return node
    raise NoFrames(
        f"{name} has shape {list(node.shape)} of {node.dtype}; frames are numbers, one after the other"
    )


def _shown_datasets(file: Any) -> str:
    names: list[str] = []
    file.visititems(
        lambda name, node: names.append(f"/{name} {list(node.shape)}") if hasattr(node, "chunks") else None
    )
    return ", ".join(names[:8]) or "no datasets"


def text(value: Any) -> str:
    """A string of HDF5, in whichever of its forms."""
    value = value.item() if getattr(value, "size", 0) == 1 and hasattr(value, "item") else value
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


# ---- several files ----------------------------------------------------------------------------------------------------------


def _links(group: Any) -> list[str]:
    return sorted((name for name in group if _LINK.fullmatch(name)), key=lambda name: int(name[5:]))


def _linked(group: Any, path: Path) -> list[Segment]:
    segments = []
    for name in _links(group):
        link = group.get(name, getlink=True)
        if hasattr(link, "filename"):
            segments.append(Segment(_beside(path, link.filename), link.path))
        else:
            segments.append(Segment(path, f"{group.name}/{name}"))
    return segments


def _beside(path: Path, named: Any) -> Path:
    """Names of files within a file are relative to it."""
    return path if text(named) == "." else path.parent / text(named)


def _virtual(dataset: Any, path: Path) -> list[Segment] | None:
    """A virtual dataset as segments of its sources; None where they are more than whole frames one after the other."""
    segments = []
    for source in dataset.virtual_sources():
        target = _whole(source.vspace, dataset.shape[1:])
        if target is None or "%" in source.file_name:
            return None
        # All of a source whose size the file does not say.
        unsaid = not source.src_space.get_simple_extent_dims()
        origin = (0, *target[1:]) if unsaid else _whole(source.src_space, None)
        if origin is None or origin[1:] != target[1:]:
            return None
        segments.append(
            Segment(_beside(path, source.file_name), source.dset_name, origin[0], origin[1], target[0])
        )
    segments.sort(key=lambda segment: segment.first or 0)
    stops = [(segment.first or 0) + (segment.count or 0) for segment in segments]
    if any((after.first or 0) < stop for stop, after in zip(stops, segments[1:], strict=False)):
        return None
    return segments


def _whole(space: Any, frame: tuple[int, ...] | None) -> tuple[int, int, tuple[int, ...]] | None:
    """First frame, number of frames and shape of a selection of whole frames of that shape, from their first pixels on."""
    try:
        low, high = space.get_select_bounds()
        points = space.get_select_npoints()
    except (ValueError, RuntimeError):
        return None
    lengths = tuple(int(end) - int(begin) + 1 for begin, end in zip(low, high, strict=True))
    full = space.get_simple_extent_dims()[1:] if frame is None else frame
    if (
        any(low[1:])
        or lengths[1:] != tuple(full)
        or math.prod(lengths) != points
        or len(lengths) != 1 + len(full)
    ):
        return None
    return int(low[0]), lengths[0], lengths[1:]


# ---- what the START packet tells ----------------------------------------------------------------------------------------------


def attributes_of(file: Any, dataset: Any) -> dict[str, dict[str, Any]]:
    """The attributes of the file, of the dataset and of all groups above it, by the name of the object."""
    found = {"/": _plain_attributes(file)}
    parts = str(dataset.name).strip("/").split("/") if dataset.name else []
    for depth in range(1, len(parts) + 1):
        name = "/" + "/".join(parts[:depth])
        node = _member(dataset.file, name)
        if node is not None:
            found[name] = _plain_attributes(node)
    return {name: attributes for name, attributes in found.items() if attributes}


def values_of(file: Any) -> dict[str, Any]:
    """The small datasets of the file by name: wavelength, distance, time per frame, and whatever else was written of the set-up."""
    found: dict[str, Any] = {}

    def look(name: str, node: Any) -> None:
        # When it ended is nothing that a start can tell, even where it is known by now.
        if (
            name.endswith("end_time")
            or len(found) >= _VALUES
            or not hasattr(node, "chunks")
            or node.is_virtual
        ):
            return
        if node.ndim < 2 and 0 < (node.size or 0) <= _SMALL and node.maxshape == node.shape:
            found[f"/{name}"] = _plain(node[()])

    file.visititems(look)
    return found


def _plain_attributes(node: Any) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    for name in node.attrs:
        try:
            attributes[name] = _plain(node.attrs[name])
        except (OSError, TypeError):
            attributes[name] = "<of a type that cannot be read>"
    return attributes


def _plain(value: Any) -> Any:
    """As JSON has it."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def has_ended(file: Any) -> bool:
    """Whether an entry of the file says when it ended, as NeXus has it."""
    for name in file:
        end = _member(file, f"{name}/end_time")
        if end is not None and hasattr(end, "chunks"):
            end.id.refresh()
            if text(end[()]).strip("\0 "):
                return True
    return False
