"""Which pixels count: what a geometry says of it, from its own lines and from the files that it names."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from beamloom.apps.crystallography.geometry.maps import PixelMaps
from beamloom.apps.crystallography.geometry.model import (
    BadRegion,
    DetectorPanel,
    Geometry,
    GeometryError,
    MaskSource,
)
from beamloom.apps.crystallography.geometry.slab import Slab

Array = np.ndarray[Any, np.dtype[Any]]
ReadMask = Callable[[MaskSource], Array]


def good_pixels(geometry: Geometry) -> Array:
    """True where a pixel of the slab is of a panel that is indexed, in no bad region, and not too near to an edge; bool."""
    maps = PixelMaps(geometry, at="centre")
    good = np.zeros(maps.slab.shape, np.bool_)
    for panel in geometry.panels:
        if panel.no_index:
            continue
        edge = panel.mask_edge_pixels
        top, bottom, left, right = maps.slab.places[panel.name]
        good[top + edge : bottom + 1 - edge, left + edge : right + 1 - edge] = True
    for region in geometry.bad_regions:
        for panel in geometry.panels:
            if region.panel in (None, panel.name):
                _put_out(good, region, panel, maps)
    return good


def good_in_files(geometry: Geometry, folder: str | Path = ".", data_file: str | Path | None = None) -> Array:
    """True where no mask that the geometry names says that a pixel is bad; bool, of the shape of the slab.

    Files are looked for from ``folder`` on; masks without one are read from ``data_file``. Raises GeometryError.
    """

    def read(source: MaskSource) -> Array:
        if source.file is None and data_file is None:
            raise GeometryError(f"the mask {source.data} is in the file of the data; say which that is")
        return _dataset(Path(folder) / source.file if source.file else Path(str(data_file)), source.data)

    return good_by_masks(geometry, read)


def good_by_masks(geometry: Geometry, read: ReadMask) -> Array:
    """As ``good_in_files``, where ``read`` gives the array of a mask."""
    slab = Slab(geometry)
    good = np.ones(slab.shape, np.bool_)
    known: dict[tuple[str, str | None], Array] = {}
    for panel in geometry.panels:
        top, bottom, left, right = slab.places[panel.name]
        for source in panel.masks.values():
            where = (source.data, source.file)
            if where not in known:
                known[where] = read(source)
            bits = _of_panel(known[where], panel, slab).astype(np.int64)
            bad = (bits & source.bad_bits) != 0
            bad |= (bits & source.good_bits) != source.good_bits
            good[top : bottom + 1, left : right + 1] &= ~bad
    return good


def flagged(geometry: Geometry, slab: Array) -> Array:
    """True where the value of a pixel itself says, by flag_lessthan, flag_morethan and flag_equal, that it is bad; bool."""
    places = Slab(geometry).places
    bad = np.zeros(slab.shape, np.bool_)
    for panel in geometry.panels:
        top, bottom, left, right = places[panel.name]
        here = np.s_[top : bottom + 1, left : right + 1]
        for value in panel.flag_lessthan:
            bad[here] |= slab[here] < value
        for value in panel.flag_morethan:
            bad[here] |= slab[here] > value
        for value in panel.flag_equal:
            bad[here] |= slab[here] == value
    return bad


def _put_out(good: Array, region: BadRegion, panel: DetectorPanel, maps: PixelMaps) -> None:
    top, bottom, left, right = maps.slab.places[panel.name]
    here = np.s_[top : bottom + 1, left : right + 1]
    if region.fs is not None and region.ss is not None:
        ss, fs = np.ogrid[panel.min_ss : panel.max_ss + 1, panel.min_fs : panel.max_fs + 1]
        inside = (region.fs[0] <= fs) & (fs <= region.fs[1]) & (region.ss[0] <= ss) & (ss <= region.ss[1])
    elif region.x is not None and region.y is not None:
        x, y = maps.x[here], maps.y[here]
        inside = (region.x[0] <= x) & (x <= region.x[1]) & (region.y[0] <= y) & (y <= region.y[1])
    else:
        return
    good[here] &= ~inside


def _of_panel(mask: Array, panel: DetectorPanel, slab: Slab) -> Array:
    """The part of ``mask`` that belongs to ``panel``: a mask has the axes of the data, with or without that of frames, or is a slab."""
    top, bottom, left, right = slab.places[panel.name]
    if mask.shape == slab.shape:
        return mask[top : bottom + 1, left : right + 1]
    axes = [axis for axis in panel.dims if axis != "%"]
    while mask.ndim > len(axes) and mask.shape[0] == 1:
        mask = mask[0]
    if mask.ndim != len(axes):
        raise GeometryError(
            f"a mask of the shape {mask.shape} has not the {len(axes)} dimensions of a frame of the panel {panel.name!r}"
        )
    spans = {"ss": slice(panel.min_ss, panel.max_ss + 1), "fs": slice(panel.min_fs, panel.max_fs + 1)}
    try:
        part: Array = mask[tuple(axis if isinstance(axis, int) else spans[axis] for axis in axes)]
    except IndexError:
        part = mask[:0, :0] if mask.ndim == 2 else mask.reshape(-1, 1)[:0]
    if axes.index("fs") < axes.index("ss"):
        part = part.T
    if part.shape != panel.shape:
        raise GeometryError(f"a mask of the shape {mask.shape} does not reach over the panel {panel.name!r}")
    return part


def _dataset(path: Path, place: str) -> Array:
    try:
        h5py = importlib.import_module("h5py")
    except ImportError:
        raise GeometryError(
            f"the mask {path} is an HDF5 file, and h5py is not here; pip install 'beamloom[crystallography]'"
        ) from None
    try:
        with h5py.File(path, "r") as file:
            found: Array = file[place][...]
    except KeyError:
        raise GeometryError(f"the mask file {path} has no dataset {place}") from None
    except OSError as error:
        raise GeometryError(f"the mask file {path} cannot be read: {error}") from None
    return found
