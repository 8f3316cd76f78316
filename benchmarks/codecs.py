"""Unpacking an EIGER 4M frame (2167 x 2070 of uint32, bitshuffle and LZ4): ours beside other libraries, as far as they are installed.

CPU time of one thread, the best of several; ``--json`` prints the figures as one JSON object on the last line.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import time
from collections.abc import Callable
from typing import Any

# Before the library that reads it is imported.
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np

from beamloom.devices.codecs import pack, unpack

SHAPE = (2167, 2070)
REPEATS = 20

Unpack = Callable[[], Any]


def frame() -> np.ndarray[Any, np.dtype[np.uint32]]:
    """Diffuse scattering of a few photons per pixel, and the gaps between modules."""
    y, x = np.ogrid[: SHAPE[0], : SHAPE[1]]
    mean = 3 * np.exp(-np.hypot(y - 1080, x - 1030) / 400)
    pixels: np.ndarray[Any, np.dtype[np.uint32]] = np.random.default_rng(1).poisson(mean).astype(np.uint32)
    pixels[514:551] = pixels[:, 1030:1040] = 0xFFFFFFFF
    return pixels


def ours(blob: bytes, size: int) -> Unpack:
    """``beamloom.devices.codecs``."""
    return lambda: unpack(blob, "bslz4", size, 4)


def bitshuffle(blob: bytes, size: int) -> Unpack:
    """The reference implementation."""
    library = importlib.import_module("bitshuffle")
    packed = np.frombuffer(blob, np.uint8, offset=12)
    return lambda: library.decompress_lz4(packed, (size // 4,), np.dtype("uint32"), 2048)


def dectris(blob: bytes, size: int) -> Unpack:
    """``dectris-compression``, the detector maker's."""
    del size
    library = importlib.import_module("dectris.compression")
    return lambda: library.decompress(blob, "bslz4", elem_size=4)


def hdf5(blob: bytes, size: int) -> Unpack:
    """``hdf5plugin``, through a file in memory."""
    h5py, plugin = importlib.import_module("h5py"), importlib.import_module("hdf5plugin")

    def read() -> Any:
        with h5py.File("unnamed", "w", driver="core", backing_store=False) as file:
            length = size // 4
            dataset = file.create_dataset("x", (length,), "uint32", chunks=(length,), **plugin.Bitshuffle())
            dataset.id.write_direct_chunk((0,), blob)
            return dataset[...]

    return read


def milliseconds(run: Unpack) -> float:
    """CPU time of one call."""
    times = []
    for _ in range(REPEATS):
        begun = time.process_time()
        run()
        times.append(time.process_time() - begun)
    return min(times) * 1e3


def main() -> None:
    """Print a line for each library."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON at the end")
    arguments = parser.parse_args()
    pixels = frame()
    blob = pack(pixels, "bslz4")
    print(f"{pixels.nbytes} bytes, packed {pixels.nbytes / len(blob):.1f} : 1")
    figures: dict[str, float] = {}
    for library in (ours, bitshuffle, dectris, hdf5):
        try:
            run = library(blob, pixels.nbytes)
        except ImportError:
            print(f"{library.__name__:12} not installed")
            continue
        if np.asarray(run()).tobytes() != pixels.tobytes() and bytes(run()) != pixels.tobytes():
            raise SystemExit(f"{library.__name__} gives other pixels")
        figures[f"{library.__name__}_ms"] = round(milliseconds(run), 2)
        print(f"{library.__name__:12} {figures[f'{library.__name__}_ms']:6.2f} ms")
    if arguments.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
