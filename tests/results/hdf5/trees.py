"""A tree with everything in it, a server of it, and a reducer that never rests."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from beamloom.results.hdf5 import is_question
from beamloom.results.http import make_app
from beamloom.results.snapshot import Snapshot
from beamloom.transport.http_server import HttpServer

RECORD = np.dtype([("a", "<i2"), ("b", "<f8"), ("s", "S2")])

TREE: dict[str, Any] = {
    "image": np.arange(1200.0).reshape(30, 40),
    "image_attrs": {
        "units": "counts",
        "n": np.int16(3),
        "flag": True,
        "list": [1, 2],
        "names": ["a", "bé"],
        "none": None,
        "complex": 1 + 2j,
        "day": np.datetime64("2026-01-02"),
        "nan": float("nan"),
    },
    "volume": np.arange(120, dtype="u2").reshape(2, 3, 4, 5),
    "line": np.arange(100),
    "big_endian": np.arange(12, dtype=">i2").reshape(3, 4),
    "truths": np.array([True, False, True]),
    "complexes": np.array([1 + 2j, 3 - 4j]),
    "text": "é",
    "texts": np.array(["a", "bé"]),
    "byte_strings": np.array([b"ab", b"c"]),
    "integer": 3,
    "float": 1.5,
    "truth": True,
    "records": np.array([(1, 2.5, b"x"), (2, 3.5, b"yz")], RECORD),
    "times": np.array(["2026-01-02", "2026-01-03"], "M8[ms]"),
    "ragged": [[1, 2], [3]],
    "none": None,
    "empty": np.zeros((0, 3)),
    "not_finite": np.array([1.0, np.nan, np.inf]),
    "map": {(float(x), float(y)): 10.0 * x + y for x in range(5) for y in range(4)},
    "group": {"my name": {"x": np.arange(5.0)}, "_attrs": {"NX_class": "NXdata"}},
    "lock": threading.Lock(),
    "_attrs": {"default": "map"},
}


class Shown:
    """Serves one tree, until it is given another."""

    def __init__(self, publish: Mapping[str, Any] | None, version: int = 1, run: str | None = "r1") -> None:
        self.current = Snapshot(version, run, publish)

    def show(self, publish: Mapping[str, Any], run: str | None = "r1") -> None:
        self.current = Snapshot(self.current.version + 1, run, publish)

    async def snapshot(self) -> Snapshot:
        return self.current

    async def newer(self, version: int) -> Snapshot:
        never: asyncio.Future[Snapshot] = asyncio.get_running_loop().create_future()
        return await never

    async def status(self) -> dict[str, Any]:
        return {}


@contextlib.contextmanager
def served(publish: Mapping[str, Any] | None) -> Iterator[tuple[str, Shown]]:
    """Its address, and what shows the tree."""
    shown = Shown(publish)
    with HttpServer(make_app(shown, cors=True), is_question=is_question) as server:
        yield server.url, shown
