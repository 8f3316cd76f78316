"""The comparison measures each of its rows: run tiny, without a word on how fast."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

GROUPS = {
    "events": {"small_events", "small_events_batched", "small_events_3_streams"},
    "frames": {"frames_512kB_tcp", "frames_8MB_tcp"},
    "latency": {"latency_100hz_p50", "latency_1khz_p99", "latency_1khz_batched_p50", "latency_50khz_p50"},
    "parameters": {"parameter_change", "parameter_change_worst"},
    "arming": {"arming_10", "arming_10_million"},
    "replay": {"replay_1kB", "replay_512kB"},
    "idle": {"idle_cpu", "idle_memory", "idle_memory_all", "ready"},
    "promises": {"cost_ledger", "cost_journal", "cost_store", "cost_guard", "cost_curve"},
    "workers": {"growth_workers"},
    "streams": {"growth_streams", "growth_ingesters"},
    "growth": {"growth_events", "growth_memory"},
}
SHORT = {"events", "workers"}
OTHERS = Path("out/bench/dranspose/installed")


def measured(repository: Path, folder: Path, *arguments: str) -> dict[str, Any]:
    page = folder / "page.md"
    page.write_text("before\n<!-- comparison -->\nold\n<!-- end of comparison -->\nbehind\n")
    command = [sys.executable, str(repository / "benchmarks/bench.py"), "--tiny", "--page", str(page)]
    command += ["--json", str(folder / "latest.json"), "--plots", str(folder), *arguments]
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert ran.returncode == 0, ran.stdout
    found: dict[str, Any] = json.loads((folder / "latest.json").read_text())
    for row in found["rows"]:
        assert f"| {row['title']}" in page.read_text()
    assert "old" not in page.read_text()
    return found


@pytest.mark.processes
@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    "group", [group if group in SHORT else pytest.param(group, marks=pytest.mark.long) for group in GROUPS]
)
def test_every_row_is_measured(repository: Path, tmp_path: Path, group: str) -> None:
    found = measured(repository, tmp_path, "--without-dranspose", "--only", group)
    assert set(found["figures"]) >= GROUPS[group]
    assert (
        min(found["figures"][name] for name in GROUPS[group] if name not in ("idle_cpu", "growth_memory")) > 0
    )
    assert found["about"]["cores"]
    assert found["about"]["loop_ns"] > 0
    assert 0 <= found["about"]["stolen"][group] < 1


@pytest.mark.processes
@pytest.mark.timeout(180)
def test_dranspose_runs_the_same_analysis_where_it_is_installed(repository: Path, tmp_path: Path) -> None:
    if not (repository / OTHERS).exists():
        pytest.skip(f"there is no {OTHERS}: `make bench` puts it there")
    found = measured(repository, tmp_path, "--only", "parameters")
    assert found["rows"][0]["figures"]["dranspose"] > 0


def test_all_groups_are_tried_here(repository: Path) -> None:
    told = subprocess.run(
        [sys.executable, str(repository / "benchmarks/bench.py"), "--help"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    assert f"of {', '.join(GROUPS)}" in " ".join(told.split())
