"""What the page on spectroscopy shows runs, and what is missing is named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from apps.pages import check_page
from beamloom.apps.spectroscopy import Worker


def test_the_examples_of_the_page_run_and_it_names_all_parameters(repository: Path, tmp_path: Path) -> None:
    check_page(repository / "docs/apps/spectroscopy.md", Worker.describe_parameters(), tmp_path)


def test_without_numba_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['numba'] = None\nfrom beamloom.apps.spectroscopy import Worker\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50)
    assert done.returncode == 1
    assert "pip install 'beamloom[spectroscopy]'" in done.stderr
