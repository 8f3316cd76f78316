"""From frames to a table of localizations: background, candidates, fits.

The unit of work of a batch is a chunk of 50 to 200 consecutive frames. Where the background is a median over frames, a chunk is given
with the frames before and after it (``halo`` of them at most on each side): then every chunking gives the same table, bit for bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from beamloom.apps.localization import fitting
from beamloom.apps.localization.detection import Candidates, candidates, z_scores
from beamloom.apps.localization.fitting import fit_spots
from beamloom.apps.localization.settings import Settings
from beamloom.apps.localization.smoothing import running_median
from beamloom.apps.localization.table import LOCALIZATION, empty

Array = np.ndarray[Any, np.dtype[Any]]


def halo(settings: Settings) -> int:
    """How many frames before and after a chunk its localization looks at."""
    return settings.background


def localize(
    frames: Array,
    settings: Settings | None = None,
    *,
    first_frame: int = 0,
    before: int = 0,
    after: int = 0,
) -> Array:
    """The localizations in ``frames``, raw counts (frames, rows, columns), as a table of the type ``LOCALIZATION``.

    The first of the frames has the number ``first_frame``. ``before`` of them at the beginning and ``after`` at the end are there for
    the background alone and are not searched; give ``halo(settings)`` where the series has as many. Raises ValueError for frames that
    cannot be fitted.
    """
    settings = settings or Settings()
    stop = len(frames) - after
    _check(frames, settings, before, stop)
    electrons = settings.camera.electrons(frames)
    backgrounds = (
        running_median(electrons, before, stop, settings.background) if settings.background else None
    )
    tables = [
        _of_frame(
            electrons[index],
            None if backgrounds is None else backgrounds[index - before],
            settings,
            first_frame + index,
        )
        for index in range(before, stop)
    ]
    return np.concatenate([empty(), *tables])


def localize_at(electrons: Array, rows: Array, columns: Array, settings: Settings, frame: int = 0) -> Array:
    """The table of the spots around given pixels of one frame of photo-electrons, (rows, columns) float32."""
    return _fitted(electrons, Candidates(rows, columns, np.zeros(len(rows), np.float32)), settings, frame)


def _check(frames: Array, settings: Settings, before: int, stop: int) -> None:
    if frames.ndim != 3:
        raise ValueError(f"frames have the shape {frames.shape}; give (frames, rows, columns)")
    size = 2 * settings.half + 1
    if min(frames.shape[1:]) < size:
        raise ValueError(
            f"frames are {frames.shape[1]} x {frames.shape[2]} pixels, but spots are fitted in {size} x {size}; "
            "give a smaller half_size, or larger frames"
        )
    if before < 0 or stop < before:
        raise ValueError(
            f"of {len(frames)} frames {before} to {stop} are to be searched; give fewer before and after"
        )
    if frames.dtype.kind == "f" and not np.isfinite(frames).all():
        raise ValueError(
            "frames have pixels that are NaN or infinite; replace them by the offset of the camera"
        )
    if frames.dtype.kind not in "uif":
        raise ValueError(f"frames are of {frames.dtype}; give numbers")


def _of_frame(electrons: Array, background: Array | None, settings: Settings, frame: int) -> Array:
    found = candidates(z_scores(electrons, background, settings), settings)
    return _fitted(electrons, found, settings, frame) if len(found.rows) else empty()


def _fitted(electrons: Array, found: Candidates, settings: Settings, frame: int) -> Array:
    camera, half = settings.camera, settings.half
    rows, columns = found.rows, found.columns
    values, bounds, ratios, ends = fit_spots(
        electrons,
        rows,
        columns,
        half,
        settings.sigma,
        camera.read_variance,
        camera.excess,
        settings.iterations,
    )
    table = np.zeros(len(rows), LOCALIZATION)
    table["frame"], table["roi"] = frame, np.arange(len(rows))
    for name, index, unit in (
        ("x", fitting.X, camera.pixel_size),
        ("y", fitting.Y, camera.pixel_size),
        ("photons", fitting.PHOTONS, 1.0),
        ("bg", fitting.BACKGROUND, 1.0),
        ("sigma", fitting.SIGMA, camera.pixel_size),
    ):
        table[name] = values[:, index] * unit
        table[f"crlb_{name}"] = bounds[:, index] * unit
    table["z_score"], table["glrt"] = found.scores, ratios
    table["ndof"] = (2 * half + 1) ** 2 - fitting.PARAMETERS
    table["nearest"] = _nearest(rows, columns) * camera.pixel_size
    table["iterations"], table["status"] = ends.T
    height, width = electrons.shape
    table["edge"] = (rows < half) | (columns < half) | (rows >= height - half) | (columns >= width - half)
    return table


def _nearest(rows: Array, columns: Array) -> Array:
    """The distance of each pixel to the nearest other, in pixels; infinite where there is none. Rows are in order."""
    nearest = np.full(len(rows), np.inf)
    for index in range(len(rows)):
        squares = (rows - rows[index]) ** 2 + (columns - columns[index]) ** 2
        squares[index] = np.iinfo(np.int64).max
        least = squares.min()
        if least < np.iinfo(np.int64).max:
            nearest[index] = np.sqrt(least)
    return nearest
