"""The simulation of large pipelines: real decisions in simulated time, the same each time."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

SMALL = "--costs given --streams 2 --ingesters 2 --workers 12 --workers-per-host 4 --rate 1000 --seconds 2 --heartbeat 0.1"
TWICE = """
import json, msgspec
from simulation.costs import GIVEN
from simulation.scenario import Scenario, Simulation
small = Scenario(
    streams=2, ingesters=2, workers=12, workers_per_host=4, rate=1000.0, seconds=1.0, batch=10, heartbeat=0.05, dies_at=0.2, back_after=0.4
)
other = msgspec.structs.replace(small, seed=2, dies_at=None)
print(json.dumps([msgspec.to_builtins(Simulation(one, GIVEN).run()) for one in (small, small, other)]))
"""


@pytest.mark.timeout(120)
def test_a_host_that_dies_costs_a_simulated_run_no_event_and_the_same_seed_gives_the_same_run(
    repository: Path,
) -> None:
    command = [sys.executable, "-c", TWICE]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=repository / "benchmarks")
    assert ran.returncode == 0, ran.stderr
    first, again, other = json.loads(ran.stdout)
    assert [first[name] for name in ("events", "reduced", "failed", "lost")] == [1000, 1000, 0, 0]
    assert first["redelivered"] > 0
    assert first["digest"] == again["digest"]
    assert other["redelivered"] == 0
    assert other["digest"] != first["digest"]
    assert other["lag"]["p99"] < first["lag"]["p99"]


@pytest.mark.long
@pytest.mark.timeout(240)
def test_the_largest_rate_is_found_and_put_into_the_page(repository: Path, tmp_path: Path) -> None:
    page, costs = tmp_path / "page.md", tmp_path / "costs.json"
    page.write_text("before\n<!-- simulation -->\nold\n<!-- end of simulation -->\nbehind\n")
    words = ["--quick", "--page", str(page), "--save-costs", str(costs)]
    command = [sys.executable, str(repository / "benchmarks/simulate.py"), *SMALL.split(), *words]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "2,000 reduced, 0 failed, 0 lost" in ran.stdout
    assert "old" not in page.read_text()
    row = re.search(r"^\| 4 \| 1 \| 10 \| ([\d,]+) \| (\w+) ", page.read_text(), re.MULTILINE)
    assert row is not None, ran.stdout
    assert int(row[1].replace(",", "")) > 10_000
    assert row[2] in ("controller", "ingester", "worker", "reducer")
    assert json.loads(costs.read_text())["controller_lease"] > 0
