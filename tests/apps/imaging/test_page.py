"""What the page on imaging shows runs."""

from __future__ import annotations

from pathlib import Path

from apps.pages import check_page
from beamloom.apps.imaging import DifferenceWorker, Worker


def test_the_examples_of_the_page_run_and_it_names_all_parameters(repository: Path, tmp_path: Path) -> None:
    described = [*Worker.describe_parameters(), *DifferenceWorker.describe_parameters()]
    check_page(repository / "docs/apps/imaging.md", described, tmp_path)
