"""What it costs to put a frame together of tiles, beside copying a frame that is whole already.

Time of one frame, the best of several; both copies go into fresh memory, as an analysis gets it. The last column is the whole way from the
tiles' packets to the array: the packet of the detector, the parsers of the tiles, the frame.

    python benchmarks/tiles.py [--quick] [--json]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from beamloom.detectors.geometry import Detector, Tile
from beamloom.detectors.packets import with_detectors
from beamloom.detectors.placing import place
from beamloom.devices import stins
from beamloom.events import Packet

CASES: dict[str, tuple[int, tuple[int, int], int, dict[str, Any]]] = {
    "8 of 512 × 1024": (8, (512, 1024), 0, {}),
    "8 of 512 × 1024, gaps": (8, (512, 1024), 36, {}),
    "8 of 512 × 1024, turned by 180": (8, (512, 1024), 36, {"rotate": 180}),
    "8 of 512 × 1024, turned by 90": (8, (512, 1024), 36, {"rotate": 90}),
    "64 of 256 × 256, gaps": (64, (256, 256), 4, {}),
    "4 of 64 × 64, gaps": (4, (64, 64), 4, {}),
}
"""Number of tiles, rows and columns of each, pixels between two, further keys of each tile."""


def detector_of(count: int, size: tuple[int, int], gap: int, keys: dict[str, Any]) -> Detector:
    """Two columns of tiles."""
    rows, columns = reversed(size) if keys.get("rotate") == 90 else size
    places = [divmod(number, 2) for number in range(count)]
    return Detector(
        tiles=tuple(
            Tile(stream=f"module{number}", at=(row * (rows + gap), column * (columns + gap)), **keys)
            for number, (row, column) in enumerate(places)
        )
    )


def microseconds(run: Callable[[], Any], repeats: int) -> float:
    """Time of one call."""
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        run()
        times.append(time.perf_counter() - begun)
    return min(times) * 1e6


def main() -> None:
    """Print a line for each detector."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON at the end")
    arguments = parser.parse_args()
    repeats = 20 if arguments.quick else 200
    print(f"{'tiles':32} {'frame':>8} {'copy':>9} {'placing':>9} {'ratio':>6} {'from packets':>13}")
    figures = {}
    for name, (count, size, gap, keys) in CASES.items():
        detector = detector_of(count, size, gap, keys)
        noise = np.random.default_rng(1).integers(0, 1000, size, np.uint16)
        message = list(stins.generate(images=[noise]))[1]
        streams = {stream: Packet("STINS", list(message), 1) for stream in detector.streams}
        images = {stream: packet.parse().array for stream, packet in streams.items()}
        frame = place(detector, images)

        def whole(streams: dict[str, Packet] = streams, detector: Detector = detector) -> Any:
            return with_detectors(streams, {"big": detector})["big"].parse().array

        if not np.array_equal(whole(), frame):
            raise SystemExit("the packets give another frame")
        copied = microseconds(frame.copy, repeats)
        placed = microseconds(lambda images=images, detector=detector: place(detector, images), repeats)  # type: ignore[misc]
        packets = microseconds(whole, repeats)
        figures[name] = {
            "copy_us": copied,
            "placing_us": placed,
            "ratio": placed / copied,
            "packets_us": packets,
        }
        print(
            f"{name:32} {frame.nbytes / 1e6:5.1f} MB {copied:6.0f} µs {placed:6.0f} µs {placed / copied:6.2f} {packets:10.0f} µs"
        )
    if arguments.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
