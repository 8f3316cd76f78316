"""Replay: an analysis run over a recording, beside a plain loop that reads the same file and calls the same hooks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench_pipeline import HERE

from beamloom.events import Packet
from beamloom.recordings import Record, RecordingWriter
from comparison.measuring import FRAME_BYTES, Bench, Setup
from comparison.table import BEAMLOOM, DRANSPOSE, PLAIN, Floor, Row

SCRIPT = Path(__file__).with_name("replay_once.py")
SIZES = {"1kB": (FRAME_BYTES, 200_000, "CountingWorker"), "512kB": (1 << 19, 2_000, "ReadingWorker")}
"""Bytes of a frame, how many of them, and what is done with each."""
TITLES = {
    "1kB": "replay of 1 kB frames, time beside a plain loop",
    "512kB": "replay of 512 kB frames, all read, time beside a plain loop",
}


def record(path: Path, frames: int, nbytes: int) -> None:
    """Write a recording as the ingester of a STINS stream does."""
    frame = bytes(nbytes)
    header = json.dumps({"htype": "header", "filename": "", "msg_number": 0}).encode()
    end = json.dumps({"htype": "series_end", "msg_number": frames + 1}).encode()
    with RecordingWriter(path) as writer:
        writer.write(Record(0, {"detector0": Packet("STINS", [header])}))
        for number in range(frames):
            head = {
                "htype": "image",
                "frame": number,
                "shape": [nbytes],
                "type": "uint8",
                "compression": "none",
            }
            text = json.dumps({**head, "msg_number": number + 1}).encode()
            writer.write(Record(number + 1, {"detector0": Packet("STINS", [text, frame])}))
        writer.write(Record(frames + 1, {"detector0": Packet("STINS", [end])}))


def replayed(python: Path, way: str, file: Path, worker: str, events: int) -> float:
    """Seconds that one process takes, from the first byte of the file to the last result. Raises RuntimeError where results are missing."""
    command = [str(python), str(SCRIPT), way, str(file), worker]
    # The packages of one environment are not those of the other.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ran = subprocess.run(
        command,
        check=False,
        cwd=HERE,
        env=dict(os.environ) if str(python) == sys.executable else environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    if ran.returncode:
        raise RuntimeError(ran.stderr.strip().splitlines()[-1])
    seconds, results = json.loads(ran.stdout.splitlines()[-1])
    if results < events:
        raise RuntimeError(f"{results} results of {events} events")
    return float(seconds)


def measure(bench: Bench) -> list[Row]:
    """Both sizes; the figure is the time divided by that of the plain loop, beside it in this round."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="replay-bench-") as folder:
        for size, (nbytes, full, worker) in SIZES.items():
            frames = bench.size(full, full // 4, 50)
            file = Path(folder) / f"{size}.cbors"
            record(file, frames, nbytes)
            pythons = {PLAIN: Path(sys.executable), BEAMLOOM: Path(sys.executable)}
            if bench.others is not None:
                pythons[DRANSPOSE] = bench.others.python
            plain: list[float] = []

            def once(
                name: str,
                python: Path,
                file: Path = file,
                worker: str = worker,
                frames: int = frames,
                plain: list[float] = plain,
            ) -> dict[str, float]:
                seconds = replayed(python, name, file, worker, frames)
                if name == PLAIN:
                    plain.append(seconds)
                return {"ratio": seconds / plain[-1], "rate": frames / seconds}

            setups: dict[str, Setup] = {name: _given(python) for name, python in pythons.items()}
            compared = bench.compare(setups, once, 3)
            row = compared.row(
                f"replay_{size}",
                TITLES[size],
                "×",
                "ratio",
                floors=(Floor(1.2, at_most=True),),
                more_is_better=False,
            )
            row.detail["events_per_second"] = {name: compared.median(name, "rate") for name in pythons}
            rows.append(row)
    return rows


def _given(python: Path) -> Setup:
    @contextmanager
    def setup() -> Iterator[Path]:
        yield python

    return setup
