"""Writes TIFF files in a process of its own: ``python image_writer.py HOW FOLDER FRAMES``, as fast as it can.

``in_place``: under their names, in many small pieces, the last files before the first of each ten. ``renamed``: under hidden names, which
are changed when the files are whole.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from fabio.tifimage import TifImage

SHAPE = (48, 64)
TOGETHER = 10
"""Files that are open at once."""
PIECE = 1000


def picture(number: int) -> np.ndarray[Any, np.dtype[np.int32]]:
    """What the file of this number shows."""
    return np.arange(SHAPE[0] * SHAPE[1], dtype=np.int32).reshape(SHAPE) * 3 + number


def octets_of(number: int) -> bytes:
    """The file of this number."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "image.tif")
        TifImage(data=picture(number)).write(str(path))
        return path.read_bytes()


def _in_place(folder: Path, files: int) -> None:
    for first in range(1, files + 1, TOGETHER):
        numbers = range(min(first + TOGETHER, files + 1) - 1, first - 1, -1)
        pieces = {number: _pieces(octets_of(number)) for number in numbers}
        opened = {number: (folder / f"run_{number:04}.tif").open("wb", buffering=0) for number in numbers}
        while opened:
            for number in list(opened):
                piece = next(pieces[number], None)
                if piece is None:
                    opened.pop(number).close()
                else:
                    opened[number].write(piece)


def _pieces(octets: bytes) -> Iterator[bytes]:
    for begin in range(0, len(octets), PIECE):
        yield octets[begin : begin + PIECE]


def _renamed(folder: Path, files: int) -> None:
    for number in range(1, files + 1):
        hidden = folder / f".run_{number:04}.tif"
        hidden.write_bytes(octets_of(number))
        os.rename(hidden, folder / f"run_{number:04}.tif")


if __name__ == "__main__":
    {"in_place": _in_place, "renamed": _renamed}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
