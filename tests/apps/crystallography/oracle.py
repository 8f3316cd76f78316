"""The peak search once more, in plain numpy and Python, as slow and as plain as it can be.

Written from the description of the algorithm, without a look at the kernels: no cores, no lists of outliers, no labels. All in float64.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Peak = tuple[float, float, float, int, float, float]
"""fs, ss, intensity, pixels, brightest, snr."""

FLT_MAX = float(np.finfo(np.float32).max)
FLT_MIN = float(np.finfo(np.float32).tiny)


def background(
    frame: Array, mask: Array, radius: Array, snr: float, adc: float, photon: float | None
) -> tuple[Array, Array]:
    """Offset and threshold of each pixel; ``photon``: None for the exact rules, else the least sigma is half of it."""
    image = frame.astype(np.float64)
    rings = np.rint(radius).astype(int)
    offsets, thresholds = np.zeros(image.shape), np.zeros(image.shape)
    for ring in np.unique(rings):
        here = rings == ring
        values = image[here & (mask != 0) & np.isfinite(image)]
        offset, sigma, low, high = 0.0, 0.0, -1e9, 1e9
        for _ in range(5):
            kept = values[(values > low) & (values < high)]
            if kept.size == 0:
                if photon is None:
                    offset, sigma, low, high = 0.0, 0.0, FLT_MIN, FLT_MAX
                continue
            offset, spread = float(kept.mean()), float(kept.std())
            if photon is None:
                sigma = spread
            else:
                sigma = max(spread if spread > 0 else sigma, photon / 2)
            low, high = offset - snr * sigma, max(offset + snr * sigma, adc)
        offsets[here], thresholds[here] = offset, high
    return offsets, thresholds


def search(
    frame: Array,
    mask: Array,
    radius: Array,
    panels: Sequence[tuple[int, int, int, int]],
    *,
    adc_threshold: float,
    minimum_snr: float,
    min_pixel_count: int,
    max_pixel_count: int,
    local_bg_radius: int,
    max_num_peaks: int,
    photon: float | None = None,
) -> list[Peak]:
    """The peaks by the exact rules, or with ``photon`` by the robust ones."""
    offsets, thresholds = background(frame, mask, radius, minimum_snr, adc_threshold, photon)
    image = frame.astype(np.float64)
    usable = (mask != 0) & np.isfinite(image)
    bright = usable & (image > thresholds)
    dim = usable & (image < thresholds)
    taken = np.zeros(image.shape, bool)
    found: list[Peak] = []
    for top, bottom, left, right in sorted(panels, key=lambda panel: (panel[0], panel[2])):
        for row in range(top + 1, bottom):
            for column in range(left + 1, right):
                if not bright[row, column] or taken[row, column]:
                    continue
                blob = [(row, column)]
                taken[row, column] = True
                for pixel in blob:
                    for y in range(max(pixel[0] - 1, top), min(pixel[0] + 1, bottom) + 1):
                        for x in range(max(pixel[1] - 1, left), min(pixel[1] + 1, right) + 1):
                            if bright[y, x] and not taken[y, x]:
                                taken[y, x] = True
                                blob.append((y, x))
                if not min_pixel_count <= len(blob) <= max_pixel_count:
                    continue
                excess = np.array([image[pixel] - offsets[pixel] for pixel in blob])
                where = np.array(blob, float)
                weight = abs(excess.sum())
                if weight < 1e-10:
                    continue
                ss, fs = np.rint(excess @ where / weight).astype(int)
                reach = 2 * local_bg_radius
                disc = np.array(
                    [
                        image[y, x]
                        for y in range(max(ss - reach, top), min(ss + reach - 1, bottom) + 1)
                        for x in range(max(fs - reach, left), min(fs + reach - 1, right) + 1)
                        if math.hypot(y - ss, x - fs) <= reach and dim[y, x]
                    ]
                )
                if disc.size:
                    level, sigma, most = disc.mean(), disc.std(), max(0.0, disc.max())
                else:
                    level, sigma, most = offsets[ss, fs], 0.01, 0.0
                if photon is not None and sigma <= 1e-10:
                    sigma = photon / math.sqrt(max(disc.size, 1))
                values = np.array([image[pixel] for pixel in blob])
                raw = abs(values.sum())
                if raw < 1e-10:
                    continue
                centre_ss, centre_fs = values @ where / raw
                total, best = float((values - level).sum()), max(0.0, float((values - level).max()))
                ratio = total / sigma if sigma > 1e-10 else 0.0
                if ratio < minimum_snr or best < most - level:
                    continue
                if not (top <= centre_ss <= bottom and left <= centre_fs <= right):
                    continue
                found.append((centre_fs, centre_ss, total, len(blob), best, ratio))
    if photon is None:
        return found[:max_num_peaks]
    strongest = sorted(range(len(found)), key=lambda index: -found[index][2])[:max_num_peaks]
    return [found[index] for index in sorted(strongest)]
