"""Linking: localizations of one molecule in consecutive frames become one, with all its photons.

Frame after frame, each localization goes on with the track that ended nearest to it, not farther away than ``reach`` and not longer ago
than ``dark`` frames, where it is also the nearest to that track; what is left begins a track. Equals go to the first.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from beamloom.apps.localization.compiled import compiled

Array = np.ndarray[Any, np.dtype[Any]]

MOLECULE: Final = np.dtype(
    [
        ("frame", "i4"),
        ("last_frame", "i4"),
        ("count", "i4"),
        ("x", "f4"),
        ("y", "f4"),
        ("photons", "f4"),
        ("bg", "f4"),
        ("sigma", "f4"),
        ("crlb_x", "f4"),
        ("crlb_y", "f4"),
    ]
)
"""A molecule while it was lit: first and last frame, how many localizations; positions weighted by their bounds; photons of all frames
together; ``bg`` and ``sigma`` as means."""


def linked(table: Array, *, reach: float = 50.0, dark: int = 1) -> Array:
    """The track of each row of ``table``, numbered by their first frames, int64 (rows,).

    ``table`` is in the order of frames; ``reach`` in nm, ``dark`` in frames. Raises ValueError for another order.
    """
    frames = table["frame"]
    if np.any(frames[1:] < frames[:-1]):
        raise ValueError("the table is not in the order of its frames; give in_order([table])")
    if not reach > 0 or dark < 0:
        raise ValueError(
            f"reach is {reach} nm and dark {dark} frames; give a reach above 0, and dark of 0 or more"
        )
    track: Array = _linked(
        frames.astype(np.int64), table["x"].astype(np.float64), table["y"].astype(np.float64), reach**2, dark
    )
    return track


def molecules(table: Array, track: Array) -> Array:
    """The tracks of ``table`` as one row each, of the type ``MOLECULE``; ``track`` is what ``linked`` returned of it."""
    count = int(track.max()) + 1 if len(track) else 0
    out = np.zeros(count, MOLECULE)
    first, last = np.full(count, np.iinfo(np.int32).max), np.zeros(count, np.int64)
    np.minimum.at(first, track, table["frame"])
    np.maximum.at(last, track, table["frame"])
    number = np.bincount(track, minlength=count)
    out["frame"], out["last_frame"], out["count"] = first, last, number
    for name in ("x", "y"):
        weight = 1 / np.maximum(table[f"crlb_{name}"].astype(np.float64), 1e-6) ** 2
        total = np.bincount(track, weight, minlength=count)
        out[name] = np.bincount(track, weight * table[name], minlength=count) / total
        out[f"crlb_{name}"] = 1 / np.sqrt(total)
    out["photons"] = np.bincount(track, table["photons"], minlength=count)
    for name in ("bg", "sigma"):
        out[name] = np.bincount(track, table[name], minlength=count) / number
    return out


@compiled
def _linked(frames: Array, x: Array, y: Array, reach: float, dark: int) -> Array:
    n = len(frames)
    track = np.full(n, -1, np.int64)
    ends = np.empty(n, np.int64)  # the last rows of tracks that may go on
    ending = tracks = at = 0
    while at < n:
        stop = at
        while stop < n and frames[stop] == frames[at]:
            stop += 1
        kept = 0
        for k in range(ending):
            if frames[at] - frames[ends[k]] <= dark + 1:
                ends[kept] = ends[k]
                kept += 1
        ending = kept
        wanted = np.full(stop - at, -1, np.int64)
        for row in range(at, stop):
            least = reach
            for k in range(ending):
                square = (x[row] - x[ends[k]]) ** 2 + (y[row] - y[ends[k]]) ** 2
                if square < least or (square == least and wanted[row - at] < 0):
                    least = square
                    wanted[row - at] = k
        for k in range(ending):
            least, chosen = np.inf, -1
            for row in range(at, stop):
                if wanted[row - at] == k:
                    square = (x[row] - x[ends[k]]) ** 2 + (y[row] - y[ends[k]]) ** 2
                    if square < least:
                        least, chosen = square, row
            if chosen >= 0:
                track[chosen] = track[ends[k]]
                ends[k] = chosen
        for row in range(at, stop):
            if track[row] < 0:
                track[row] = tracks
                tracks += 1
                ends[ending] = row
                ending += 1
        at = stop
    return track
