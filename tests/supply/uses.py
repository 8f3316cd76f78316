"""What each optional extra is for: the modules that cannot be imported without it, and the libraries that it brings for later use.

Everything else of Beamloom is imported with the extra or without.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Use(NamedTuple):
    """What one extra is for."""

    modules: tuple[str, ...] = ()
    """Modules and packages of Beamloom that need it as they are imported."""
    libraries: tuple[str, ...] = ()
    """What is imported of the extra itself, many of these only when they are first used."""
    deed: tuple[str, ...] = ()
    """A command that uses it; paths in it are relative to an empty folder."""


USES: Mapping[str, Use] = {
    "arrow": Use(libraries=("pyarrow.ipc",)),
    "azimuthal": Use(modules=("beamloom.apps.azimuthal",), libraries=("pyFAI", "numba", "lz4.block._block")),
    "bluesky": Use(modules=("beamloom.control.bluesky",), libraries=("bluesky",)),
    "crystallography": Use(
        modules=("beamloom.apps.crystallography",), libraries=("numba", "h5py", "hdf5plugin")
    ),
    "dask": Use(libraries=("distributed", "tornado.ioloop")),
    "epics": Use(modules=("beamloom.control.epics",), libraries=("p4p.client.raw", "p4p.server.thread")),
    "files": Use(modules=("beamloom.results.files",), libraries=("h5py", "hdf5plugin", "fabio.fabioutils")),
    "fluorescence": Use(modules=("beamloom.apps.fluorescence",), libraries=("PyMca5.PyMca", "fisx", "numba")),
    "hsds": Use(modules=("beamloom.results.hsds",), libraries=("h5pyd",)),
    "imaging": Use(modules=("beamloom.apps.imaging",), libraries=("numba",)),
    "jobqueue": Use(libraries=("distributed", "dask_jobqueue", "dask.utils")),
    "localization": Use(
        modules=(
            "beamloom.apps.localization",
            "beamloom.rules.recipes.modules.localisations",
            "beamloom.rules.tasks.localise",
        ),
        libraries=("numba", "h5py", "pyarrow"),
    ),
    "plot": Use(libraries=("matplotlib.figure",), deed=("demo", "--png", "map.png")),
    "redis": Use(libraries=("redis",)),
    "rules": Use(libraries=("h5py", "pyarrow.parquet", "scipy.ndimage", "tifffile")),
    "sardana": Use(modules=("beamloom.control.sardana",), libraries=("sardana.macroserver.macro", "tango")),
    "spectroscopy": Use(modules=("beamloom.apps.spectroscopy",), libraries=("numba",)),
    "tango": Use(modules=("beamloom.control.tango",), libraries=("tango.server",)),
    "testing": Use(libraries=("hypothesis.stateful",)),
    "tomography": Use(modules=("beamloom.apps.tomography",), libraries=("numba",)),
    "watch": Use(libraries=("watchfiles",)),
    "zarr": Use(libraries=("zarr",)),
}
"""By the extra's name. What is imported of Beamloom for no extra is imported with the plain installation."""
