"""What saving results costs: seconds for a tree of images of which one has changed, and for how long other threads stand still.

For each packing: the first version, a second one of which nine tenths have not changed, the size of the file, and the longest time for
which another thread could not run while the first was written. ``--quick`` takes a tenth of the data, ``--json`` prints JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, get_args

import numpy as np

from beamloom.results.files.hdf5 import Compression
from beamloom.results.files.place import Hdf5File
from beamloom.results.tree import tree_of

IMAGES = 10
SIDE = 1600


class Watch:
    """Measures for how long a thread that wants to run each millisecond does not."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self.longest = 0.0
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        last = time.perf_counter()
        while not self._over.wait(0.001):
            now = time.perf_counter()
            self.longest, last = max(self.longest, now - last), now

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def images(side: int) -> dict[str, Any]:
    """Counts as a detector sums them up."""
    chance = np.random.default_rng(1)
    return {f"image_{n}": chance.poisson(3.0, (side, side)).astype(np.float64) for n in range(IMAGES)}


def measure(compression: Compression, tree: dict[str, Any], folder: Path) -> dict[str, Any]:
    """One packing."""
    file = Hdf5File(folder / f"{compression}.h5", compression)
    with Watch() as watch:
        begin = time.perf_counter()
        file.keep(tree_of(tree))
        first = time.perf_counter() - begin
    begin = time.perf_counter()
    file.keep(tree_of({**tree, "image_0": tree["image_0"] + 1}))
    return {
        "packing": compression,
        "MB": sum(image.nbytes for image in tree.values()) / 1e6,
        "first_s": first,
        "second_s": time.perf_counter() - begin,
        "file_MB": Path(file.where).stat().st_size / 1e6,
        "stands_still_ms": watch.longest * 1e3,
    }


def main() -> None:
    """Measure all packings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    tree = images(SIDE // 3 if arguments.quick else SIDE)
    with tempfile.TemporaryDirectory() as folder:
        rows = [measure(compression, tree, Path(folder)) for compression in get_args(Compression)]
    if arguments.json:
        print(json.dumps(rows))
        return
    for row in rows:
        print(
            f"{row['packing']:>5}: {row['MB']:.0f} MB, first {row['first_s']:.2f} s, then {row['second_s']:.2f} s, "
            f"file {row['file_MB']:.0f} MB, others stand still for {row['stands_still_ms']:.1f} ms at most"
        )


if __name__ == "__main__":
    main()
