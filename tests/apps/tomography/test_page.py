"""What the page on tomography shows runs, and numba is needed for slices alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from apps.pages import check_page
from beamloom.apps.tomography import Republisher, Worker


def test_the_examples_of_the_page_run_and_it_names_all_parameters(repository: Path, tmp_path: Path) -> None:
    described = {one.name: one for one in [*Worker.describe_parameters(), *Republisher.describe_parameters()]}
    check_page(repository / "docs/apps/tomography.md", described.values(), tmp_path)


def test_frames_are_sent_on_without_numba_and_slices_say_what_to_install() -> None:
    code = (
        "import sys; sys.modules['numba'] = None\n"
        "from beamloom.apps.tomography import Reducer, Republisher, Worker\n"
        "print('there')\n"
        "from beamloom.apps.tomography import Stack\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50)
    assert "there" in done.stdout
    assert done.returncode == 1
    assert "pip install 'beamloom[tomography]'" in done.stderr
