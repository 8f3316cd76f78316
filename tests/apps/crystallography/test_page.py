"""What the page on crystallography shows runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.ports import quiet_port

BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_examples_of_the_page_run(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = BLOCK.findall((repository / "docs/apps/crystallography.md").read_text())
    assert len(blocks) >= 3
    port = quiet_port()
    for block in blocks:
        exec(compile(block.replace("12322", str(port)), "crystallography.md", "exec"), {})
    assert "Recall(estimate=1.0" in capsys.readouterr().out
