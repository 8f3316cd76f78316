"""The geometry of a detector: which stream fills which rectangle of its frame.

A tile is first flipped, then turned clockwise, and then laid with its first pixel at ``at``; rows go down, columns to the right. No
two tiles of a detector cover the same pixel. What of that can be known before there is an image is checked here, the rest by
``beamloom.detectors.placing``.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

Pixel = Annotated[int, Meta(ge=0)]
Length = Annotated[int, Meta(ge=1)]


class Rectangle(NamedTuple):
    """Rows ``top`` to ``bottom`` and columns ``left`` to ``right`` of a frame, the ends exclusive."""

    top: int
    left: int
    bottom: int
    right: int

    def overlaps(self, other: Rectangle) -> bool:
        """Whether the two have a pixel in common."""
        return (
            self.top < other.bottom
            and other.top < self.bottom
            and self.left < other.right
            and other.left < self.right
        )


class Tile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One tile of a detector."""

    stream: Annotated[str, Meta(description="The stream that sends this tile.")]
    at: Annotated[
        tuple[Pixel, Pixel],
        Meta(
            description="Where in the frame the tile's first pixel lies, once the tile is flipped and turned.",
            extra={"expects": "a row and a column from 0, such as [0, 1024]"},
        ),
    ]
    rotate: Annotated[
        Literal[0, 90, 180, 270], Meta(description="Degrees by which the tile is turned clockwise.")
    ] = 0
    flip: Annotated[
        Literal["rows", "columns"] | None,
        Meta(
            description="`rows`: the last row that the stream sends is the first one of the tile; `columns`: so with the columns. "
            "Before it is turned."
        ),
    ] = None
    size: Annotated[
        tuple[Length, Length] | None,
        Meta(
            description="Rows and columns of the images that the stream sends. Needed where a trigger map leaves the tile out of "
            "events and the detector has no `shape`.",
            extra={"expects": "a number of rows and of columns from 1, such as [512, 1024]"},
        ),
    ] = None

    def covers(self, size: tuple[int, int]) -> Rectangle:
        """What the tile covers when its stream sends images of ``size``."""
        rows, columns = reversed(size) if self.rotate in (90, 270) else size
        top, left = self.at
        return Rectangle(top, left, top + rows, left + columns)


class Detector(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A detector whose tiles arrive on streams of their own."""

    tiles: Annotated[
        tuple[Tile, ...],
        Meta(
            min_length=1,
            description="The tiles.",
            extra={"expects": "a list of tiles, such as [{stream: module0, at: [0, 0]}]"},
        ),
    ]
    shape: Annotated[
        tuple[Length, Length] | None,
        Meta(
            description="Rows and columns of the frame; without, as many as the tiles reach.",
            extra={"expects": "a number of rows and of columns from 1, such as [1064, 1030]"},
        ),
    ] = None
    fill: Annotated[
        int | float | None,
        Meta(
            description="Value of the pixels that no tile covers; without, 0, and NaN in a frame of floats.",
            extra={"expects": "a number"},
        ),
    ] = None

    def __post_init__(self) -> None:
        # JSON, in which a geometry travels, has no NaN; frames of floats are filled with it anyhow.
        if self.fill is not None and math.isnan(self.fill):
            msgspec.structs.force_setattr(self, "fill", None)
        elif self.fill is not None and math.isinf(self.fill):
            raise ValueError("'fill' is infinite; give it a number, or leave it out")

    @property
    def streams(self) -> tuple[str, ...]:
        """The streams of the tiles, in the order of the tiles."""
        return tuple(tile.stream for tile in self.tiles)


Detectors = Mapping[str, Detector]
"""Detectors by name."""


def geometry_problems(detector: Detector) -> Iterator[tuple[int, str]]:
    """What is wrong whatever the images are: the index of a tile, and a sentence on it."""
    named: set[str] = set()
    shape = detector.shape
    for index, tile in enumerate(detector.tiles):
        if tile.stream in named:
            yield index, f"the stream {tile.stream!r} is named for two tiles; a stream sends one tile"
        named.add(tile.stream)
        covered = _least(tile)
        if shape is not None and (covered.bottom > shape[0] or covered.right > shape[1]):
            yield (
                index,
                f"the tile {tile.stream!r} reaches to row {covered.bottom - 1} and column {covered.right - 1}, "
                f"beyond the shape {list(shape)} of the detector; correct its 'at' or the shape",
            )
    for (_, one), (index, other) in itertools.combinations(enumerate(detector.tiles), 2):
        if _least(one).overlaps(_least(other)):
            yield (
                index,
                f"the tile {other.stream!r} lies on the tile {one.stream!r}; correct the 'at' of one of them",
            )


def check_geometry(detectors: Detectors) -> None:
    """Raises ValueError that lists every problem."""
    problems = [
        f"detector {name!r}: {sentence}"
        for name, detector in detectors.items()
        for _, sentence in geometry_problems(detector)
    ]
    if problems:
        raise ValueError("; ".join(problems))


def _least(tile: Tile) -> Rectangle:
    """What the tile covers at least: all that is known of one without size is its first pixel."""
    return tile.covers(tile.size or (1, 1))
