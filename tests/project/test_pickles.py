"""Who reads pickles is written down here: a new place is a decision, not an accident."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(180)  # all sources are parsed

READ_ANYTHING = {
    "beamloom/capsules/_call.py",  # a file that the user names to 'beamloom debug'
    "beamloom/client/_values.py",  # a notebook that says trust_pickle=True
    "beamloom/devices/testing/_parsing.py",  # the conformance kit, what it has pickled itself
    "beamloom/transport/codec/_decoder.py",  # results, where the reducer has allow_pickle
}
READ_A_LIST_OF_NAMES = {
    "beamloom/devices/pickles/unpickle.py",
    "beamloom/engine/runs/checkpoint.py",
    "beamloom/parameters/_files.py",
    "beamloom/recordings/pickled.py",
}
OTHER_READERS = {"cloudpickle", "dill", "joblib", "marshal", "shelve"}


@functools.cache
def _trees(repository: Path) -> dict[str, ast.Module]:
    source = repository / "src"
    return {str(path.relative_to(source)): ast.parse(path.read_text()) for path in source.rglob("*.py")}


def _uses(tree: ast.Module, *names: str) -> bool:
    return any(
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in ("pickle", "_pickle")
        and node.attr in names
        for node in ast.walk(tree)
    )


def _imported(tree: ast.Module) -> set[str]:
    plain = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    return plain | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


def test_pickles_of_anybody_are_read_only_where_that_is_listed(repository: Path) -> None:
    assert {
        path for path, tree in _trees(repository).items() if _uses(tree, "load", "loads")
    } == READ_ANYTHING


def test_unpicklers_of_our_own_are_those_with_a_list_of_names(repository: Path) -> None:
    trees = _trees(repository)
    assert {path for path, tree in trees.items() if _uses(tree, "Unpickler")} == READ_A_LIST_OF_NAMES


def test_pickle_comes_in_under_its_own_name_and_nothing_like_it_does(repository: Path) -> None:
    for path, tree in _trees(repository).items():
        renamed = [
            name.asname
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for name in node.names
            if name.name in ("pickle", "_pickle") and name.asname
        ]
        froms = [n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level == 0]
        assert not renamed, path
        assert "pickle" not in froms, path
        assert not OTHER_READERS & _imported(tree), path
