"""From the settings of autosave to the place of each run."""

from __future__ import annotations

import importlib
import importlib.util
import time

from beamloom.errors import UsageError
from beamloom.results.files.compression import Compression
from beamloom.results.files.keeper import MakePlace
from beamloom.results.files.naming import ZARR_ENDING, check_file, file_of_run
from beamloom.results.files.place import Hdf5File, Place, ZarrFolder
from beamloom.results.record import RunRecord


def places(template: str, name: str, compression: Compression, *, swmr: bool = False) -> MakePlace:
    """How the place of a run is made; ``name`` is that of the reducer. Raises UsageError, ModuleNotFoundError."""
    check_file(template)
    is_zarr = template.lower().endswith(ZARR_ENDING)
    if is_zarr and swmr:
        raise UsageError("autosave_swmr is for HDF5: let autosave end in .h5, or leave autosave_swmr away")
    if not is_zarr:
        importlib.import_module("h5py")
    if not is_zarr and compression == "zstd" and importlib.util.find_spec("hdf5plugin") is None:
        raise UsageError(
            "autosave_compression: zstd needs the HDF5 plugins; pip install 'beamloom[files]', or take gzip"
        )

    def make(record: RunRecord) -> Place:
        path = file_of_run(template, record.run, record.started or time.time(), name)
        if swmr:
            from beamloom.results.files.following import SwmrFile

            return SwmrFile(path, compression)
        return ZarrFolder(path, compression) if is_zarr else Hdf5File(path, compression)

    return make
