"""The detectors of a benchmark, each a process of its own (``stins_source.py``), and what any process has used so far."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent
START_SECONDS = 20.0

Sources = dict[str, "subprocess.Popen[str]"]
"""The process of each stream's detector."""


def start_sources(streams: Iterable[str], folder: Path) -> tuple[Sources, dict[str, str]]:
    """Start a detector for each stream; returns the processes and the addresses on which they send."""
    sources: Sources = {}
    files = {stream: folder / f"{stream}.port" for stream in streams}
    for stream, file in files.items():
        command = [sys.executable, str(HERE / "stins_source.py"), str(file)]
        sources[stream] = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)
    deadline = time.monotonic() + START_SECONDS
    return sources, {
        stream: f"tcp://127.0.0.1:{_port(stream, file, deadline)}" for stream, file in files.items()
    }


def _port(stream: str, file: Path, deadline: float) -> int:
    while time.monotonic() < deadline:
        if file.exists() and (text := file.read_text()):
            return int(text)
        time.sleep(0.01)
    raise TimeoutError(f"the source of {stream} did not start within {START_SECONDS:g} s")


def send_series(sources: Sources, frames: int, size: int, rate: float = 0.0) -> None:
    """Have each detector send one series of ``frames`` frames of ``size`` bytes, at ``rate`` per second or without a pause."""
    for source in sources.values():
        if source.stdin is not None:
            source.stdin.write(f"{frames} {size} {rate}\n")
            source.stdin.flush()


def stop_sources(sources: Sources) -> None:
    """End them."""
    for source in sources.values():
        source.kill()
        source.wait()
        if source.stdin is not None:
            source.stdin.close()


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used so far, all threads.

    By the scheduler's own account, in nanoseconds, where the system keeps one; else in ticks of 10 ms.
    """
    used = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        try:
            used += int((thread / "schedstat").read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            # The thread has ended, or there is no such account.
            continue
    if used:
        return used / 1e9
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def twin_of(pid: int) -> int | None:
    """The process that runs by the same command line, as the guard beside a worker does; None where there is none."""
    own = Path(f"/proc/{pid}/cmdline").read_bytes()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if int(path.parent.name) != pid and path.read_bytes() == own:
                return int(path.parent.name)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return None


def cpu_of(pids: Mapping[str, int]) -> dict[str, float]:
    """The same for each of several processes."""
    return {name: cpu_seconds(pid) for name, pid in pids.items()}


def memory_mb(pid: int) -> float:
    """Resident memory of a process, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise LookupError(f"no memory figure of process {pid}")
