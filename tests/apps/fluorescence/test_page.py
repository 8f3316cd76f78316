"""What the page on fluorescence shows runs."""

from __future__ import annotations

from pathlib import Path

from apps.pages import check_page
from beamloom.apps.fluorescence import Worker


def test_the_examples_of_the_page_run_and_it_names_all_parameters(repository: Path, tmp_path: Path) -> None:
    check_page(repository / "docs/apps/fluorescence.md", Worker.describe_parameters(), tmp_path)
