"""Where things are in a file of hits: as CXI (Maia, Nature Methods 9, 854, 2012) and CrystFEL have them, with the groups of NeXus.

One row for each hit, in the order in which they came. ``entry_1/event`` has the number of the event and is written after all else of its
row, so that a row is whole where this number is there. Peaks are in pixels of the slab, their centres whole numbers, zero behind the last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from beamloom.apps.crystallography.analysis.hit_frames import HitFrame

Array = np.ndarray[Any, np.dtype[Any]]

FRAMES: Final = "entry_1/data_1/data"
EVENT: Final = "entry_1/event"
RUN: Final = "entry_1/entry_identifier"
NO_EVENT: Final = -1
CXI_VERSION: Final = 160
JOULES_PER_EV: Final = 1.602176634e-19
"""Exactly (SI, 2019)."""

_GROUPS: Final = {
    "/": {"NX_class": "NXroot", "default": "entry_1"},
    "entry_1": {"NX_class": "NXentry", "default": "data_1"},
    "entry_1/data_1": {"NX_class": "NXdata", "signal": "data"},
    "entry_1/instrument_1": {"NX_class": "NXinstrument"},
    "entry_1/instrument_1/source_1": {"NX_class": "NXsource"},
    "entry_1/instrument_1/detector_1": {"NX_class": "NXdetector"},
    "entry_1/result_1": {"NX_class": "NXcollection"},
    "LCLS": {"NX_class": "NXcollection"},
    "LCLS/detector_1": {"NX_class": "NXcollection"},
}
_LINKS: Final = {
    "entry_1/instrument_1/detector_1/data": f"/{FRAMES}",
    "LCLS/photon_energy_eV": "/entry_1/instrument_1/source_1/photon_energy",
    "LCLS/timestamp": "/entry_1/timestamp",
    "LCLS/fiducial": "/entry_1/event_id",
}
"""Second names, by which geometries for Cheetah's files know them."""
_PEAKS: Final = {
    "peakXPosRaw": ("fs", "pixel"),
    "peakYPosRaw": ("ss", "pixel"),
    "peakTotalIntensity": ("intensity", "adu"),
    "peakNPixels": ("num_pixels", "pixel"),
    "peakMaximumValue": ("max_pixel_intensity", "adu"),
    "peakSNR": ("snr", ""),
}


class Layout(NamedTuple):
    """What is the same for all hits of a file."""

    pixels: str
    """Type of a pixel, as ``<u2``."""
    shape: tuple[int, int]
    """Pixels along ss and fs."""
    id_bytes: int
    """The longest id of an event."""
    most_peaks: int

    @property
    def missing(self) -> Any:
        """The value of pixels that are not there: the highest of whole numbers, else NaN."""
        kind = np.dtype(self.pixels)
        return np.iinfo(kind).max if kind.kind in "iu" else np.nan

    def holds(self, hit: HitFrame) -> bool:
        """Whether the hit goes into such a file."""
        return hit.kind == (self.pixels, *self.shape) and len(hit.info.event_id.encode()) <= self.id_bytes


def layout_for(hit: HitFrame, most_peaks: int) -> Layout:
    """The layout of a file that begins with ``hit``."""
    if hit.kind is None:
        raise TypeError("the hit is not packed for a file")
    pixels, *shape = hit.kind
    # Numbers in ids grow; a longer one begins another file.
    length = len(hit.info.event_id.encode()) + 8
    return Layout(pixels, (shape[0], shape[1]), -(-length // 16) * 16, most_peaks)


class Column(NamedTuple):
    """One dataset, with a row for each hit."""

    path: str
    kind: str
    """The numpy name of its type."""
    row: tuple[int, ...]
    fill: Any
    units: str
    chunk: int
    """Rows of a chunk."""


def columns(layout: Layout) -> Iterator[Column]:
    """All datasets, frames first and ``EVENT`` last."""
    yield Column(FRAMES, layout.pixels, layout.shape, layout.missing, "adu", 1)
    yield Column("entry_1/event_id", f"S{layout.id_bytes}", (), None, "", 256)
    yield Column("entry_1/timestamp", "<f8", (), np.nan, "s", 1024)
    yield Column("entry_1/optical_laser_active", "i1", (), -1, "", 1024)
    yield Column("entry_1/instrument_1/source_1/photon_energy", "<f8", (), np.nan, "eV", 1024)
    yield Column("entry_1/instrument_1/source_1/energy", "<f8", (), np.nan, "J", 1024)
    yield Column("entry_1/instrument_1/detector_1/distance", "<f8", (), np.nan, "m", 1024)
    yield Column("LCLS/detector_1/EncoderValue", "<f8", (), np.nan, "mm", 1024)
    yield Column("entry_1/result_1/nPeaks", "<i8", (), 0, "", 1024)
    for name, (_, units) in _PEAKS.items():
        yield Column(f"entry_1/result_1/{name}", "<f4", (layout.most_peaks,), 0, units, 16)
    yield Column(EVENT, "<i8", (), NO_EVENT, "", 1024)


def rows(hits: Sequence[HitFrame], layout: Layout) -> dict[str, Array]:
    """What the columns get for ``hits``, without frames and events."""
    infos = [hit.info for hit in hits]
    energy = np.array([info.beam_energy for info in infos])
    distance = np.array([info.detector_distance for info in infos])
    kept = [_strongest(hit.peaks.intensity, layout.most_peaks) for hit in hits]
    found: dict[str, Array] = {
        "entry_1/event_id": np.array([info.event_id.encode() for info in infos], f"S{layout.id_bytes}"),
        "entry_1/timestamp": np.array([info.timestamp for info in infos]),
        "entry_1/optical_laser_active": np.array(
            [-1 if info.optical_laser_active is None else int(info.optical_laser_active) for info in infos],
            np.int8,
        ),
        "entry_1/instrument_1/source_1/photon_energy": energy,
        "entry_1/instrument_1/source_1/energy": energy * JOULES_PER_EV,
        "entry_1/instrument_1/detector_1/distance": distance / 1000,
        "LCLS/detector_1/EncoderValue": distance,
        "entry_1/result_1/nPeaks": np.array([len(one) for one in kept], np.int64),
    }
    for name, (field, _) in _PEAKS.items():
        table = np.zeros((len(hits), layout.most_peaks), np.float32)
        for row, hit, one in zip(table, hits, kept, strict=True):
            row[: len(one)] = getattr(hit.peaks, field)[one]
        found[f"entry_1/result_1/{name}"] = table
    return found


def build(file: Any, layout: Layout, make: Callable[[Column], Any], run: str) -> None:
    """Make groups, datasets by ``make``, links and attributes in an empty file."""
    for path, attributes in _GROUPS.items():
        file.require_group(path).attrs.update(attributes)
    file["cxi_version"] = CXI_VERSION
    file[RUN] = run
    file.attrs["creator"] = "beamloom"
    for column in columns(layout):
        dataset = make(column)
        if column.units:
            dataset.attrs["units"] = column.units
    import h5py

    for path, target in _LINKS.items():
        file[path] = h5py.SoftLink(target)


def _strongest(intensity: Array, most: int) -> Array:
    """The indices of the strongest ``most`` peaks, in the order of the list."""
    if len(intensity) <= most:
        return np.arange(len(intensity))
    return np.sort(np.argsort(-np.asarray(intensity), kind="stable")[:most])
