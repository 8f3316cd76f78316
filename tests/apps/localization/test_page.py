"""What the page on localization shows runs, and it names all there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from beamloom.apps.localization import LOCALIZATION, Reducer
from beamloom.parameters import expand
from beamloom.pipeline_file import parse_pipeline

YAML = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def page(repository: Path) -> str:
    return (repository / "docs/apps/localization.md").read_text()


def test_the_example_of_the_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = BLOCK.findall(page)
    exec(compile(block, "localization.md", "exec"), {})
    assert (tmp_path / "cells.h5r").stat().st_size > 10_000


def test_the_pipeline_of_the_page_is_one(page: str, tmp_path: Path) -> None:
    (block,) = YAML.findall(page)
    pipeline = parse_pipeline(block, folder=tmp_path)
    assert isinstance(pipeline.parameters, dict)
    assert set(pipeline.parameters) <= {part.name for part in expand(Reducer.describe_parameters())}


def test_the_page_names_all_parameters_and_columns(page: str) -> None:
    names = [one.name for one in Reducer.describe_parameters()] + list(LOCALIZATION.names or ())
    assert [name for name in names if f"`{name}`" not in page] == []
