"""The search for Bragg peaks: frames per second of one core, with and without decompression, beside other packages.

CPU time, the median over frames, so that others on the machine matter little. ``--ondamonitor PYTHON`` and ``--cfelpyutils PYTHON`` name
interpreters of environments of their own in which these are installed (ondamonitor 23.8.3 with numpy<2); they search the same
frames. Both are under the GPL, and nothing here depends on them. ``--check`` fails where a floor is not reached, ``--json`` prints the
figures as one JSON object on the last line. What fast mode and the veto find, and what not, is told by ``peakfinder8_recall.py``.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

# Before the library that reads it is imported.
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np

from beamloom.apps.crystallography.peaks import LengthVeto, Mode, PeakFinder, PeakSettings
from beamloom.devices.codecs import pack, unpack

Array = np.ndarray[Any, np.dtype[Any]]

SETTINGS: Final = PeakSettings(
    adc_threshold=8.0,
    minimum_snr=5.0,
    min_pixel_count=2,
    max_pixel_count=40,
    local_bg_radius=3,
    max_num_peaks=2048,
)
SPARSE: Final = dataclasses.replace(SETTINGS, adc_threshold=3.0)
GAP: Final = 65535


@dataclasses.dataclass(frozen=True)
class Detector:
    """An EIGER of modules with gaps, which send 65535."""

    name: str
    rows: int
    columns: int

    @property
    def shape(self) -> tuple[int, int]:
        """Of 514 x 1030 pixels each, 37 rows and 10 columns apart."""
        return self.rows * 551 - 37, self.columns * 1040 - 10

    def radius(self) -> Array:
        y, x = np.ogrid[: self.shape[0], : self.shape[1]]
        radius: Array = np.hypot(y - self.shape[0] / 2 + 0.3, x - self.shape[1] / 2 + 0.2).astype(np.float32)
        return radius

    def mask(self) -> Array:
        y, x = np.ogrid[: self.shape[0], : self.shape[1]]
        good: Array = (y % 551 < 514) & (x % 1040 < 1030) & (self.radius() > 30)
        return good


EIGER_4M: Final = Detector("Eiger 4M", 4, 2)
EIGER_16M: Final = Detector("Eiger 16M", 8, 4)


@dataclasses.dataclass(frozen=True)
class Case:
    """Frames of one kind."""

    detector: Detector
    kind: str
    level: float
    """Photons per pixel at the beam; a tenth of it is everywhere."""
    peaks: int
    settings: PeakSettings


CASES: Final = (
    Case(EIGER_4M, "dense, hits", 2.0, 180, SETTINGS),
    Case(EIGER_4M, "dense, blank", 2.0, 0, SETTINGS),
    Case(EIGER_4M, "sparse, hits", 0.05, 180, SPARSE),
    Case(EIGER_4M, "sparse, blank", 0.05, 0, SPARSE),
    Case(EIGER_16M, "sparse, hits", 0.05, 300, SPARSE),
    Case(EIGER_16M, "sparse, blank", 0.05, 0, SPARSE),
)

FLOORS: Final = {
    ("Eiger 4M", "exact"): 60.0,
    ("Eiger 4M", "fast, unpacked"): 150.0,
    ("Eiger 16M", "fast, unpacked"): 25.0,
}
"""Frames per second of one core, at least; of fast mode with decompression, for sparse frames."""


@functools.lru_cache(maxsize=1)
def _shape_of_background(detector: Detector) -> Array:
    shape: Array = 0.9 * np.exp(-detector.radius() / 700) + 0.1
    return shape


def frame(
    random: np.random.Generator, detector: Detector, level: float, strengths: Sequence[float]
) -> tuple[Array, Array]:
    """A frame of uint16, and its peaks as rows of ss, fs."""
    mean = level * _shape_of_background(detector)
    places = np.stack(
        [
            random.uniform(8, detector.shape[0] - 9, len(strengths)),
            random.uniform(8, detector.shape[1] - 9, len(strengths)),
        ],
        axis=1,
    )
    for (ss, fs), strength in zip(places, strengths, strict=True):
        width = random.uniform(0.6, 1.2)
        top, left = int(ss) - 6, int(fs) - 6
        y, x = np.ogrid[top : top + 13, left : left + 13]
        mean[top : top + 13, left : left + 13] += (
            strength / (2 * np.pi * width**2) * np.exp(-((y - ss) ** 2 + (x - fs) ** 2) / (2 * width**2))
        )
    pixels = random.poisson(mean).astype(np.uint16)
    y, x = np.ogrid[: detector.shape[0], : detector.shape[1]]
    pixels[np.broadcast_to((y % 551 >= 514) | (x % 1040 >= 1030), pixels.shape)] = GAP
    return pixels, places


def frames_of(case: Case, count: int) -> list[Array]:
    random = np.random.default_rng(1)
    return [
        frame(random, case.detector, case.level, np.exp(random.uniform(3.4, 8, case.peaks)).tolist())[0]
        for _ in range(count)
    ]


def finder_of(case: Case, mode: Mode) -> PeakFinder:
    return PeakFinder(
        case.detector.radius(),
        mask=case.detector.mask(),
        settings=case.settings,
        mode=mode,
    )


def milliseconds(work: Callable[[Any], Any], items: Sequence[Any], rounds: int) -> float:
    """CPU time for one of ``items``: the median of each over the rounds, and the mean of these."""
    for item in items:
        work(item)
    times: list[list[float]] = [[] for _ in items]
    for _ in range(rounds):
        for item, own in zip(items, times, strict=True):
            begun = time.process_time_ns()
            work(item)
            own.append((time.process_time_ns() - begun) / 1e6)
    return statistics.mean(statistics.median(own) for own in times)


def measured(case: Case, count: int, rounds: int) -> dict[str, float]:
    """Milliseconds of CPU time of each way to search the frames of a case."""
    frames = frames_of(case, count)
    blobs = [pack(pixels, "bslz4") for pixels in frames]
    size, shape = frames[0].nbytes, frames[0].shape

    def unpacked(blob: bytes) -> Array:
        return unpack(blob, "bslz4", size, 2).view(np.uint16).reshape(shape)

    exact, robust, fast = (finder_of(case, mode) for mode in ("exact", "robust", "fast"))
    found = {
        "exact": milliseconds(exact.find, frames, rounds),
        "robust": milliseconds(robust.find, frames, rounds),
        # A multiple of the frames between two renewals, so that these have their share.
        "fast": milliseconds(fast.find, frames, rounds * 2),
        "unpacking": milliseconds(unpacked, blobs, rounds),
        "fast, unpacked": milliseconds(lambda blob: fast.find(unpacked(blob)), blobs, rounds * 2),
        "veto": milliseconds(LengthVeto().look, blobs, rounds),
    }
    found["peaks"] = statistics.mean(len(exact.find(pixels).fs) for pixels in frames)
    return found


def others(python: str, package: str, case: Case, count: int, rounds: int) -> dict[str, float]:
    """Milliseconds of CPU time, and peaks, of another package's search of the same frames, in its own environment."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "frames.npz")
        np.savez(
            path,
            frames=np.stack(frames_of(case, count)),
            radius=case.detector.radius(),
            mask=case.detector.mask(),
            settings=json.dumps(dataclasses.asdict(case.settings)),
        )
        done = subprocess.run(
            [
                python,
                str(Path(__file__).with_name("peakfinder8_others.py")),
                package,
                str(path),
                str(rounds),
            ],
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise SystemExit(f"{package} cannot be measured by {python}:\n{done.stderr[-2000:]}")
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def seconds_to_compile() -> dict[str, float]:
    """Seconds of a first search in a new process, with an empty and with a filled cache of machine code, importing included."""
    code = (
        "import time; t = time.process_time()\n"
        "import numpy as np\n"
        "from beamloom.apps.crystallography import PeakFinder, PeakSettings\n"
        "f = PeakFinder(np.ones((64, 64)), mode='fast', settings=PeakSettings(adc_threshold=1, minimum_snr=5, min_pixel_count=1,\n"
        "    max_pixel_count=9, local_bg_radius=2, max_num_peaks=9))\n"
        "for _ in range(40): f.find(np.zeros((64, 64), np.uint16))\n"
        "print(time.process_time() - t)"
    )
    with tempfile.TemporaryDirectory() as folder:
        first, second = (
            float(
                subprocess.run(
                    [sys.executable, "-c", code],
                    env={**os.environ, "NUMBA_CACHE_DIR": folder},
                    capture_output=True,
                    text=True,
                    check=True,
                ).stdout
            )
            for _ in range(2)
        )
    return {"first start": first, "second start": second}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=6, help="different frames of each kind")
    parser.add_argument("--rounds", type=int, default=8, help="how often each is searched")
    parser.add_argument("--detector", default="", help="only detectors with this in their name")
    parser.add_argument("--ondamonitor", metavar="PYTHON")
    parser.add_argument("--cfelpyutils", metavar="PYTHON")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()

    report: dict[str, Any] = {"compiling": seconds_to_compile(), "cases": {}}
    for name, seconds in report["compiling"].items():
        print(f"{name}: {seconds:.1f} s of CPU time until 40 small frames are searched")
    missed = []
    for case in CASES:
        if arguments.detector not in case.detector.name:
            continue
        figures = measured(case, arguments.frames, arguments.rounds)
        print(f"\n{case.detector.name}, {case.kind}: {figures.pop('peaks'):.0f} peaks (exact)")
        for name, time_ in figures.items():
            floor = FLOORS.get((case.detector.name, name))
            if floor is not None and name == "fast, unpacked" and "sparse" not in case.kind:
                floor = None
            print(
                f"  {name:16} {time_:8.2f} ms  {1000 / time_:8.0f} /s"
                + (f"  (floor {floor:.0f})" if floor else "")
            )
            if floor is not None and 1000 / time_ < floor:
                missed.append(
                    f"{case.detector.name}, {case.kind}, {name}: {1000 / time_:.0f} /s, floor {floor:.0f}"
                )
        for package in ("ondamonitor", "cfelpyutils"):
            if python := getattr(arguments, package):
                theirs = others(python, package, case, arguments.frames, arguments.rounds)
                figures[package] = theirs["milliseconds"]
                print(
                    f"  {package:16} {theirs['milliseconds']:8.2f} ms  {1000 / theirs['milliseconds']:8.0f} /s"
                    f"  exact mode is {theirs['milliseconds'] / figures['exact']:.1f} times as fast; {theirs['peaks']:.0f} peaks"
                )
        report["cases"][f"{case.detector.name}, {case.kind}"] = figures
    if arguments.json:
        print(json.dumps(report))
    if arguments.check and missed:
        raise SystemExit("below the floor: " + "; ".join(missed))


if __name__ == "__main__":
    main()
