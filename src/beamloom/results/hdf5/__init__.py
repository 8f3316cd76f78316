"""A publish tree in the shape of HDF5 over HTTP (the HDF REST API, as HSDS speaks it), for h5pyd, silx and h5web."""

from beamloom.results.hdf5.routes import hdf5_routes, is_question

__all__ = ["hdf5_routes", "is_question"]
