"""One call from a frame to its peaks."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from beamloom.apps.crystallography.peaks.finder import PeakFinder
from beamloom.apps.crystallography.peaks.found import Peaks
from beamloom.apps.crystallography.peaks.layout import Panel
from beamloom.apps.crystallography.peaks.settings import Mode, PeakSettings

Array = np.ndarray[Any, np.dtype[Any]]


def find_peaks(
    frame: Array,
    *,
    radius: Array,
    mask: Array | None = None,
    panels: Sequence[Panel] | Array | None = None,
    adc_threshold: float,
    minimum_snr: float,
    min_pixel_count: int,
    max_pixel_count: int,
    local_bg_radius: int,
    max_num_peaks: int,
    mode: Mode = "exact",
    adu_per_photon: float | None = None,
) -> Peaks:
    """The Bragg peaks of ``frame``, of shape (ss, fs), by the peakfinder8 algorithm (Barty et al., J. Appl. Cryst. 47 (2014) 1118).

    ``radius``: the distance of each pixel from the beam, in pixels. ``mask``: 0 where a pixel is to be ignored. ``panels``: the
    rectangles of the frame that are panels, ``(min_ss, max_ss, min_fs, max_fs)`` with both ends inclusive; they may be of any size and
    have gaps between them, and None stands for one panel. The other parameters are those of ``PeakSettings``.

    ``mode``: ``exact`` gives the peaks of OM 23.8.3, ``robust`` has no blind bins on sparse photon data, and ``fast`` is ``robust``
    with radial statistics carried over frames: calls with an equal detector and equal parameters are taken for one stream of them.

    What is prepared for a detector is kept for the next call of the thread with arrays that are equal; for many frames a
    ``PeakFinder`` saves the comparison. Raises PeakSettingsError.
    """
    settings = PeakSettings(
        adc_threshold=adc_threshold,
        minimum_snr=minimum_snr,
        min_pixel_count=min_pixel_count,
        max_pixel_count=max_pixel_count,
        local_bg_radius=local_bg_radius,
        max_num_peaks=max_num_peaks,
        adu_per_photon=adu_per_photon,
    )
    radius = np.asarray(radius)
    mask = None if mask is None else np.asarray(mask)
    places = None if panels is None else np.array(panels, np.int64)
    finder = _last.finder(radius, mask, places, mode, settings)
    finder.settings = settings
    return finder.find(frame)


class _Last(threading.local):
    """The finder of this thread's last call, with copies of what it was made from: the arrays may have been changed since."""

    made_from: tuple[Array, Array | None, Array | None, str] | None = None
    made: PeakFinder | None = None

    def finder(
        self, radius: Array, mask: Array | None, panels: Array | None, mode: Mode, settings: PeakSettings
    ) -> PeakFinder:
        if self.made is not None and self.made_from is not None:
            last_radius, last_mask, last_panels, last_mode = self.made_from
            if (
                mode == last_mode
                and _equal(radius, last_radius)
                and _equal(mask, last_mask)
                and _equal(panels, last_panels)
            ):
                return self.made
        self.made = None
        self.made = PeakFinder(radius, settings=settings, mask=mask, panels=panels, mode=mode)
        self.made_from = (radius.copy(), None if mask is None else mask.copy(), panels, mode)
        return self.made


_last = _Last()


def _equal(one: Array | None, other: Array | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.shape == other.shape and one.dtype == other.dtype and bool(np.array_equal(one, other))
