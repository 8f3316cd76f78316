"""Frames of hits as the chunks of an HDF5 file, bitshuffle and LZ4: as the detector packed them where that is what is to be stored.

Workers pack, of whom there are many; who writes the file then only copies bytes. A frame that is stored as it was sent, uncalibrated and
in the form of the slab, is not packed again.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from beamloom.apps.crystallography.analysis.frames import Frame
from beamloom.apps.crystallography.analysis.inputs import AnalysisInputError

Array = np.ndarray[Any, np.dtype[Any]]


class Chunk(NamedTuple):
    """One frame, packed."""

    octets: Array
    """What stands in the file, (n,), uint8."""
    kind: tuple[str, int, int]
    """Type of the pixels, and their number along ss and fs."""


def chunk_of(frame: Frame, raw: Array, image: Array, channel: int) -> Chunk:
    """``image`` (ss, fs) packed; ``raw`` is the slab of ``frame`` that it was made of. Raises AnalysisInputError."""
    sent = _as_sent(frame, raw, channel) if image is raw else None
    pixels = image if image.dtype.kind in "iu" else image.astype(np.float32, copy=False)
    kind = (pixels.dtype.str, *pixels.shape)
    return Chunk(packed(pixels) if sent is None else sent, kind)


def packed(pixels: Array) -> Array:
    """The chunk that holds all ``pixels``, (n,), uint8. Raises AnalysisInputError."""
    try:
        import h5py
        import hdf5plugin
    except ImportError:
        raise AnalysisInputError(
            "write_hits is on, but the libraries for it are missing; install them where the workers run: "
            "pip install 'beamloom[crystallography]'"
        ) from None
    with h5py.File("chunk", "w", driver="core", backing_store=False) as file:
        dataset = file.create_dataset(
            "data",
            data=pixels,
            chunks=pixels.shape,
            **hdf5plugin.Bitshuffle(cname="lz4"),
        )
        file.flush()
        return np.frombuffer(dataset.id.read_direct_chunk((0, 0))[1], np.uint8)


def _as_sent(frame: Frame, raw: Array, channel: int) -> Array | None:
    """The bytes that the detector sent, if they are those of ``raw``, pixel by pixel, in this form."""
    images = list(getattr(frame.parsed, "packed", ()))
    if not images:
        return None
    several = len(images) > 1
    if several and (frame.image.ndim != 3 or len(frame.image) != len(images)):
        return None
    place, unpacked = (images[channel], frame.image[channel]) if several else (images[0], frame.image)
    as_they_lie = (
        raw.flags.c_contiguous
        and raw.size == unpacked.size
        and raw.dtype == place.dtype
        and raw.__array_interface__["data"][0] == unpacked.__array_interface__["data"][0]
    )
    return np.frombuffer(place.blob, np.uint8) if as_they_lie and place.compression == "bslz4" else None
