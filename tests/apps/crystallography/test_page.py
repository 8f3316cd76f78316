"""What the page on crystallography shows runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from beamloom.apps.crystallography import Reducer
from beamloom.parameters import expand
from beamloom.pipeline_file import parse_pipeline
from support.ports import quiet_port

YAML = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_examples_of_the_page_run(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = BLOCK.findall((repository / "docs/apps/crystallography.md").read_text())
    assert len(blocks) >= 3
    port = quiet_port()
    for block in blocks:
        exec(compile(block.replace("12322", str(port)), "crystallography.md", "exec"), {})
    assert "Recall(estimate=1.0" in capsys.readouterr().out


def test_the_pipeline_of_the_page_is_one(repository: Path, tmp_path: Path) -> None:
    (block,) = YAML.findall((repository / "docs/apps/crystallography.md").read_text())
    pipeline = parse_pipeline(block, folder=tmp_path)
    described = {part.name for part in expand(Reducer.describe_parameters())}
    assert isinstance(pipeline.parameters, dict)
    assert set(pipeline.parameters) <= described


def test_the_page_names_all_parameters(repository: Path) -> None:
    page = (repository / "docs/apps/crystallography.md").read_text()
    missing = [one.name for one in Reducer.describe_parameters() if f"`{one.name}`" not in page]
    assert missing == []
