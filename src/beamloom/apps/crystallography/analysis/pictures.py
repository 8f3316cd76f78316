"""Sums and frames as people look at them: assembled, as means, and as radial profiles.

Radial profiles are those of the sums: the mean over all pixels of a ring that count of the mean over frames, so that frames need none of
their own.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from beamloom.apps.crystallography.analysis.binning import Binning
from beamloom.apps.crystallography.analysis.instrument import Instrument
from beamloom.apps.crystallography.analysis.last_hits import Hit
from beamloom.apps.crystallography.analysis.thumbnails import Thumbnails
from beamloom.apps.crystallography.geometry.assembled import Assembly
from beamloom.apps.crystallography.geometry.maps import PixelMaps, Ring

Array = np.ndarray[Any, np.dtype[Any]]
SPACINGS: Final = (10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0)
"""In Å: the rings that are shown."""
_RINGS: Final = ["beam", "/rings/radius", "/rings/d"]
_PEAKS: Final = ["peak_x", "peak_y"]


class Pictures:
    """Makes pictures for one layout of the detector."""

    def __init__(self, seen: Instrument, binning: Binning) -> None:
        self._geometry = binning.geometry(seen.geometry)
        self._maps = PixelMaps(self._geometry, at="centre")
        self._assembly = Assembly(self._geometry)
        self._good = binning.good
        self._size = binning.size
        radius = self._maps.radius
        self._counted = np.flatnonzero(self._good & np.isfinite(radius))
        self._bins = np.floor(radius.reshape(-1)[self._counted]).astype(np.int64)
        self._in_ring = np.bincount(self._bins)
        self._seen = seen
        self._thumbnails = Thumbnails(binning)
        small = self._thumbnails.binning.geometry(self._geometry)
        self._small = self._assembly if small is self._geometry else Assembly(small)

    def mean(self, total: Array, count: int, label: str) -> dict[str, Any]:
        """The mean frame of a sum, assembled; NaN where no pixel counts."""
        with np.errstate(invalid="ignore"):
            mean = np.where(self._good, total / max(count, 1), np.nan)
        return self._image(self._assembly.image(mean, np.nan), label)

    def powder(self, total: Array, label: str) -> dict[str, Any]:
        """A virtual powder, assembled; its sum is that of the slab."""
        return self._image(self._assembly.total(total), label)

    def profile(self, total: Array, count: int, label: str) -> dict[str, Any]:
        """The radial profile of a sum of ``count`` frames, over the distance from the beam in pixels of the detector."""
        values = np.nan_to_num(total.reshape(-1)[self._counted].astype(np.float64))
        sums = np.bincount(self._bins, values, minlength=len(self._in_ring))
        with np.errstate(invalid="ignore", divide="ignore"):
            profile = sums / self._in_ring / max(count, 1)
        return {
            "_attrs": {"NX_class": "NXdata", "signal": "profile", "axes": ["radius"], "title": label},
            "profile": profile,
            "profile_attrs": {"units": "adu", "long_name": label},
            "radius": (np.arange(len(profile)) + 0.5) * self._size,
            "radius_attrs": {"units": "pixel", "long_name": "distance from the beam"},
        }

    def frame(self, slab: Array, peaks: Array, event: int, title: str) -> dict[str, Any]:
        """A frame, assembled, and its ``peaks`` (n, 4: fs, ss, intensity, snr) where they are in it."""
        x, y = self._maps.place(peaks[:, 0], peaks[:, 1])
        row, column = self._assembly.beam
        shown = np.where(self._good, slab.astype(np.float32), np.float32(np.nan))
        return {
            **self._image(self._assembly.image(shown, np.nan), "counts", title=title, overlay_points=_PEAKS),
            "event": event,
            "peak_x": column + x,
            "peak_x_attrs": {"long_name": "peaks"},
            "peak_y": row + y,
            "peak_intensity": peaks[:, 2],
            "peak_snr": peaks[:, 3],
        }

    def last_hits(self, hits: list[Hit]) -> dict[str, Any]:
        """Thumbnails of ``hits``, assembled, (n, rows, columns), and their peaks in pixels of these, (n, most), NaN where one has fewer."""
        row, column = self._small.beam
        most = max((len(hit.fs) for hit in hits), default=0)
        x, y = np.full((2, len(hits), most), np.nan)
        for index, hit in enumerate(hits):
            places = self._maps.place(hit.fs, hit.ss)
            x[index, : len(hit.fs)], y[index, : len(hit.fs)] = (
                place / self._thumbnails.size for place in places
            )
        image = np.stack([self._small.image(hit.image, np.nan) for hit in hits])
        return {
            "_attrs": {
                "NX_class": "NXdata",
                "signal": "image",
                "axes": ["event", ".", "."],
                "title": "last hits",
                "newest_first": True,
                "overlay_points": _PEAKS,
            },
            "image": image.astype(np.float32),
            "image_attrs": {"long_name": "brightest pixels", "units": "adu"},
            "event": np.array([hit.event for hit in hits]),
            "num_peaks": np.array([len(hit.fs) for hit in hits]),
            "peak_x": column + x,
            "peak_x_attrs": {"long_name": "peaks"},
            "peak_y": row + y,
            "beam": np.array([row, column]),
            "beam_attrs": {"long_name": "row and column of the beam"},
            "pixel_size": self._thumbnails.size,
            "pixel_size_attrs": {"long_name": "along the side of a pixel", "units": "pixel"},
        }

    @property
    def small_shape(self) -> tuple[int, ...]:
        """Of a thumbnail, (ss, fs)."""
        return self._thumbnails.binning.shape

    def rings(self, *, shown: bool = True) -> dict[str, Any]:
        """Circles of equal resolution: ``d`` in Å, and their radius in pixels of the pictures; none where that is not known.

        ``shown``: whether they are to be seen at all; where the geometry is not good enough they would mislead.
        """
        found = [ring for d in SPACINGS if shown and (ring := self._ring(d)) is not None]
        return {
            "d": np.array([ring.d for ring in found]),
            "d_attrs": {"units": "Å"},
            "radius": np.array([ring.radius for ring in found]),
            "radius_attrs": {"units": "pixel"},
        }

    def _ring(self, d: float) -> Ring | None:
        radius = self._seen.ring(d)
        return None if radius is None else Ring(d, radius / self._size)

    def _image(self, image: Array, label: str, **more: Any) -> dict[str, Any]:
        row, column = self._assembly.beam
        return {
            "_attrs": {
                "NX_class": "NXdata",
                "signal": "image",
                "title": label,
                "overlay_circles": _RINGS,
                **more,
            },
            "image": image,
            "image_attrs": {"long_name": label, "units": "adu"},
            "beam": np.array([row, column]),
            "beam_attrs": {"long_name": "row and column of the beam"},
        }
