"""Lays tiles side by side into one frame: one copy of each tile, and of the rest only what no tile covers is filled.

Where the tiles go is worked out once for a detector and the sizes of its tiles. Images of more than two axes (several thresholds) keep
their leading axes: the frame has them, too.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from beamloom.detectors.geometry import Detector, Rectangle, Tile

Image = np.ndarray[Any, np.dtype[Any]]
"""(..., rows, columns)."""

STRIP = 32
"""Columns of a tile turned by 90° that are copied at once: so many rows of the image as it was sent stay in the cache."""


class TilesDoNotFit(ValueError):
    """Images that do not make up a frame of their detector; the text is a sentence that says in what."""


class Plan(NamedTuple):
    """Where everything goes in a frame."""

    shape: tuple[int, int]
    tiles: tuple[tuple[Tile, Rectangle], ...]
    """The tiles that are there."""
    gaps: tuple[Rectangle, ...]
    """What they leave free, each pixel once."""


def place(detector: Detector, images: Mapping[str, Image]) -> Image:
    """The frame of ``detector`` in which the image of each stream lies at its place, as an array of its own.

    The type is the one that holds the values of all images. Raises TilesDoNotFit.
    """
    if not images:
        raise TilesDoNotFit("none of the tiles is there")
    sizes = []
    leading: dict[str, tuple[int, ...]] = {}
    for stream, image in images.items():
        if image.ndim < 2:
            raise TilesDoNotFit(
                f"stream {stream!r} sent an array of shape {list(image.shape)}; a tile has rows and columns"
            )
        leading[stream] = image.shape[:-2]
        sizes.append((stream, image.shape[-2:]))
    if len(set(leading.values())) > 1:
        told = ", ".join(f"{list(image.shape)} of {stream!r}" for stream, image in images.items())
        raise TilesDoNotFit(f"the tiles have different numbers of images: {told}")
    dtype = _common_type(images)
    plan = plan_of(detector, tuple(sizes))
    frame = np.empty((*next(iter(leading.values())), *plan.shape), dtype)
    if plan.gaps:
        value = _fill_value(detector, dtype)
        for gap in plan.gaps:
            _part(frame, gap)[...] = value
    for tile, rectangle in plan.tiles:
        _copy(_part(frame, rectangle), _oriented(images[tile.stream], tile), tile)
    return frame


@functools.lru_cache(maxsize=64)
def plan_of(detector: Detector, sizes: tuple[tuple[str, tuple[int, int]], ...]) -> Plan:
    """Where images of these sizes go, by stream. Raises TilesDoNotFit."""
    by_stream = dict(sizes)
    there = []
    reached = [(0, 0)]
    for tile in detector.tiles:
        size = by_stream.get(tile.stream, tile.size)
        if size is None:
            if detector.shape is None:
                raise TilesDoNotFit(
                    f"tile {tile.stream!r} is not in this event and its size is not known, so the frame has no shape; "
                    "give the detector a 'shape', or the tile a 'size'"
                )
            continue
        if tile.size is not None and size != tile.size:
            raise TilesDoNotFit(
                f"stream {tile.stream!r} sent {_times(size)} pixels, but its tile is given the size {_times(tile.size)}"
            )
        rectangle = tile.covers(size)
        reached.append((rectangle.bottom, rectangle.right))
        if tile.stream in by_stream:
            there.append((tile, rectangle))
    shape = detector.shape or (max(row for row, _ in reached), max(column for _, column in reached))
    for tile, rectangle in there:
        if rectangle.bottom > shape[0] or rectangle.right > shape[1]:
            raise TilesDoNotFit(
                f"the tile {tile.stream!r} of {_times(by_stream[tile.stream])} pixels at {list(tile.at)} does not fit into "
                f"the frame of {_times(shape)}; correct its 'at', or the shape of the detector"
            )
    for (one, rectangle), (other, second) in itertools.combinations(there, 2):
        if rectangle.overlaps(second):
            raise TilesDoNotFit(
                f"the tiles {one.stream!r} of {_times(by_stream[one.stream])} pixels and {other.stream!r} of "
                f"{_times(by_stream[other.stream])} lie on each other; correct the 'at' of one of them"
            )
    return Plan(shape, tuple(there), _gaps(shape, [rectangle for _, rectangle in there]))


def _times(size: tuple[int, int]) -> str:
    return f"{size[0]} × {size[1]}"


def _common_type(images: Mapping[str, Image]) -> np.dtype[Any]:
    types = {stream: image.dtype for stream, image in images.items()}
    dtype = np.result_type(*set(types.values())).newbyteorder("=")
    if dtype.kind == "f" and all(one.kind in "iu" for one in types.values()):
        told = ", ".join(f"{one.name} of {stream!r}" for stream, one in types.items())
        raise TilesDoNotFit(f"no type of whole numbers holds the values of all tiles: {told}")
    return dtype


def _fill_value(detector: Detector, dtype: np.dtype[Any]) -> Any:
    if detector.fill is None:
        return np.nan if dtype.kind in "fc" else 0
    value = np.asarray(detector.fill)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        if detector.fill != int(detector.fill) or not limits.min <= detector.fill <= limits.max:
            raise TilesDoNotFit(
                f"pixels of type {dtype.name} cannot have the value {detector.fill:g}, which 'fill' gives to those that no tile covers"
            )
        return int(detector.fill)
    return value.astype(dtype)


def _part(frame: Image, rectangle: Rectangle) -> Image:
    return frame[..., rectangle.top : rectangle.bottom, rectangle.left : rectangle.right]


def _oriented(image: Image, tile: Tile) -> Image:
    """A view of the image as it lies in the frame."""
    if tile.flip == "rows":
        image = image[..., ::-1, :]
    elif tile.flip == "columns":
        image = image[..., ::-1]
    return np.rot90(image, -(tile.rotate // 90), (-2, -1)) if tile.rotate else image


def _copy(place: Image, image: Image, tile: Tile) -> None:
    if tile.rotate in (90, 270):
        for column in range(0, image.shape[-1], STRIP):
            place[..., column : column + STRIP] = image[..., column : column + STRIP]
    else:
        place[...] = image


def _gaps(shape: tuple[int, int], covered: list[Rectangle]) -> tuple[Rectangle, ...]:
    """The pixels outside of all ``covered``: in each band of rows in which nothing changes, the runs of columns that are free."""
    gaps: list[Rectangle] = []
    edges = sorted({0, shape[0], *(edge for one in covered for edge in (one.top, one.bottom))})
    for top, bottom in itertools.pairwise(edges):
        column = 0
        beside = sorted((one.left, one.right) for one in covered if one.top <= top and bottom <= one.bottom)
        for left, right in [*beside, (shape[1], shape[1])]:
            if left > column:
                gaps.append(Rectangle(top, column, bottom, left))
            column = right
    return tuple(gaps)
