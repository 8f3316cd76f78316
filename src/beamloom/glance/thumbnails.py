"""Arrays as pictures of at most 128 pixels a side, as data URLs.

Two dimensions and more become a PNG: pixels are averaged over blocks, levels go from the 1st to the 99.8th percentile, so that neither a
dead nor a hot pixel makes the rest invisible. What is no measurement (NaN, infinity, and the largest number of an unsigned type, by which
detectors mark pixels that are masked) is left out of both and drawn grey. Of more than two dimensions the first layer is shown. One
dimension, and a few long rows, which are spectra, become lines in SVG; where several points share a pixel their extremes are drawn, so
that a narrow peak stays.
"""

from __future__ import annotations

import base64
from typing import Any, Final

import numpy as np

from beamloom.glance.png import colour_png, indexed_png

Array = np.ndarray[Any, np.dtype[Any]]

LARGEST: Final = 128
"""Pixels a side."""
LOWEST, HIGHEST = 1.0, 99.8
"""Percentiles that become the first and the last colour."""
_LINES_HEIGHT: Final = 48
_MOST_LINES: Final = 8
_LONG: Final = 16
"""Rows are lines when they are longer than this many times their number."""
_STRETCHED: Final = 8
"""Pictures whose sides differ by more than this factor are not shown in proportion: nothing would be left of the short one."""
_NO_MEASUREMENT: Final = 255

_RAMP: Final = (
    "#440154",
    "#472d7b",
    "#3b528b",
    "#2c728e",
    "#21918c",
    "#28ae80",
    "#5ec962",
    "#addc30",
    "#fde725",
)
"""Even steps in lightness: viridis, by S. van der Walt and N. Smith (CC0), at every eighth."""
_LINE_COLOURS: Final = (
    "#3b528b",
    "#b93a22",
    "#2f7d5b",
    "#b7791f",
    "#7a4fa3",
    "#21918c",
    "#55606e",
    "#c2488f",
)


def thumbnail(array: Array) -> str | None:
    """A picture of ``array`` as a data URL; None for what is no picture: no numbers, a single one, or none at all."""
    if array.dtype.kind not in "biufc" or array.size < 2 or array.ndim == 0:
        return None
    if array.ndim == 3 and array.shape[2] in (3, 4) and array.dtype == np.uint8:
        step = -(-max(array.shape[:2]) // LARGEST)
        return _url("png", colour_png(array[::step, ::step, :3]))
    if array.ndim == 1 or (
        array.ndim == 2 and len(array) <= _MOST_LINES and array.shape[1] > _LONG * len(array)
    ):
        return _url("svg+xml", _lines(np.atleast_2d(array)).encode())
    return _url("png", _picture(array.reshape(-1, *array.shape[-2:])[0]))


def _url(kind: str, picture: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


# ---- pictures ---------------------------------------------------------------------------------------------------------------


def _picture(layer: Array) -> bytes:
    means = block_means(_real(layer), measured(layer))
    return indexed_png(colours_of(means), _PALETTE)


def measured(array: Array) -> Array:
    """Which elements are measurements; of the shape of ``array``."""
    if array.dtype.kind == "u":
        return np.asarray(array != np.iinfo(array.dtype).max)
    return np.asarray(np.isfinite(array))


def block_means(layer: Array, valid: Array) -> Array:
    """The means of the ``valid`` pixels in blocks, at most 128 a side; NaN for a block without. Pixels that fill no block are left out."""
    height, width = layer.shape
    down, across = -(-height // LARGEST), -(-width // LARGEST)
    if max(height, width) <= _STRETCHED * min(height, width):
        down = across = max(down, across)
    rows, columns = height // down, width // across
    blocks = (rows, down, columns, across)
    cut = (slice(rows * down), slice(columns * across))
    kept = valid[cut].reshape(blocks)
    pixels = np.where(kept, layer[cut].reshape(blocks), 0)
    counts = kept.sum(axis=(1, 3))
    means: Array = np.full(counts.shape, np.nan)
    np.divide(pixels.sum(axis=(1, 3), dtype=np.float64), counts, out=means, where=counts > 0)
    return means


def colours_of(means: Array) -> Array:
    """An index into the colours for each pixel: 0 to 254 from the lowest to the highest level, 255 where nothing was measured."""
    valid = np.isfinite(means)
    colours = np.full(means.shape, _NO_MEASUREMENT, np.uint8)
    if not valid.any():
        return colours
    low, high = np.percentile(means[valid], (LOWEST, HIGHEST))
    if low == high:
        # Few pixels differ from all others; then those few are the picture.
        low, high = means[valid].min(), means[valid].max()
    span = high - low
    level = (np.clip(means[valid], low, high) - low) / span if 0 < span < np.inf else np.zeros(valid.sum())
    colours[valid] = np.rint(level * (_NO_MEASUREMENT - 1))
    return colours


def _palette() -> Array:
    steps = np.array([list(bytes.fromhex(colour[1:])) for colour in _RAMP])
    at = np.linspace(0, len(steps) - 1, _NO_MEASUREMENT)
    ramp = np.stack([np.interp(at, np.arange(len(steps)), steps[:, part]) for part in range(3)], axis=1)
    return np.concatenate([np.rint(ramp), [[150, 150, 150]]]).astype(np.uint8)


def _real(array: Array) -> Array:
    """Numbers that can be added and compared: absolute values of complex ones."""
    if array.dtype.kind == "c":
        return np.abs(array)
    return array.astype(np.float64) if array.dtype.itemsize > 8 or array.dtype.kind == "b" else array


_PALETTE: Final = _palette()


# ---- lines ------------------------------------------------------------------------------------------------------------------


def _lines(rows: Array) -> str:
    """Each row as a line, all on one scale."""
    valid = measured(rows)
    numbers = np.where(valid, _real(rows), np.nan).astype(np.float64)
    low, high = (numbers[valid].min(), numbers[valid].max()) if valid.any() else (0.0, 0.0)
    span = high - low if 0 < high - low < np.inf else 1.0
    lines = []
    for place, row in enumerate(numbers):
        x, y = _extremes(row)
        points = " ".join(
            f"{1 + (LARGEST - 2) * along:.1f},{(_LINES_HEIGHT - 2) * (1 - (value - low) / span) + 1:.1f}"
            for along, value in zip(x, y, strict=True)
        )
        colour = _LINE_COLOURS[place % len(_LINE_COLOURS)]
        lines.append(f'<polyline points="{points}" fill="none" stroke="{colour}"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LARGEST} {_LINES_HEIGHT}" '
        f'width="{2 * LARGEST}" height="{2 * _LINES_HEIGHT}">{"".join(lines)}</svg>'
    )


def _extremes(row: Array) -> tuple[Array, Array]:
    """Where along the line (0 to 1) and what: the finite points; of many, the least and the largest for each pixel."""
    places = np.flatnonzero(np.isfinite(row))
    if len(places) > 2 * LARGEST:
        chosen = set()
        for some in np.array_split(places, LARGEST):
            chosen |= {int(some[np.argmin(row[some])]), int(some[np.argmax(row[some])])}
        places = np.array(sorted(chosen))
    return places / max(len(row) - 1, 1), row[places]
