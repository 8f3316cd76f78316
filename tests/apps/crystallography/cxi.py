"""Files of hits as CrystFEL reads them (libcrystfel's image-hdf5.c, ``--peaks=cxi``): by h5py alone, with each thing that it insists on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - bitshuffle and LZ4 for h5py
import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


class CrystfelImage:
    """One frame of a file, by a geometry with ``dim0 = %``, ``dim1 = ss``, ``dim2 = fs``."""

    def __init__(
        self, pixels: Array, energy: float, length: float, fs: Array, ss: Array, intensity: Array
    ) -> None:
        self.pixels = pixels
        self.photon_energy = energy
        """eV."""
        self.camera_length = length
        """m."""
        self.fs, self.ss, self.intensity = fs, ss, intensity

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CrystfelImage) and all(
            np.array_equal(mine, theirs)
            for mine, theirs in zip(vars(self).values(), vars(other).values(), strict=True)
        )

    __hash__ = None  # type: ignore[assignment]


def as_crystfel_reads(path: Path, row: int) -> CrystfelImage:
    """The frame ``path // row``."""
    assert path.suffix in (".h5", ".cxi"), "what it takes for HDF5"
    with h5py.File(path, "r") as file:
        frames = file["/entry_1/data_1/data"]
        assert frames.ndim == 3
        peaks = file["/entry_1/result_1"]
        count = peaks["nPeaks"]
        assert (count.ndim, count.dtype.kind) == (1, "i")
        lists = [peaks[name] for name in ("peakXPosRaw", "peakYPosRaw", "peakTotalIntensity")]
        assert all(one.ndim == 2 and one.shape[0] == count.shape[0] == frames.shape[0] for one in lists)
        number = int(count[row])
        assert number <= min(one.shape[1] for one in lists), "it would read beyond the list"
        fs, ss, intensity = (one[row].astype(np.float32)[:number] for one in lists)
        return CrystfelImage(
            frames[row],
            float(file["/LCLS/photon_energy_eV"][row]),
            float(file["/entry_1/instrument_1/detector_1/distance"][row]),
            fs,
            ss,
            intensity,
        )


def hits_in(path: Path) -> dict[int, int]:
    """The events of a file, each with the first pixel of its frame; no event is there twice."""
    with h5py.File(path, "r") as file:
        events = file["entry_1/event"][...].tolist()
        frames = file["entry_1/data_1/data"]
        assert len(events) == len(set(events)) == len(frames)
        return {event: int(frames[row, 0, 0]) for row, event in enumerate(events)}


def content(path: Path) -> dict[str, Array]:
    """All datasets of a master with a row for each hit, in the order of events."""
    with h5py.File(path, "r") as file:
        order = np.argsort(file["entry_1/event"][...])
        found: dict[str, Array] = {}

        def take(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset) and item.ndim:
                found[name] = item[...][order]

        file.visititems(take)
    return found
