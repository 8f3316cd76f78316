"""Which files and datasets make up a series: links ``data_000001``, ..., virtual datasets, or one stack."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import msgspec

from beamloom.devices.hdf5.choice import Choice, choose, is_group, links, member, text


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
    return segments_at(choose(file, dataset), path)


def segments_at(choice: Choice, path: Path) -> list[Segment]:
    """The segments of the stack, or the group with links to several, that was chosen in the file ``path``."""
    node = choice.node
    # A link may have led to another file.
    if (there := Path(node.file.filename)).absolute() != path.absolute():
        path = there
    if is_group(node):
        return _linked(node, path)
    return (_virtual(node, path) if node.is_virtual else None) or [Segment(path, choice.name)]


def _linked(group: Any, path: Path) -> list[Segment]:
    segments = []
    for name in links(group):
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


def has_ended(file: Any) -> bool:
    """Whether an entry of the file says when it ended, as NeXus has it."""
    for name in file:
        end = member(file, f"{name}/end_time")
        if end is not None and hasattr(end, "chunks"):
            end.id.refresh()
            if text(end[()]).strip("\0 "):
                return True
    return False
