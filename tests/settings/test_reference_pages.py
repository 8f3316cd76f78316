"""The reference pages say what the code does."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest


@pytest.mark.parametrize("page", ["api.md", "cli.md", "messages.md", "pipeline-file.md", "settings.md"])
def test_a_reference_page_is_in_step_with_the_code(
    page: str, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = repository / "docs" / "reference"
    monkeypatch.syspath_prepend(folder)
    updated = runpy.run_path(str(folder / "update.py"))["updated"]
    assert (folder / page).read_text() == updated(folder / page), "run docs/reference/update.py"
