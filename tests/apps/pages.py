"""Pages of ready analyses: their examples run, their pipeline files are some, and they name every parameter."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from beamloom import Parameter
from beamloom.parameters import expand
from beamloom.pipeline_file import parse_pipeline

FENCE = re.compile(r"^```(python|yaml)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def check_page(path: Path, described: Iterable[Parameter], folder: Path) -> None:
    """Run and read all that the page shows."""
    page = path.read_text()
    blocks = FENCE.findall(page)
    assert {kind for kind, _ in blocks} == {"python", "yaml"}
    described = list(described)
    names = {part.name for part in expand(described)}
    for kind, block in blocks:
        if kind == "python":
            exec(compile(block, path.name, "exec"), {})
        else:
            given = parse_pipeline(block, folder=folder).parameters
            assert set(given if isinstance(given, dict) else {}) <= names
    assert [one.name for one in described if f"`{one.name}`" not in page] == []
