"""Numba is needed where peaks are searched, and nowhere else."""

from __future__ import annotations

import subprocess
import sys

WITHOUT = "import sys; sys.modules['numba'] = None\n"


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=False
    )


def test_geometries_are_read_without_numba() -> None:
    done = run(
        WITHOUT
        + "import beamloom\n"
        + "from beamloom.apps import crystallography\n"
        + "from beamloom.apps.crystallography.geometry import Assembly, PixelMaps, masks\n"
        + "print(sorted(dir(crystallography))[:2], crystallography.read_geometry.__name__)\n"
    )
    assert done.returncode == 0, done.stderr
    assert "read_geometry" in done.stdout


def test_a_search_without_numba_says_what_to_install() -> None:
    done = run(WITHOUT + "from beamloom.apps.crystallography import find_peaks\n")
    assert done.returncode == 1
    assert "pip install 'beamloom[crystallography]'" in done.stderr


def test_classes_for_om_and_their_files_are_read_without_numba() -> None:
    done = run(
        WITHOUT
        + "from beamloom.apps.om import Reducer, Worker\n"
        + "from beamloom.apps.crystallography import Simulation\n"
        + "from beamloom.apps.crystallography.monitor import read_monitor\n"
        + "print(Worker.__name__, Simulation().shape)\n"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "Worker (256, 320)\n"
