"""What is not installed is named, with what to install; and importing the rest costs nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=False
    )


def test_without_numba_the_package_and_the_simulation_work_and_a_fit_says_what_to_install() -> None:
    without = (
        "import sys; sys.modules['numba'] = None\nfrom beamloom.apps.localization import Simulation, good\n"
    )
    done = run(without + "print(Simulation(frames=1).frame(0).shape)")
    assert "(128, 128)" in done.stdout, done.stderr
    done = run(without + "from beamloom.apps.localization import localize")
    assert done.returncode == 1
    assert "pip install 'beamloom[localization]'" in done.stderr


@pytest.mark.parametrize("library", ["h5py", "pyarrow"])
def test_without_the_library_of_a_file_it_is_named(library: str) -> None:
    ending = {"h5py": "h5", "pyarrow": "parquet"}[library]
    done = run(
        f"import sys; sys.modules[{library!r}] = None\n"
        "from beamloom.apps.localization import LOCALIZATION, write_table\nimport numpy as np\n"
        f"write_table('never.{ending}', np.zeros(1, LOCALIZATION))"
    )
    assert f"this file needs {library}" in done.stderr
    assert "pip install 'beamloom[localization]'" in done.stderr
