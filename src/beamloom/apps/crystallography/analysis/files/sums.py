"""Sum files: the plain sums of one class, and the powder of its peaks, where OM's users look for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from beamloom.apps.crystallography.analysis.files.whole import replacing
from beamloom.apps.crystallography.analysis.totals import ClassSum


def write_sum(path: Path, total: ClassSum) -> None:
    """Write ``/data/nframes``, ``/data/data`` and ``/data/peakpowder`` to ``path``; nothing without a sum of frames. Raises OSError."""
    import h5py

    if total.frames is None or total.peaks is None or total.frames.shape != total.peaks.shape:
        return
    with replacing(path) as unfinished, h5py.File(unfinished, "w") as file:
        group = file.create_group("data")
        group["nframes"] = np.array([total.summed], np.int64)
        group["data"] = total.frames.astype(np.float64)
        group["peakpowder"] = total.peaks
