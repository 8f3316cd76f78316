"""HDF5 files as a device: whole ones, growing ones, and series of several."""

from beamloom.devices.hdf5.device import (
    DEVICE,
    Hdf5End,
    Hdf5Frame,
    Hdf5Packet,
    Hdf5Settings,
    Hdf5Start,
    NeedsH5py,
    parse,
    source,
)
from beamloom.devices.hdf5.series import TYP
from beamloom.devices.hdf5.simulator import generate

__all__ = [
    "DEVICE",
    "TYP",
    "Hdf5End",
    "Hdf5Frame",
    "Hdf5Packet",
    "Hdf5Settings",
    "Hdf5Start",
    "NeedsH5py",
    "generate",
    "parse",
    "source",
]
