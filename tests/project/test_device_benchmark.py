"""The benchmark of devices measures, and leaves no process behind however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.patience import PATIENCE


def command(repository: Path, *arguments: str) -> list[str]:
    return [sys.executable, str(repository / "benchmarks/devices.py"), "--quick", *arguments]


def children_of(parent: int) -> set[int]:
    """The processes that this one has started, by /proc."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == parent:
            found.add(int(status.parent.name))
    return found


def runs(process: int) -> bool:
    """Whether the process is there and is no zombie, which nobody may be left to bury."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.timeout(60)
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_ended_from_outside_the_benchmark_leaves_no_sender_behind(
    repository: Path, how: signal.Signals
) -> None:
    with subprocess.Popen(command(repository, "--only", "stins"), stdout=subprocess.DEVNULL) as benchmark:
        try:
            end = time.monotonic() + 40
            # Three readers and a sender.
            while len(children := children_of(benchmark.pid)) < 4:
                assert benchmark.poll() is None
                assert time.monotonic() < end
                os.sched_yield()
        finally:
            benchmark.send_signal(how)
        assert benchmark.wait(PATIENCE) == -how
    end = time.monotonic() + PATIENCE
    while any(map(runs, children)):
        assert time.monotonic() < end, f"still there: {children}"
        os.sched_yield()


@pytest.mark.timeout(60)
def test_the_benchmark_tells_rates_and_cpu_time_and_fills_its_page(repository: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- devices -->\nold\n<!-- end of devices -->\nbehind\n")
    ran = subprocess.run(
        command(repository, "--only", "pandabox", "--json", "--page", str(page)),
        stdout=subprocess.PIPE,
        check=True,
    )
    (row,) = json.loads(ran.stdout.splitlines()[-1])["rows"]
    assert min(row["plain"], row["source"], row["parsed"]) > 0
    # CPU time of one core at most fills the time that one packet takes; a reader has two threads or three.
    assert 0 < row["source_cpu_us"] < 4e6 / row["source"]
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("behind\n")
    assert "old" not in text
    assert "| pandabox | rows of text |" in text
