"""What the pages on monitor.yaml and on classes for OM show is so."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from beamloom.apps.crystallography import Reducer
from beamloom.apps.crystallography.monitor import keys
from beamloom.apps.om.parameters import describe
from beamloom.apps.om.processing import METHODS
from beamloom.parameters import expand
from beamloom.pipeline_file import parse_pipeline

BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_page_names_every_key_and_group(repository: Path) -> None:
    page = (repository / "docs/apps/monitor-yaml.md").read_text()
    names = [*keys.GROUPS, *keys.OTHER_GROUPS, *(name for inside in keys.GROUPS.values() for name in inside)]
    headings = set(re.findall(r"^### (\w+)$", page, re.MULTILINE))
    generic = {"lcls_extra", "data_sources"}
    missing = [name for name in names if f"`{name}`" not in page and name not in headings | generic]
    assert missing == []
    assert all(name in page for name in generic)


def test_the_own_group_of_the_page_has_parameters_of_the_analysis(repository: Path) -> None:
    (block,) = BLOCK.findall((repository / "docs/apps/monitor-yaml.md").read_text())
    described = {part.name for part in expand(Reducer.describe_parameters())}
    assert set(yaml.safe_load(block)[keys.BEAMLOOM]) <= described


def test_the_pipeline_of_the_page_on_classes_is_one(repository: Path, tmp_path: Path) -> None:
    page = (repository / "docs/apps/om.md").read_text()
    (block,) = BLOCK.findall(page)
    pipeline = parse_pipeline(block, folder=tmp_path)
    assert isinstance(pipeline.parameters, dict)
    assert set(pipeline.parameters) <= {one.name for one in describe()}
    assert all(f"`{method}" in page for method in METHODS)
