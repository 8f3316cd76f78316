"""A writer of growing HDF5 files, as a detector's file writer is: NeXus, single-writer-multiple-reader, one frame a chunk."""

from __future__ import annotations

import importlib
import secrets
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from beamloom.devices.codecs import pack
from beamloom.devices.file_reading.urls import path_of
from beamloom.devices.simulating.pace import Pace
from beamloom.errors import UsageError

_FILTERS: Final = {"bslz4": "Bitshuffle", "lz4": "LZ4"}
_DATASET: Final = "/entry/data/data"
_END: Final = "/entry/end_time"


class Hdf5Simulator:
    """Writes to the file at ``url``, ``file:///data/sim_*.h5``, where ``*`` becomes a name that is free.

    Its messages are those of ``generate``. Raises UsageError without the packages h5py and hdf5plugin, ValueError for an address that
    cannot be right.
    """

    def __init__(self, url: str) -> None:
        path = path_of(url).absolute()
        self._path = path.with_name(path.name.replace("*", secrets.token_hex(4)))
        if not self._path.parent.is_dir() or self._path.exists():
            fault = "exists already" if self._path.exists() else "is in no folder that exists"
            raise ValueError(f"a simulator cannot write {self._path}, which {fault}; name another file")
        try:
            self._h5py, self._plugins = map(importlib.import_module, ("h5py", "hdf5plugin"))
        except ModuleNotFoundError:
            raise UsageError(
                "writing HDF5 needs the packages h5py and hdf5plugin; install them with pip install 'beamloom[files]'"
            ) from None
        self._file: Any = None
        self._lock = threading.Lock()
        self._closing = threading.Event()

    @property
    def url(self) -> str:
        """The file."""
        return f"file://{self._path}"

    def wait_for_client(self, timeout: float) -> None:
        """Return at once: nobody can see who reads a file."""

    def play(self, messages: Iterable[Sequence[bytes]], *, rate: float | None = None) -> int:
        """Write the messages, at most ``rate`` frames per second; returns how many. The file appears with the first of them."""
        played = 0
        pace = None if rate is None else Pace(rate, self._closing.wait)
        for message in messages:
            header = msgspec.json.decode(message[0])
            if pace is not None and header["type"] == "image":
                pace.wait()
            with self._lock:
                if self._closing.is_set():
                    break
                self._write(header, message[1:])
            played += 1
        return played

    def close(self) -> None:
        """Finish the file. May be called twice."""
        self._closing.set()
        with self._lock:
            if self._file is not None:
                self._file.close()
            self._file = None

    def _write(self, header: dict[str, Any], blobs: Sequence[bytes]) -> None:
        if header["type"] == "start":
            if self._file is None:
                self._create(header)
        elif self._file is None:
            raise ValueError("the file has not been begun; the first message has the type start")
        elif header["type"] == "image":
            frame, dataset = int(header["frame"]), self._file[_DATASET]
            if frame >= dataset.shape[0]:
                dataset.resize(frame + 1, axis=0)
            dataset.id.write_direct_chunk((frame, *[0] * (dataset.ndim - 1)), blobs[0])
            dataset.flush()
        else:
            self._file[_END][()] = header.get("end_time", "2000-01-01T00:00:00Z").encode()
            self._file[_END].flush()
            self._file.flush()

    def _create(self, header: dict[str, Any]) -> None:
        # Its name is given to it when all that a reader looks for is in it.
        unfinished: Path = self._path.with_name(f".{self._path.name}.part")
        self._file = self._h5py.File(unfinished, "w", libver="latest", locking=False)
        self._file.attrs["default"] = "entry"
        entry = self._file.create_group("entry")
        entry.attrs.update({"NX_class": "NXentry", "default": "data"})
        entry.create_dataset("end_time", data=np.array(b"", "S32"))
        for name, value in header.get("values", {}).items():
            self._file[name] = value
        group = entry.create_group("data")
        group.attrs.update({"NX_class": "NXdata", "signal": "data"})
        shape, compression = tuple(header["shape"]), header["compression"]
        filters = (
            {}
            if compression == "none"
            else dict(getattr(self._plugins, _FILTERS[compression])(), shuffle=False)
        )
        self._file.create_dataset(
            _DATASET,
            shape=(0, *shape),
            maxshape=(None, *shape),
            chunks=(1, *shape),
            dtype=np.dtype(header["dtype"]),
            **filters,
        )
        self._file.swmr_mode = True
        self._file.flush()
        unfinished.replace(self._path)


def generate(
    *,
    frames: int = 100,
    shape: Sequence[int] = (64, 64),
    dtype: str = "uint16",
    compression: str = "bslz4",
    seed: int = 0,
) -> Iterator[list[bytes]]:
    """A series: start, ``frames`` images of ``shape`` (rows, columns) with counts around their own number, end.

    ``compression`` is none, bslz4 or lz4.
    """
    noise = np.random.default_rng(seed)
    described = {"shape": list(shape), "dtype": np.dtype(dtype).str, "compression": compression}
    values = {
        "/entry/instrument/detector/count_time": 0.01,
        "/entry/instrument/beam/incident_wavelength": 1.0,
    }
    encode = msgspec.json.encode
    yield [encode({"type": "start", **described, "values": values})]
    for frame in range(frames):
        image = noise.poisson(1 + frame % 50, tuple(shape)).astype(dtype)
        blob = image.tobytes() if compression == "none" else pack(image, compression)
        yield [encode({"type": "image", "frame": frame, **described}), blob]
    yield [encode({"type": "end", "end_time": "2000-01-01T00:00:00Z"})]
