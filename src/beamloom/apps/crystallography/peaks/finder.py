"""The search in frame after frame of one detector: what does not change is prepared once, and every buffer is used again."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final

import numpy as np

from beamloom.apps.crystallography.peaks import clusters, radial
from beamloom.apps.crystallography.peaks.bands import Crew
from beamloom.apps.crystallography.peaks.carried import CarriedStatistics
from beamloom.apps.crystallography.peaks.compiled import compilations
from beamloom.apps.crystallography.peaks.found import Peaks
from beamloom.apps.crystallography.peaks.layout import Layout, Panel, lay_out
from beamloom.apps.crystallography.peaks.settings import Mode, PeakSettings, PeakSettingsError, checked_mode
from beamloom.apps.crystallography.peaks.statistics import Clipping, FrameStatistics

Array = np.ndarray[Any, np.dtype[Any]]

_log = logging.getLogger(__name__)

QUARTER_OF_A_PHOTON: Final = 0.5
"""Standard deviation, in photons, of a background of a quarter of a photon: the least that is taken to be one."""
_MORE_THAN_ASKED_FOR: Final = 2**16
"""Peaks among which the strongest are chosen."""


class PeakFinder:
    """Searches frames of one detector, one after the other; see ``find_peaks`` for the arguments.

    A finder has buffers of its own and is used by one thread at a time; ``threads`` are those that it divides each frame among, with the
    same result for every number of them. With more than one it is to be closed, by ``close`` or ``with``.
    """

    def __init__(
        self,
        radius: Array,
        *,
        settings: PeakSettings,
        mask: Array | None = None,
        panels: Sequence[Panel] | Array | None = None,
        mode: Mode = "robust",
        threads: int = 1,
    ) -> None:
        self.settings = settings
        """May be replaced between two frames."""
        self._mode = checked_mode(mode)
        if threads < 1:
            raise PeakSettingsError(f"threads is {threads}; give 1 or more")
        self._layout = lay_out(radius, mask, panels)
        self._crew = Crew(threads)
        self._of_frames = FrameStatistics(self._layout, self._crew)
        self._carried = (
            CarriedStatistics(self._layout, self._crew, self._of_frames) if self._mode == "fast" else None
        )
        self._panel_of = self._layout.panel_of.reshape(-1)
        self._joined = np.zeros(self._layout.labels.shape, np.uint8)
        self._type: np.dtype[Any] | None = None

    def __enter__(self) -> PeakFinder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the threads."""
        self._crew.close()

    @property
    def mode(self) -> Mode:
        return self._mode

    @property
    def layout(self) -> Layout:
        return self._layout

    @property
    def beginnings(self) -> int:
        """In ``fast``: how often the statistics were taken from all pixels of a frame; each costs as much as a frame in ``robust``."""
        return 0 if self._carried is None else self._carried.beginnings

    def forget(self) -> None:
        """What follows has another background, a new run perhaps: ``fast`` begins anew. Other modes find the same either way."""
        self._of_frames.forget()
        if self._carried is not None:
            self._carried.forget()

    def find(self, frame: Array) -> Peaks:
        """The peaks of ``frame``, of the shape of the radius map. Raises PeakSettingsError for another one.

        NaN and infinite pixels are ignored.
        """
        frame = self._readable(frame)
        if frame.dtype == self._type:
            return self._search(frame)
        self._of_frames.forget()
        self._type = frame.dtype
        begun, before = time.perf_counter(), compilations(radial.fold, clusters.find_clusters)
        peaks = self._search(frame)
        if compilations(radial.fold, clusters.find_clusters) > before:
            _log.info(
                "the search of %s frames was compiled in %.1f s; the machine code is kept for the next start",
                frame.dtype,
                time.perf_counter() - begun,
            )
        return peaks

    def thresholds(self, frame: Array) -> Array:
        """What ``exact`` and ``robust`` know of ``frame`` when they search it: for each radial bin offset, sigma, and limits."""
        return self._of_frames.of(self._readable(frame), self._clipping(frame.dtype))[0]

    def _search(self, frame: Array) -> Peaks:
        settings = self.settings
        statistics = self._of_frames if self._carried is None else self._carried
        states, candidates = statistics.of(frame, self._clipping(frame.dtype))
        exact = self._mode == "exact"
        if len(self._layout.panels) > 1:
            candidates = clusters.by_panel(candidates, self._panel_of, len(self._layout.panels))
        room = settings.max_num_peaks + (0 if exact else _MORE_THAN_ASKED_FOR)
        rows = np.empty((min(room, candidates.size), clusters.FIELDS), np.float64)
        count = clusters.find_clusters(
            frame,
            self._layout.labels,
            self._layout.bins,
            states,
            self._layout.panels,
            self._layout.panel_of,
            candidates,
            self._joined,
            np.empty(candidates.size, np.int32),
            float(settings.minimum_snr),
            settings.min_pixel_count,
            settings.max_pixel_count,
            2 * settings.local_bg_radius,
            float(settings.adu_per_photon or 1.0),
            exact,
            rows,
        )
        return _as_peaks(_strongest(rows[:count], settings.max_num_peaks))

    def _clipping(self, dtype: np.dtype[Any]) -> Clipping:
        settings = self.settings
        photon = settings.adu_per_photon or (1.0 if np.issubdtype(dtype, np.integer) else 0.0)
        exact = self._mode == "exact"
        return Clipping(
            snr=float(settings.minimum_snr),
            adc=float(settings.adc_threshold),
            least_sigma=0.0 if exact else QUARTER_OF_A_PHOTON * photon,
            exact=exact,
        )

    def _readable(self, frame: Array) -> Array:
        """``frame`` as the kernels take it: native, contiguous, and not writable, so that they are compiled once for either kind.

        Whole numbers of 64 bits become float64, in which all are summed anyway.
        """
        frame = np.asarray(frame)
        if frame.shape != self._layout.labels.shape:
            raise PeakSettingsError(
                f"the frame has the shape {frame.shape}, but radius {self._layout.labels.shape}; "
                "give the slab that the geometry describes"
            )
        if frame.dtype.kind not in "uif":
            raise PeakSettingsError(f"frames of {frame.dtype} are not searched; convert them to numbers")
        kind = frame.dtype.newbyteorder("=")
        if kind.itemsize >= 8:
            kind = np.dtype(np.float64)
        elif kind == np.float16:
            kind = np.dtype(np.float32)
        view = np.ascontiguousarray(frame, kind).view()
        view.flags.writeable = False
        return view


def _strongest(rows: Array, most: int) -> Array:
    """The ``most`` rows of the highest intensity, in the order that they have."""
    if len(rows) <= most:
        return rows
    kept = np.sort(np.argsort(-rows[:, 2], kind="stable")[:most])
    return rows[kept]


def _as_peaks(rows: Array) -> Peaks:
    fs, ss, intensity, pixels, brightest, snr = np.ascontiguousarray(rows.T)
    return Peaks(fs, ss, intensity, pixels.astype(np.int64), brightest, snr)
