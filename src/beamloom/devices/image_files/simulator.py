"""A writer of image files, as a detector's server is: one file an image, written under another name and then renamed."""

from __future__ import annotations

import importlib
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from beamloom.devices.file_reading.urls import path_of
from beamloom.devices.simulating.pace import Pace
from beamloom.errors import UsageError
from beamloom.whole_files import write_whole

_FORMATS: Final = {"tif": "tifimage.TifImage", "cbf": "cbfimage.CbfImage", "edf": "edfimage.EdfImage"}


class ImageFilesSimulator:
    """Writes into the folder of ``url``, ``file:///data/sim/*.tif``, where the folder exists.

    A message is the name of a file and what it holds. Raises ValueError for an address that cannot be right.
    """

    def __init__(self, url: str) -> None:
        self._path = path_of(url).absolute()
        self._folder = self._path if self._path.is_dir() else self._path.parent
        if not self._folder.is_dir():
            raise ValueError(f"a simulator cannot write to {self._folder}, which is no folder; make it first")
        self._lock = threading.Lock()
        self._closing = threading.Event()

    @property
    def url(self) -> str:
        """The files."""
        return f"file://{self._path}"

    def wait_for_client(self, timeout: float) -> None:
        """Return at once: nobody can see who reads a folder."""

    def play(self, messages: Iterable[Sequence[bytes]], *, rate: float | None = None) -> int:
        """Write one file after the other, at most ``rate`` per second; returns how many."""
        played = 0
        pace = None if rate is None else Pace(rate, self._closing.wait)
        for name, content in messages:
            if pace is not None:
                pace.wait()
            with self._lock:
                if self._closing.is_set():
                    break
                self._write(name.decode(), content)
            played += 1
        return played

    def close(self) -> None:
        """Write no more: the file that is being written is whole when this returns. May be called twice."""
        self._closing.set()
        with self._lock:
            return

    def _write(self, name: str, content: bytes) -> None:
        write_whole(self._folder / Path(name).name, content)


def generate(
    *,
    frames: int = 100,
    shape: Sequence[int] = (64, 64),
    dtype: str = "int32",
    suffix: str = "tif",
    name: str = "image",
    first_number: int = 1,
    seed: int = 0,
) -> Iterator[list[bytes]]:
    """``frames`` files ``image_000001.tif`` and so on, of ``shape`` (rows, columns), with counts around their own number.

    ``suffix`` is tif, cbf or edf. Raises UsageError without the package fabio.
    """
    if suffix not in _FORMATS:
        raise UsageError(
            f"files of the kind {suffix!r} are not made here; choose one of {', '.join(_FORMATS)}"
        )
    try:
        module, kind = _FORMATS[suffix].split(".")
        writer: Any = getattr(importlib.import_module(f"fabio.{module}"), kind)
    except ModuleNotFoundError:
        raise UsageError(
            "writing image files needs the package fabio; install it with pip install 'beamloom[files]'"
        ) from None
    noise = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory(prefix="beamloom-") as folder:
        for number in range(first_number, first_number + frames):
            image = noise.poisson(1 + number % 50, tuple(shape)).astype(dtype)
            path = Path(folder, f"{name}_{number:06d}.{suffix}")
            writer(data=image).write(str(path))
            yield [path.name.encode(), path.read_bytes()]
            path.unlink()
