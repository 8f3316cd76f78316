"""Random detectors whose tiles do not touch, and a plain reading of a geometry, pixel by pixel, to compare with."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from beamloom.detectors.geometry import Detector, Tile
from beamloom.detectors.placing import Image

CELL = 4
"""Tiles are drawn into the cells of a grid of so many pixels."""
GRID = 3

fills = st.none() | st.integers(0, 200)


@st.composite
def detectors(draw: st.DrawFn) -> Detector:
    """Up to nine tiles of random sizes, turned and flipped, with gaps between them; half of them give a shape."""
    tiles = []
    cells = [(row, column) for row in range(GRID) for column in range(GRID)]
    for number, (row, column) in enumerate(draw(st.lists(st.sampled_from(cells), min_size=1, unique=True))):
        top, left = draw(st.integers(0, CELL - 1)), draw(st.integers(0, CELL - 1))
        covered = draw(st.integers(1, CELL - top)), draw(st.integers(1, CELL - left))
        rotate = draw(st.sampled_from([0, 90, 180, 270]))
        tiles.append(
            Tile(
                stream=f"module{number}",
                at=(row * CELL + top, column * CELL + left),
                rotate=rotate,  # type: ignore[arg-type]
                flip=draw(st.sampled_from([None, "rows", "columns"])),
                size=covered if rotate in (0, 180) else (covered[1], covered[0]),
            )
        )
    shape = draw(st.none() | st.just((GRID * CELL, GRID * CELL)))
    return Detector(tiles=tuple(tiles), shape=shape, fill=draw(fills))


def images_of(detector: Detector, dtype: str = "uint16") -> dict[str, Image]:
    """An image of the size of each tile; no two of their pixels are alike."""
    images: dict[str, Image] = {}
    first = 1
    for tile in detector.tiles:
        assert tile.size is not None
        rows, columns = tile.size
        images[tile.stream] = np.arange(first, first + rows * columns).astype(dtype).reshape(rows, columns)
        first += rows * columns
    return images


def plain_pixels(detector: Detector, images: dict[str, Image]) -> dict[tuple[int, int], Any]:
    """Row and column in the frame of each pixel of each image, worked out one by one."""
    pixels = {}
    for tile in detector.tiles:
        if tile.stream not in images:
            continue
        rows = [list(row) for row in images[tile.stream]]
        if tile.flip == "rows":
            rows.reverse()
        if tile.flip == "columns":
            rows = [row[::-1] for row in rows]
        for _ in range(tile.rotate // 90):
            # Clockwise: what was the first column, read from below, is the first row.
            rows = [[row[column] for row in reversed(rows)] for column in range(len(rows[0]))]
        for down, row in enumerate(rows):
            for right, value in enumerate(row):
                pixels[tile.at[0] + down, tile.at[1] + right] = value
    return pixels
