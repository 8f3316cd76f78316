"""One file that shows the hits of all files of a run, as virtual datasets: it holds no frames itself.

Written anew when a file begins and at the end. The last file may still grow, and the master with it: who follows opens it with SWMR and
refreshes its datasets.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py

from beamloom.apps.crystallography.analysis.files.cxi_file import VERSION
from beamloom.apps.crystallography.analysis.files.cxi_layout import Column, Layout, build
from beamloom.apps.crystallography.analysis.files.whole import replacing


def write_master(
    path: Path, layout: Layout, files: Sequence[tuple[Path, int]], run: str, *, growing: bool
) -> None:
    """Write the master at ``path`` of ``files``, each with its hits, in the same folder; ``growing``: the last has no end yet.

    Raises OSError.
    """
    # What has no end is selected by one row at least; how many there are HDF5 finds out as it opens the file.
    files = [
        (file, max(hits, 1) if growing and place == len(files) - 1 else hits)
        for place, (file, hits) in enumerate(files)
    ]
    total = sum(hits for _, hits in files)

    def virtual(column: Column) -> Any:
        shown = h5py.VirtualLayout((total, *column.row), column.kind, maxshape=(None, *column.row))
        start = 0
        for place, (file, hits) in enumerate(files):
            open_ended = growing and place == len(files) - 1
            source = h5py.VirtualSource(
                file.name,
                column.path,
                (hits, *column.row),
                column.kind,
                maxshape=(None if open_ended else hits, *column.row),
            )
            if open_ended:
                shown[start : h5py.h5s.UNLIMITED] = source[0 : h5py.h5s.UNLIMITED]
            elif hits:
                shown[start : start + hits] = source
            start += hits
        return target.create_virtual_dataset(column.path, shown, fillvalue=column.fill)

    with replacing(path) as unfinished, h5py.File(unfinished, "w", libver=VERSION) as target:
        build(target, layout, virtual, run)
