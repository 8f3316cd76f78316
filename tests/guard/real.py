"""A small pipeline of real processes, whose messages and system calls are counted."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from pathlib import Path

from beamloom.benching.costs import LiveRun
from beamloom.benching.live import LivePipeline
from beamloom.benching.material import Material
from beamloom.events import Packet
from beamloom.pipeline_file import Pipeline
from beamloom.pipeline_file._shape import Reducer, WorkerGroup
from beamloom.recordings import Record, RecordingWriter
from beamloom.replay import Replay
from beamloom.settings import StreamSettings
from support.patience import PATIENCE

ANALYSIS = ("counting:Counting", "counting:Adding")
EVENTS = 1000
"""Of one pass."""
FOLDER = str(Path(__file__).parent)
TOTAL = re.compile(r"^\s*100\.00\s+[\d.]+\s+(?:[\d.]+\s+)?(\d+)\s.*total$", re.MULTILINE)


def small_pipeline(folder: Path) -> LivePipeline:
    """One stream of small packets, two workers."""
    path = folder / "small.cbors"
    with RecordingWriter(path) as writer:
        for event in range(EVENTS):
            writer.write(Record(event, {"stream0": Packet("plain", [bytes(100)])}))
    worker, reducer = ANALYSIS
    material = Material(Replay(worker, reducer, [path], folder=FOLDER), 1 << 27)
    pipeline = Pipeline(
        streams={"stream0": StreamSettings(device="played")},
        workers=WorkerGroup(worker_class=worker, count=2),
        reducer=Reducer(reducer_class=reducer),
        analysis=FOLDER,
    )
    return LivePipeline(pipeline, material, {}, folder)


def system_calls(pipeline: LivePipeline, passes: int) -> tuple[LiveRun, dict[str, int]]:
    """A run, and how many system calls each process made meanwhile. Raises RuntimeError where this machine does not let them be counted."""
    strace = shutil.which("strace")
    if strace is None:
        raise RuntimeError("there is no strace")
    watching = {
        name: subprocess.Popen(
            [strace, "-f", "-c", "-p", str(pid)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True,
        )
        for name, pid in pipeline.pids.items()
    }  # fmt: skip
    try:
        for one in watching.values():
            said = one.stderr.readline() if one.stderr else ""
            if "attached" not in said:
                raise RuntimeError(f"strace does not attach: {said.strip()}")
        run = pipeline.run(passes)
    finally:
        told = {}
        for name, one in watching.items():
            one.send_signal(signal.SIGINT)
            told[name] = one.communicate(timeout=PATIENCE)[1]
    found = {name: TOTAL.search(text) for name, text in told.items()}
    if unread := [name for name, match in found.items() if match is None]:
        raise RuntimeError(f"strace told nothing of {unread[0]}: {told[unread[0]][:200]}")
    return run, {name: int(match[1]) for name, match in found.items() if match is not None}
